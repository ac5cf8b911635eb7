-- Training hours of one employee: never changed, only corrected by a row that takes its place, or withdrawn.

create table opleidingsregistraties (
  like platform.row including all,
  id                    uuid    not null,
  root_id               uuid    not null,
  corrects_id           uuid,
  corrected_by_id       uuid,
  organisation_id       uuid    not null,
  medewerker_id         uuid    not null,
  leeruitwisseling_id   uuid    not null,
  title                 text    check (length(title) <= 200),
  from_on               date    not null,
  until_on              date    not null check (until_on >= from_on),
  hours                 bigint  not null check (hours > 0),
  days                  jsonb   not null,
  classification        text    not null check (classification in ('informal', 'formal', 'initial')),
  confirmed_by_employer boolean not null default false,
  within_working_time   boolean not null default true,
  reason                text    check (length(reason) <= 2000),
  deleted_at            timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint opleidingsregistraties_corrects_key unique (tenant_id, corrects_id),
  foreign key (tenant_id, organisation_id, corrects_id) references opleidingsregistraties (tenant_id, organisation_id, id),
  foreign key (tenant_id, organisation_id, corrected_by_id) references opleidingsregistraties (tenant_id, organisation_id, id) deferrable initially deferred,
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id)
);
-- An exchange gives each employee one chain of hours.
create unique index opleidingsregistraties_chain_key on opleidingsregistraties (tenant_id, leeruitwisseling_id, medewerker_id)
  where corrected_by_id is null and deleted_at is null;
create index on opleidingsregistraties (tenant_id, organisation_id);
create index on opleidingsregistraties (tenant_id, medewerker_id);
call platform.isolate('opleidingsregistraties', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'medewerker_id = (select cur_medewerker())');
revoke delete on opleidingsregistraties from switchboard_app;
call platform.pii('opleidingsregistraties', 'none', 'id root_id corrects_id corrected_by_id organisation_id leeruitwisseling_id classification confirmed_by_employer within_working_time deleted_at');
call platform.pii('opleidingsregistraties', 'pseudonym', 'medewerker_id');
call platform.pii('opleidingsregistraties', 'learning', 'title from_on until_on hours days reason');
