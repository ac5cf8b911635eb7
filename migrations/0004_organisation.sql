-- Employers, their sites, departments and contacts; and the ids that other systems know things by.

create table organisations (
  like platform.row including all,
  id                uuid    not null,
  name              text    not null check (length(name) between 1 and 200),
  enterprise_number text    check (enterprise_number ~ '^[01][0-9]{3}\.[0-9]{3}\.[0-9]{3}$'),
  kind              text    not null check (kind in ('profit', 'non_profit', 'public', 'social_economy')),
  sector            text    not null check (length(sector) between 1 and 200),
  workforce         text    check (workforce in ('white_collar', 'blue_collar', 'mixed')),
  headcount         integer check (headcount between 0 and 10000000),
  stage             text    not null default 'informed' check (stage in ('informed', 'interested', 'intake', 'engaged', 'paused', 'stopped')),
  external_ids      jsonb   not null default '[]',
  primary key (tenant_id, id),
  constraint organisations_enterprise_number_key unique (tenant_id, enterprise_number)
);
call platform.isolate('organisations', 'organisation', org => 'id = (select cur_organisation())', mdw => 'id = (select cur_organisation())');
call platform.pii('organisations', 'none', 'id name enterprise_number kind sector workforce headcount stage external_ids');

create table sites (
  like platform.row including all,
  id               uuid    not null,
  organisation_id  uuid    not null,
  name             text    not null check (length(name) between 1 and 200),
  street           text    not null check (length(street) between 1 and 200),
  postcode         text    not null check (length(postcode) between 1 and 20),
  municipality     text    not null check (length(municipality) between 1 and 200),
  latitude         double precision check (latitude between -90 and 90),
  longitude        double precision check (longitude between -180 and 180),
  public_transport boolean not null,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint sites_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  check ((latitude is null) = (longitude is null))
);
create index on sites (tenant_id, organisation_id);
call platform.isolate('sites', 'organisation', org => 'organisation_id = (select cur_organisation())', mdw => 'organisation_id = (select cur_organisation())');
call platform.pii('sites', 'none', 'id organisation_id name street postcode municipality latitude longitude public_transport');

create table departments (
  like platform.row including all,
  id                 uuid    not null,
  organisation_id    uuid    not null,
  name               text    not null check (length(name) between 1 and 200),
  open_to_switchers  boolean not null,
  excluded_functions text[]  not null,
  reason             text    check (length(reason) <= 1000),
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint departments_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id)
);
create index on departments (tenant_id, organisation_id);
call platform.isolate('departments', 'organisation', org => 'organisation_id = (select cur_organisation())', mdw => 'organisation_id = (select cur_organisation())');
call platform.pii('departments', 'none', 'id organisation_id name open_to_switchers excluded_functions reason');

create table contacts (
  like platform.row including all,
  id              uuid    not null,
  organisation_id uuid    not null,
  name            text    not null check (length(name) between 1 and 200),
  email           text    check (length(email) <= 254),
  phone           text    check (length(phone) <= 40),
  function        text    not null check (length(function) between 1 and 200),
  decides         boolean not null,
  follows_up      boolean not null,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint contacts_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id)
);
create index on contacts (tenant_id, organisation_id);
call platform.isolate('contacts', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('contacts', 'none', 'id organisation_id decides follows_up');
call platform.pii('contacts', 'identity', 'name');
call platform.pii('contacts', 'contact', 'email phone');
call platform.pii('contacts', 'employment', 'function');

-- One value of one system names one subject of one employer and noun. For employers themselves the owner is the tenant:
-- organisation_id is then the zero uuid, so that the key needs no NULL.
create table external_ids (
  tenant_id       uuid not null,
  noun            text not null,
  organisation_id uuid not null,
  system          text not null check (system ~ '^[a-z0-9_-]{1,32}$'),
  value           text not null check (length(value) between 1 and 128),
  subject_id      uuid not null,
  constraint external_ids_pkey primary key (tenant_id, noun, organisation_id, system, value),
  constraint external_ids_subject_key unique (tenant_id, noun, subject_id, system)
);
create index on external_ids (tenant_id, noun, system, value);
call platform.isolate('external_ids', 'organisation',
  org => '(noun = ''organisation'' and subject_id = (select cur_organisation()) or organisation_id = (select cur_organisation()))');
call platform.pii('external_ids', 'none', 'tenant_id noun organisation_id system');
call platform.pii('external_ids', 'pseudonym', 'value subject_id');

alter table clients add constraint clients_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id);
alter table webhook_endpoints add constraint webhook_endpoints_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id);
