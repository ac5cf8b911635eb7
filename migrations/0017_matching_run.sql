-- Matching runs: one computed assignment of a cohort, what came of each leervraag, and the judgements that it stands on.

-- Weights of a cohort in place of the tenant's. Every change is a row; the newest counts. One without weights goes back
-- to the tenant's.
create table cohort_weights (
  like platform.row including all,
  id           uuid    not null,
  cohort_id    uuid    not null,
  version      integer not null check (version > 0),
  instead_of   integer not null check (instead_of >= 0), -- the version of the tenant's weights that counted then; 0: the defaults
  content      integer check (content between 0 and 10000),
  preference   integer check (preference between 0 and 10000),
  distance     integer check (distance between 0 and 10000),
  availability integer check (availability between 0 and 10000),
  size         integer check (size between 0 and 10000),
  workforce    integer check (workforce between 0 and 10000),
  cross_sector integer check (cross_sector between 0 and 10000),
  primary key (tenant_id, id),
  constraint cohort_weights_version_key unique (tenant_id, cohort_id, version),
  constraint cohort_weights_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  check (num_nulls(content, preference, distance, availability, size, workforce, cross_sector) = 7
    or num_nulls(content, preference, distance, availability, size, workforce, cross_sector) = 0
      and content + preference + distance + availability + size + workforce + cross_sector = 10000)
);
call platform.isolate('cohort_weights', 'tenant');
revoke update, delete on cohort_weights from switchboard_app;
call platform.pii('cohort_weights', 'none', 'id cohort_id version instead_of content preference distance availability size workforce cross_sector');

create table matching_runs (
  like platform.row including all,
  id              uuid    not null,
  cohort_id       uuid    not null,
  status          text    not null check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
  based_on        uuid,
  objective       text    not null check (objective in ('total', 'worst_off_first')),
  floor           integer not null check (floor between 0 and 10000),
  stability_bonus integer not null check (stability_bonus between 0 and 10000),
  reciprocity     boolean not null,
  weights         jsonb   not null,
  weights_source  text    not null check (weights_source in ('run', 'cohort', 'tenant', 'default')),
  weights_version integer check (weights_version > 0),
  pins            jsonb   not null,
  stage           text    not null check (stage in ('waiting', 'loading', 'judging', 'solving', 'pricing', 'certifying', 'explaining', 'storing', 'ended')),
  done            integer not null default 0,
  total           integer not null default 0,
  attempt         integer not null default 0, -- who holds the lease
  lease_until     timestamptz,                -- by the clock of the database
  started_at      timestamptz,
  ended_at        timestamptz,
  failure         text,
  algorithm       text,
  input_hash      bytea   check (octet_length(input_hash) = 32),
  result_hash     bytea   check (octet_length(result_hash) = 32),
  summary         jsonb,
  primary key (tenant_id, id),
  constraint matching_runs_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  constraint matching_runs_based_on_fkey foreign key (tenant_id, based_on) references matching_runs (tenant_id, id),
  check ((status = 'done') = (summary is not null))
);
-- One run of a cohort at a time.
create unique index matching_runs_active_key on matching_runs (tenant_id, cohort_id) where status in ('queued', 'running');
create index on matching_runs (tenant_id, cohort_id);
call platform.isolate('matching_runs', 'tenant');
call platform.pii('matching_runs', 'none', 'id cohort_id status based_on objective floor stability_bonus reciprocity weights weights_source weights_version pins stage done total attempt lease_until started_at ended_at failure algorithm input_hash result_hash summary');

-- What a run came to for each leervraag of the cohort.
create table matching_run_places (
  tenant_id    uuid    not null,
  run_id       uuid    not null,
  leervraag_id uuid    not null,
  standing     text    not null check (standing in ('chosen', 'pinned', 'settled', 'unmatched')),
  change       text    not null check (change in ('kept', 'moved', 'new', 'dropped', 'none')),
  leerplek_id  uuid    check ((leerplek_id is null) = (standing = 'unmatched')),
  leercoach_id uuid,
  score        integer,
  detail       jsonb   not null,
  match_id     uuid, -- what people made of it
  primary key (tenant_id, run_id, leervraag_id),
  constraint matching_run_places_run_fkey foreign key (tenant_id, run_id) references matching_runs (tenant_id, id),
  constraint matching_run_places_match_fkey foreign key (tenant_id, match_id) references matches (tenant_id, id)
);
call platform.isolate('matching_run_places', 'tenant');
call platform.pii('matching_run_places', 'none', 'tenant_id run_id leervraag_id standing change leerplek_id score detail match_id');
call platform.pii('matching_run_places', 'pseudonym', 'leercoach_id');

-- The judgements that a run stands on, packed: for explaining it, and for the run that is based on it.
create table matching_run_problems (
  tenant_id uuid  not null,
  run_id    uuid  not null,
  packed    bytea not null,
  primary key (tenant_id, run_id),
  foreign key (tenant_id, run_id) references matching_runs (tenant_id, id)
);
call platform.isolate('matching_run_problems', 'tenant');
call platform.pii('matching_run_problems', 'none', 'tenant_id run_id packed');
