-- Facts, where they go, and the queue that takes them there.

-- A UUIDv7 (RFC 9562, section 5.7) for rows that a statement makes by itself: ids made later sort later, down to the
-- millisecond.
create function platform.new_id() returns uuid language sql volatile parallel safe as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

create table events (
  tenant_id        uuid        not null,
  id               uuid        not null,
  type             text        not null check (type ~ '^[a-z_]+\.[a-z_]+$'),
  noun             text        not null generated always as (split_part(type, '.', 1)) stored,
  subject_id       uuid        not null,
  subject          text        not null,
  revision         bigint      not null,
  organisation_ids uuid[]      not null,
  medewerker_ids   uuid[]      not null,
  data             jsonb       not null,
  external_ids     jsonb       not null default '[]',
  occurred_at      timestamptz not null,
  actor            text        not null,
  on_behalf_of     text,
  request_id       text        not null,
  pos              bigint      not null default platform.position(),
  primary key (tenant_id, id)
) partition by range (id);
create table events_rest partition of events default;
call platform.isolate('events', 'organisation', org => '(select cur_organisation()) = any (organisation_ids)', mdw => '(select cur_medewerker()) = any (medewerker_ids)');
call platform.isolate('events_rest', 'organisation', org => '(select cur_organisation()) = any (organisation_ids)', mdw => '(select cur_medewerker()) = any (medewerker_ids)');
call platform.pii('events', 'none', 'tenant_id id type noun revision organisation_ids data occurred_at request_id pos');
call platform.pii('events', 'pseudonym', 'subject_id subject medewerker_ids external_ids actor');
call platform.pii('events', 'identity', 'on_behalf_of');
call platform.pii('events_rest', 'none', 'tenant_id id type noun revision organisation_ids data occurred_at request_id pos');
call platform.pii('events_rest', 'pseudonym', 'subject_id subject medewerker_ids external_ids actor');
call platform.pii('events_rest', 'identity', 'on_behalf_of');

create table webhook_endpoints (
  like platform.row including all,
  id              uuid   not null,
  client_id       uuid   not null,
  organisation_id uuid,
  url             text   not null check (length(url) <= 2048),
  event_types     text[] not null,
  type_patterns   text[] not null,
  nouns           text[] not null,
  description     text check (length(description) <= 500),
  status          text   not null default 'pending' check (status in ('pending', 'active', 'disabled', 'deleted')),
  failing_since   timestamptz,
  warned          integer not null default 0 check (warned between 0 and 2),
  disabled_at     timestamptz,
  disabled_reason text check (disabled_reason in ('gone', 'failing', 'owner_revoked')),
  deleted_at      timestamptz,
  primary key (tenant_id, id),
  constraint webhook_endpoints_client_fkey foreign key (tenant_id, client_id) references clients (tenant_id, id)
);
create index on webhook_endpoints (tenant_id, client_id);
call platform.isolate('webhook_endpoints', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_endpoints', 'none', 'id client_id organisation_id url event_types type_patterns nouns description status failing_since warned disabled_at disabled_reason deleted_at');

create table webhook_secrets (
  tenant_id       uuid        not null,
  id              uuid        not null,
  endpoint_id     uuid        not null,
  organisation_id uuid,
  sealed          bytea       not null,
  created_at      timestamptz not null,
  expires_at      timestamptz,
  primary key (tenant_id, id),
  constraint webhook_secrets_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index on webhook_secrets (tenant_id, endpoint_id);
call platform.isolate('webhook_secrets', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_secrets', 'none', 'tenant_id id endpoint_id organisation_id created_at expires_at');
call platform.pii('webhook_secrets', 'secret', 'sealed');

create table webhook_deliveries (
  tenant_id       uuid        not null,
  id              uuid        not null default platform.new_id(),
  event_id        uuid        not null,
  endpoint_id     uuid        not null,
  organisation_id uuid,
  type            text        not null,
  status          text        not null default 'waiting' check (status in ('waiting', 'delivered', 'failed', 'cancelled')),
  attempts        integer     not null default 0,
  created_at      timestamptz not null,
  next_attempt_at timestamptz,
  delivered_at    timestamptz,
  primary key (tenant_id, id),
  constraint webhook_deliveries_event_endpoint_key unique (tenant_id, event_id, endpoint_id),
  constraint webhook_deliveries_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index on webhook_deliveries (tenant_id, endpoint_id, id);
create index on webhook_deliveries (tenant_id, created_at);
call platform.isolate('webhook_deliveries', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_deliveries', 'none', 'tenant_id id event_id endpoint_id organisation_id type status attempts created_at next_attempt_at delivered_at');

create table webhook_attempts (
  tenant_id       uuid        not null,
  id              uuid        not null,
  delivery_id     uuid        not null,
  endpoint_id     uuid        not null,
  organisation_id uuid,
  at              timestamptz not null,
  status          integer,
  outcome         text        not null check (outcome in ('delivered', 'refused', 'unreachable', 'gone')),
  duration_ms     integer     not null,
  answer          bytea,
  primary key (tenant_id, id)
) partition by range (id);
create table webhook_attempts_rest partition of webhook_attempts default;
create index on webhook_attempts (tenant_id, delivery_id);
call platform.isolate('webhook_attempts', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.isolate('webhook_attempts_rest', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_attempts', 'none', 'tenant_id id delivery_id endpoint_id organisation_id at status outcome duration_ms');
call platform.pii('webhook_attempts', 'pseudonym', 'answer');
call platform.pii('webhook_attempts_rest', 'none', 'tenant_id id delivery_id endpoint_id organisation_id at status outcome duration_ms');
call platform.pii('webhook_attempts_rest', 'pseudonym', 'answer');

-- The queue holds keys alone. A row may be taken once `due_at` has come: when the delivery is due, or when the lease of
-- who took it has run out. `lease` is new with every taking: who no longer holds it changes nothing. A test is the
-- endpoint's own test event, which goes out while the rest is held.
create table platform.delivery_queue (
  delivery_id uuid        primary key,
  tenant_id   uuid        not null,
  endpoint_id uuid        not null,
  due_at      timestamptz not null,
  lease       uuid,
  test        boolean     not null default false
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index on platform.delivery_queue (endpoint_id, due_at) where not test;
create index on platform.delivery_queue (due_at) where test;
create index on platform.delivery_queue (due_at);
call platform.pii('platform.delivery_queue', 'none', 'delivery_id tenant_id endpoint_id due_at lease test');

-- Endpoints whose deliveries wait: not verified yet, or disabled. It stands here and not with each row of the queue, so
-- that a fact which commits just after its endpoint became active is not left waiting.
create table platform.delivery_holds (
  endpoint_id uuid primary key,
  tenant_id   uuid not null
);
call platform.pii('platform.delivery_holds', 'none', 'endpoint_id tenant_id');
