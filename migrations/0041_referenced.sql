-- For the job that reads texts again, which asks for those of any other version than its own. Here, and not where the column is made, so that who
-- reads leerplekken waits for no index.
create index on leerplekken (tenant_id, lexemes_version, id);

-- When two employers are merged their rows move, and for each that moves PostgreSQL looks for rows that still name it where it was. Without
-- an index that is every row of the tenant, for each of them: of a large employer more than a transaction has time for.
create index on suggestion_dismissals (tenant_id, leerplek_id);
create index on cohort_preferences (tenant_id, medewerker_id);
create index on cohort_leervragen (tenant_id, leervraag_id);
create index on cohort_leerplekken (tenant_id, leerplek_id);
create index on leeruitwisseling_days (tenant_id, site_id) where site_id is not null;
create index on medewerkers (tenant_id, site_id) where site_id is not null;
create index on medewerkers (tenant_id, department_id) where department_id is not null;
create index on leerplekken (tenant_id, site_id) where site_id is not null;
create index on leerplekken (tenant_id, department_id) where department_id is not null;
create index on organisation_needs (tenant_id, department_id) where department_id is not null;
create index on clients (tenant_id, medewerker_id) where medewerker_id is not null;
create index on opleidingsregistraties (tenant_id, corrected_by_id) where corrected_by_id is not null;
