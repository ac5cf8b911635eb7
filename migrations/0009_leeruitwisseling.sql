-- The exchange. What the host needs of switcher and leervraag is a copy from the moment of acceptance: the host never
-- reads the other employer's rows.

create table leeruitwisselingen (
  like platform.row including all,
  id                        uuid    not null,
  match_id                  uuid    not null,
  leervraag_id              uuid    not null,
  leerplek_id               uuid    not null,
  sending_organisation_id   uuid    not null,
  receiving_organisation_id uuid    not null,
  switcher_id               uuid    not null,
  leercoach_ids             uuid[]  not null check (cardinality(leercoach_ids) between 1 and 20),
  internal                  boolean not null,
  status                    text    not null default 'preparing' check (status in ('preparing', 'planned', 'in_progress', 'completed', 'cancelled')),

  sending_name              text    not null,
  receiving_name            text    not null,
  switcher_name             text    not null,
  switcher_job_title        text    not null,
  switcher_language         text    not null,
  leervraag_version         integer not null,
  leervraag_title           text    not null,
  leervraag_text            text    not null,
  leerplek_title            text    not null,
  meeting_point             text    check (length(meeting_point) <= 1000),
  safety_note               text    check (length(safety_note) <= 5000),
  site_id                   uuid,

  kennismakingsgesprek      jsonb,
  plan_goals                text[],
  plan_activities           text[],
  plan_people               text[],
  plan_success              text    check (length(plan_success) <= 5000),
  insured_work_accident     boolean,
  insured_commute           boolean,
  insured_liability         boolean,
  safety_exchanged          boolean not null default false,
  cancel_reason             text    check (cancel_reason in ('illness', 'employer', 'switcher', 'leercoach', 'safety', 'other')),
  cancelled_by_party        text    check (cancelled_by_party in ('sending', 'receiving', 'switcher', 'leercoach', 'partner')),
  planned_at                timestamptz,
  completed_at              timestamptz,
  cancelled_at              timestamptz,
  primary key (tenant_id, id),
  constraint leeruitwisselingen_match_key unique (tenant_id, match_id),
  foreign key (tenant_id, match_id) references matches (tenant_id, id),
  foreign key (tenant_id, sending_organisation_id, leervraag_id) references leervragen (tenant_id, organisation_id, id),
  foreign key (tenant_id, receiving_organisation_id, leerplek_id) references leerplekken (tenant_id, organisation_id, id),
  foreign key (tenant_id, sending_organisation_id, switcher_id) references medewerkers (tenant_id, organisation_id, id),
  check ((plan_goals is null) = (plan_activities is null) and (plan_goals is null) = (plan_people is null))
);
alter table matches add constraint matches_leeruitwisseling_fkey foreign key (tenant_id, leeruitwisseling_id)
  references leeruitwisselingen (tenant_id, id) deferrable initially deferred;
create index on leeruitwisselingen (tenant_id, leerplek_id);
create index on leeruitwisselingen (tenant_id, leervraag_id);
create index on leeruitwisselingen (tenant_id, switcher_id);
create index on leeruitwisselingen (tenant_id, sending_organisation_id);
create index on leeruitwisselingen (tenant_id, receiving_organisation_id);
call platform.isolate('leeruitwisselingen', 'pair',
  org => '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id)',
  mdw => '(select cur_medewerker()) = switcher_id or (select cur_medewerker()) = any (leercoach_ids)');
call platform.pii('leeruitwisselingen', 'none', 'id match_id leervraag_id leerplek_id sending_organisation_id receiving_organisation_id internal status sending_name receiving_name leervraag_version leerplek_title meeting_point safety_note site_id insured_work_accident insured_commute insured_liability safety_exchanged cancelled_by_party planned_at completed_at cancelled_at cancel_reason');
call platform.pii('leeruitwisselingen', 'pseudonym', 'switcher_id leercoach_ids');
call platform.pii('leeruitwisselingen', 'identity', 'switcher_name');
call platform.pii('leeruitwisselingen', 'employment', 'switcher_job_title switcher_language');
call platform.pii('leeruitwisselingen', 'learning', 'leervraag_title leervraag_text kennismakingsgesprek plan_goals plan_activities plan_people plan_success');

