-- Webhooks: leases apart from due times, lanes with a rate or an order, keys of their own, what an endpoint asks for
-- besides types, and recoveries.

-- A lease stands in columns that no index holds: to take a delivery, and to keep it, writes no index.
alter table platform.delivery_queue
  add column leased_until timestamptz,
  add column subject_id   uuid,
  add column revision     bigint,
  add column event_id     uuid,
  set (fillfactor = 70);
update platform.delivery_queue set leased_until = due_at where lease is not null;
drop index platform.delivery_queue_due_at_idx1;
-- Deliveries that keep the order of their subject: each waits for the one before it.
create index delivery_queue_subject_idx on platform.delivery_queue (endpoint_id, subject_id, revision, event_id) where subject_id is not null;
call platform.pii('platform.delivery_queue', 'none', 'leased_until revision event_id');
call platform.pii('platform.delivery_queue', 'pseudonym', 'subject_id');

-- Whatever takes a delivery out of the queue lets the next one of its subject go, which may have been put aside.
create function platform.next_of_subject() returns trigger language plpgsql as $$
begin
  update platform.delivery_queue set due_at = clock_timestamp()
  where lease is null and delivery_id = (
    select delivery_id from platform.delivery_queue
    where endpoint_id = old.endpoint_id and subject_id = old.subject_id
    order by revision, event_id limit 1);
  return null;
end $$;
create trigger next_of_subject after delete on platform.delivery_queue
  for each row when (old.subject_id is not null) execute function platform.next_of_subject();

-- Endpoints that are not served as fast as can be: at most so many a second, by a bucket of tokens that all workers
-- share, or in the order of their subjects.
create table platform.delivery_lanes (
  endpoint_id uuid             primary key,
  tenant_id   uuid             not null,
  ordered     boolean          not null,
  per_second  integer,
  tokens      double precision not null default 1,
  refilled_at timestamptz      not null default now()
) with (fillfactor = 50);
call platform.pii('platform.delivery_lanes', 'none', 'endpoint_id tenant_id ordered per_second tokens refilled_at');

-- Does the data of a fact hold what a filter asks for? The filter is a list of conditions, all of which must hold:
-- {"path": [...], "in": [...]} or {"path": [...], "exists": true}. A member that is absent and one that is null are the
-- same; of a list one item is enough.
create function platform.filter_holds(filter jsonb, data jsonb) returns boolean language sql immutable parallel safe as $$
  select coalesce(bool_and(case
      when c.condition -> 'exists' is not null then (m.value <> 'null') = (c.condition -> 'exists')::boolean
      when jsonb_typeof(m.value) = 'array' then exists (select from jsonb_array_elements(m.value) item where c.condition -> 'in' @> item)
      else c.condition -> 'in' @> m.value
    end), true)
  from jsonb_array_elements(filter) c (condition)
  cross join lateral (select coalesce(data #> array(select jsonb_array_elements_text(c.condition -> 'path')), 'null') as value) m
$$;

alter table webhook_endpoints
  add column paused_at       timestamptz,
  add column filter          jsonb,
  add column payload         text   not null default 'standard' check (payload in ('standard', 'thin')),
  add column ordering        text   not null default 'none' check (ordering in ('none', 'subject')),
  add column rate_limit      integer check (rate_limit between 1 and 1000),
  add column header_names    text[] not null default '{}' check (cardinality(header_names) <= 20),
  add column headers         bytea,
  add column oauth_token_url text check (length(oauth_token_url) <= 2048),
  add column oauth_client_id text check (length(oauth_client_id) <= 200),
  add column oauth_scope     text check (length(oauth_scope) <= 1000),
  add column oauth_secret    bytea,
  add column certificate     text check (length(certificate) <= 16384),
  add column certificate_key bytea,
  add column alert_email     text check (length(alert_email) <= 254),
  add constraint webhook_endpoints_oauth_whole check ((oauth_secret is null) = (oauth_token_url is null) and (oauth_secret is null) = (oauth_client_id is null)),
  add constraint webhook_endpoints_certificate_whole check ((certificate is null) = (certificate_key is null));
call platform.pii('webhook_endpoints', 'none', 'paused_at filter payload ordering rate_limit header_names oauth_token_url oauth_client_id oauth_scope certificate');
call platform.pii('webhook_endpoints', 'secret', 'headers oauth_secret certificate_key');
call platform.pii('webhook_endpoints', 'contact', 'alert_email');

-- Each secret has a key pair beside it, for signatures that a receiver can check and cannot make.
alter table webhook_secrets
  add column public     bytea check (octet_length(public) = 32),
  add column key_sealed bytea,
  add constraint webhook_secrets_key_check check ((public is null) = (key_sealed is null));
call platform.pii('webhook_secrets', 'none', 'public');
call platform.pii('webhook_secrets', 'secret', 'key_sealed');

-- A recovery lets the schedule of a delivery begin anew: after base_attempts.
alter table webhook_deliveries add column base_attempts integer not null default 0 check (base_attempts >= 0);
call platform.pii('webhook_deliveries', 'none', 'base_attempts');

alter table webhook_attempts drop constraint webhook_attempts_outcome_check,
  add constraint webhook_attempts_outcome_check check (outcome in ('delivered', 'refused', 'unreachable', 'gone', 'no_token'));

-- A recovery sends an endpoint what it missed, batch by batch: cursor is the last fact that was looked at.
create table webhook_recoveries (
  like platform.row including all,
  id                  uuid        not null,
  endpoint_id         uuid        not null,
  organisation_id     uuid,
  since               timestamptz not null,
  event_types         text[]      not null,
  type_patterns       text[]      not null,
  nouns               text[]      not null,
  include_unrequested boolean     not null,
  status              text        not null default 'running' check (status in ('running', 'completed', 'cancelled')),
  cursor              uuid        not null,
  delivery_count      integer     not null default 0 check (delivery_count >= 0),
  finished_at         timestamptz,
  primary key (tenant_id, id),
  constraint webhook_recoveries_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index on webhook_recoveries (tenant_id, endpoint_id, id);
call platform.isolate('webhook_recoveries', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_recoveries', 'none', 'id endpoint_id organisation_id since event_types type_patterns nouns include_unrequested status cursor delivery_count finished_at');
