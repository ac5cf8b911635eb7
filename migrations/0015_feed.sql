-- Facts and tries of deliveries are kept for a while and then dropped, a partition at a time. And links to the webhook
-- console.

-- The least UUIDv7 of a moment, and the moment of a UUIDv7, both in milliseconds.
create function platform.first_id(at timestamptz) returns uuid language sql immutable parallel safe as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;
create function platform.moment(id uuid) returns timestamptz language sql immutable parallel safe as $$
  select to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
$$;

-- The history of one thing, whatever else happened in its tenant.
create index on events (tenant_id, subject_id, pos);

-- What was written until today ends with this day, and will go as a whole; new partitions begin tomorrow. The default
-- partition catches what no other takes: while no worker makes new ones, or a clock is far off.
do $$
declare
  parent text;
  c record;
  tomorrow timestamptz := (date_trunc('day', now() at time zone 'UTC') + interval '1 day') at time zone 'UTC';
begin
  foreach parent in array array['events', 'webhook_attempts'] loop
    execute format('alter table %I detach partition %I', parent, parent || '_rest');
    execute format('alter table %I rename to %I', parent || '_rest', parent || '_before');
    execute format('alter table %I attach partition %I for values from (minvalue) to (%L)', parent, parent || '_before', platform.first_id(tomorrow));
    execute format('revoke all on %I from switchboard_app', parent || '_before');
    execute format('create table %I partition of %I default', parent || '_rest', parent);
    for c in select attname, col_description(attrelid, attnum) as said from pg_attribute
             where attrelid = format('public.%I', parent)::regclass and attnum > 0 and not attisdropped loop
      execute format('comment on column %I.%I is %L', parent || '_rest', c.attname, c.said);
    end loop;
  end loop;
end $$;
call platform.isolate('events_rest', 'organisation', org => '(select cur_organisation()) = any (organisation_ids)', mdw => '(select cur_medewerker()) = any (medewerker_ids)');
call platform.isolate('webhook_attempts_rest', 'organisation', org => 'organisation_id = (select cur_organisation())');

-- keep_partitions drops the partitions of a table whose rows were all made before `before`, and makes new ones of `days`
-- days until there is one beyond `at` and the next. It is the one function that runs as its owner, because the app role
-- owns nothing: it takes no names but these two, and the app role could delete the same rows. It gives up rather than wait
-- for a lock, because everybody else would wait behind it. A new partition is guarded as the table is, and the app role
-- reaches it through the table alone.
create function platform.keep_partitions(parent text, days integer, at timestamptz, before timestamptz, out made integer, out dropped integer)
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '400ms' as $$
declare
  part record;
  policy record;
  name text;
  low timestamptz;
  top timestamptz;
begin
  if parent not in ('events', 'webhook_attempts') or days not between 1 and 366 then
    raise exception 'no partitions of % by % days', parent, days using errcode = 'invalid_parameter_value';
  end if;
  made := 0;
  dropped := 0;
  perform pg_advisory_xact_lock(hashtext('switchboard partitions'), hashtext(parent));
  for part in select c.relname, platform.moment(substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([0-9a-f-]{36})''\)')::uuid) as upper
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
              where i.inhparent = format('public.%I', parent)::regclass and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' loop
    if part.upper <= before then
      execute format('drop table %I', part.relname);
      dropped := dropped + 1;
    else
      top := greatest(top, part.upper);
    end if;
  end loop;
  -- Where nobody made partitions for a while, the default one holds today's rows: begin tomorrow.
  low := greatest(top, case when top is null or top <= at then date_trunc('day', at) + interval '1 day' end);
  while low <= at + make_interval(days => days) loop
    top := low + make_interval(days => days);
    name := parent || '_' || to_char(top, 'YYYYMMDD');
    execute format('create table %I (like %I including all)', name, parent);
    execute format('comment on table %I is %L', name, obj_description(format('public.%I', parent)::regclass, 'pg_class'));
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    for policy in select p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid) as qual, pg_get_expr(p.polwithcheck, p.polrelid) as checked
                  from pg_policy p where p.polrelid = format('public.%I', parent)::regclass loop
      execute format('create policy %I on %I as %s using (%s) with check (%s)', policy.polname, name,
        case when policy.polpermissive then 'permissive' else 'restrictive' end, policy.qual, policy.checked);
    end loop;
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, name, platform.first_id(low), platform.first_id(top));
    made := made + 1;
    low := top;
  end loop;
end $$;
revoke all on function platform.keep_partitions(text, integer, timestamptz, timestamptz) from public;
grant execute on function platform.keep_partitions(text, integer, timestamptz, timestamptz) to switchboard_app;

-- A link to the console. Its token stands in the directory alone, as a hash; it has what its maker had when it was made,
-- and never more than its maker has now.
create table webhook_console_links (
  tenant_id       uuid        not null,
  id              uuid        not null,
  client_id       uuid        not null,
  organisation_id uuid,
  endpoint_id     uuid,
  scopes          text[]      not null,
  created_at      timestamptz not null,
  expires_at      timestamptz not null,
  primary key (tenant_id, id),
  constraint webhook_console_links_client_fkey foreign key (tenant_id, client_id) references clients (tenant_id, id),
  constraint webhook_console_links_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id)
);
create index on webhook_console_links (tenant_id, expires_at);
create index on webhook_console_links (tenant_id, client_id);
create index on webhook_console_links (tenant_id, endpoint_id);
call platform.isolate('webhook_console_links', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('webhook_console_links', 'none', 'tenant_id id organisation_id endpoint_id scopes created_at expires_at');
call platform.pii('webhook_console_links', 'pseudonym', 'client_id');

-- Where a tenant lets its console be framed: origins of its partners' frontends.
alter table tenants add column frame_origins text[] not null default '{}'
  check (cardinality(frame_origins) <= 10 and length(array_to_string(frame_origins, ' ')) <= 2000);
call platform.pii('tenants', 'none', 'frame_origins');
