-- Employees: switcher, leercoach, or both over time.

create table medewerkers (
  like platform.row including all,
  id                     uuid    not null,
  organisation_id        uuid    not null,
  site_id                uuid,
  department_id          uuid,
  given_name             text    not null check (length(given_name) between 1 and 200),
  family_name            text    not null check (length(family_name) between 1 and 200),
  email                  text    check (length(email) <= 254),
  job_title              text    not null check (length(job_title) between 1 and 200),
  employment             text    not null check (employment in ('employee', 'self_employed', 'freelance', 'agency', 'seconded', 'outsourced')),
  language               text    not null check (language ~ '^[a-z]{2}$'),
  home_postcode          text    check (length(home_postcode) <= 20),
  max_travel_km          integer check (max_travel_km between 0 and 1000),
  needs_public_transport boolean not null,
  external_ids           jsonb   not null default '[]',
  ended_on               date,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint medewerkers_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint medewerkers_site_fkey foreign key (tenant_id, organisation_id, site_id) references sites (tenant_id, organisation_id, id),
  constraint medewerkers_department_fkey foreign key (tenant_id, organisation_id, department_id) references departments (tenant_id, organisation_id, id)
);
call platform.isolate('medewerkers', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'id = (select cur_medewerker())');
call platform.pii('medewerkers', 'pseudonym', 'id external_ids');
call platform.pii('medewerkers', 'identity', 'given_name family_name');
call platform.pii('medewerkers', 'contact', 'email');
call platform.pii('medewerkers', 'employment', 'organisation_id site_id department_id job_title employment language ended_on');
call platform.pii('medewerkers', 'location', 'home_postcode max_travel_km needs_public_transport');

alter table clients add constraint clients_medewerker_fkey
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id);