create table leeruitwisseling_days (
  like platform.row including all,
  id                        uuid        not null,
  leeruitwisseling_id       uuid        not null,
  sending_organisation_id   uuid        not null,
  receiving_organisation_id uuid        not null,
  date_on                   date        not null,
  starts                    text        not null check (starts ~ '^[0-2][0-9]:[0-5][0-9]$'),
  ends                      text        not null check (ends ~ '^[0-2][0-9]:[0-5][0-9]$'),
  break_minutes             integer     not null check (break_minutes between 0 and 1440),
  starts_at                 timestamptz not null,
  ends_at                   timestamptz not null check (ends_at > starts_at),
  hours                     bigint      not null check (hours >= 0),
  site_id                   uuid,
  leercoach_ids             uuid[],
  attended                  boolean,
  attended_hours            bigint      check (attended_hours >= 0),
  safety_briefed            boolean,
  marked_at                 timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id),
  constraint leeruitwisseling_days_site_fkey foreign key (tenant_id, receiving_organisation_id, site_id) references sites (tenant_id, organisation_id, id)
);
create index on leeruitwisseling_days (tenant_id, leeruitwisseling_id);
call platform.isolate('leeruitwisseling_days', 'pair',
  org => '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id)',
  mdw => 'exists (select 1 from leeruitwisselingen l where l.tenant_id = leeruitwisseling_days.tenant_id and l.id = leeruitwisseling_days.leeruitwisseling_id)');
call platform.pii('leeruitwisseling_days', 'none', 'id leeruitwisseling_id sending_organisation_id receiving_organisation_id date_on starts ends break_minutes starts_at ends_at hours site_id');
call platform.pii('leeruitwisseling_days', 'pseudonym', 'leercoach_ids');
call platform.pii('leeruitwisseling_days', 'learning', 'attended attended_hours safety_briefed marked_at');

create table leeruitwisseling_signatures (
  tenant_id                 uuid        not null,
  leeruitwisseling_id       uuid        not null,
  party                     text        not null check (party in ('sending', 'receiving', 'switcher')),
  sending_organisation_id   uuid        not null,
  receiving_organisation_id uuid        not null,
  signed_by                 text        not null check (length(signed_by) between 1 and 200),
  method                    text        not null check (method in ('link', 'signed_in', 'recorded')),
  document_hash             bytea       not null check (octet_length(document_hash) = 32),
  signed_at                 timestamptz not null,
  recorded_by               text        not null,
  primary key (tenant_id, leeruitwisseling_id, party),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id)
);
call platform.isolate('leeruitwisseling_signatures', 'pair',
  org => '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id)',
  mdw => 'exists (select 1 from leeruitwisselingen l where l.tenant_id = leeruitwisseling_signatures.tenant_id and l.id = leeruitwisseling_signatures.leeruitwisseling_id)');
call platform.pii('leeruitwisseling_signatures', 'none', 'tenant_id leeruitwisseling_id party sending_organisation_id receiving_organisation_id method document_hash signed_at');
call platform.pii('leeruitwisseling_signatures', 'identity', 'signed_by');
call platform.pii('leeruitwisseling_signatures', 'pseudonym', 'recorded_by');

-- What one side notes stays on that side; without an employer it is the ST-partner's own.
create table leeruitwisseling_notes (
  tenant_id           uuid        not null,
  id                  uuid        not null,
  leeruitwisseling_id uuid        not null,
  organisation_id     uuid,
  at                  timestamptz not null,
  written_by          text        not null,
  text                text        not null check (length(text) between 1 and 5000),
  primary key (tenant_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id)
);
create index on leeruitwisseling_notes (tenant_id, leeruitwisseling_id);
call platform.isolate('leeruitwisseling_notes', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('leeruitwisseling_notes', 'none', 'tenant_id id leeruitwisseling_id organisation_id at');
call platform.pii('leeruitwisseling_notes', 'pseudonym', 'written_by');
call platform.pii('leeruitwisseling_notes', 'opinion', 'text');
