-- How an endpoint fares: its tries of a period, the newest first, and what waits for it for longest.

create index on webhook_attempts (tenant_id, endpoint_id, at);
create index on webhook_deliveries (tenant_id, endpoint_id, id) where status = 'waiting';
