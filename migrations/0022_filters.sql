-- Filters that passed over the rows of others.
create index on clients (tenant_id, organisation_id, pos);
create index on opleidingsregistraties (tenant_id, root_id);
create index on opleidingsregistraties (tenant_id, leeruitwisseling_id);
create index on webhook_deliveries (tenant_id, status, id);
