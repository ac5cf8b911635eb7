-- What lists are read by. The database's own filter (row-level security) is served by no index, so the queries of bound
-- callers name their employer or employee too (internal/platform/page), and these find it in the order of a page.

-- Pages of one employer and of one employee, where no unique key (tenant_id, organisation_id, id) serves them.
create index on leerbewijzen (tenant_id, organisation_id, id);
create index on leerbewijzen (tenant_id, medewerker_id, id);
create index on surveys (tenant_id, medewerker_id, id);
create index on matches (tenant_id, sending_organisation_id, id);
create index on matches (tenant_id, receiving_organisation_id, id);
create index on matches (tenant_id, switcher_id, id);
-- Of a leerplek and of an exchange, whatever the status; the narrower index of accepted matches is part of the first.
create index on matches (tenant_id, leerplek_id, id);
create index on leerbewijzen (tenant_id, leeruitwisseling_id, id);
create index on leeruitwisselingen (tenant_id, sending_organisation_id, id);
create index on leeruitwisselingen (tenant_id, receiving_organisation_id, id);

-- What HR software of one employer follows by updated_since.
create index on medewerkers (tenant_id, organisation_id, pos);
create index on leervragen (tenant_id, organisation_id, pos);
create index on leerplekken (tenant_id, organisation_id, pos);
create index on matches (tenant_id, sending_organisation_id, pos);
create index on matches (tenant_id, receiving_organisation_id, pos);
create index on leeruitwisselingen (tenant_id, sending_organisation_id, pos);
create index on leeruitwisselingen (tenant_id, receiving_organisation_id, pos);
create index on opleidingsregistraties (tenant_id, organisation_id, pos);
create index on leerbewijzen (tenant_id, organisation_id, pos);
create index on surveys (tenant_id, organisation_id, pos);

-- Lists of one status or role. Published leerplekken are what every employer's callers list.
create index on leervragen (tenant_id, status, id);
create index on leerplekken (tenant_id, status, id);
create index on matches (tenant_id, status, id);
create index on leeruitwisselingen (tenant_id, status, id);
create index on surveys (tenant_id, status, id);
create index on surveys (tenant_id, role, id);
-- Most certificates are issued and do not expire: these are the few others.
create index on leerbewijzen (tenant_id, id) where status <> 'issued' or valid_until_on is not null;
-- What a run left without a place, and what it changed.
create index on matching_run_places (tenant_id, run_id, leervraag_id) where standing = 'unmatched';
create index on matching_run_places (tenant_id, run_id, change, leervraag_id) where standing <> 'unmatched';

-- Ranking one leerplek: what runs at its employer, and the first site with a postcode.
create index on leeruitwisselingen (tenant_id, receiving_organisation_id) where status in ('preparing', 'planned', 'in_progress');
create index on sites (tenant_id, postcode, id);
