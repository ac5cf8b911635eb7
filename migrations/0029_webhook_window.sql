-- What a recovery is about ends where it was asked for, and partitions come and go by the database's clock.

-- The position of the transaction that asked for a recovery: facts up to it may have found the endpoint disabled. One that
-- runs now is asked for now.
alter table webhook_recoveries add column until_pos bigint not null default platform.position();
call platform.pii('webhook_recoveries', 'none', 'until_pos');

-- The clock that judges what is old. A test that moves its own clock moves this one too.
create function platform.clock() returns timestamptz language sql stable parallel safe as $$ select clock_timestamp() $$;

-- As it was, and in bounds: a process whose clock is wrong must not drop facts of the last five days or tries of the last hour,
-- which every setting keeps, nor make partitions for a time that is far.
create or replace function platform.keep_partitions(parent text, days integer, at timestamptz, before timestamptz, out made integer, out dropped integer)
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '400ms' as $$
declare
  part record;
  policy record;
  name text;
  low timestamptz;
  top timestamptz;
begin
  if (parent in ('events', 'webhook_attempts') and days between 1 and 31) is not true then
    raise exception 'no partitions of % by % days', parent, days using errcode = 'invalid_parameter_value';
  end if;
  if before > platform.clock() - (case parent when 'events' then interval '5 days' else interval '1 hour' end) then
    raise exception 'what was made before % is not old', before using errcode = 'invalid_parameter_value';
  end if;
  if at not between platform.clock() - interval '31 days' and platform.clock() + interval '31 days' then
    raise exception '% is far from now', at using errcode = 'invalid_parameter_value';
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
