-- The pages of an employer: its own deliveries and recoveries, in the order of lists, whatever else the tenant sends. Those of
-- the tenant itself have no employer.
create index on webhook_deliveries (tenant_id, organisation_id, id) where organisation_id is not null;
create index on webhook_recoveries (tenant_id, organisation_id, id) where organisation_id is not null;
