-- Nothing that waits for its turn is forgotten when several are taken out of the queue at once, and a clock that is far ahead
-- stops no partition from being made.

-- Whatever takes a delivery out of the queue lets the next one of its subject go, which may have been put aside: the next after
-- it, whatever is before it, since that may be leaving in a transaction that this one cannot see yet. Where the next leaves
-- while it is waited for, it is the one after that. So the last to leave calls the one that becomes the first. Places are locked in
-- the order of the subject, and nobody's who is being tried.
create or replace function platform.next_of_subject() returns trigger language plpgsql as $$
declare
  next uuid;
  under_way boolean;
begin
  loop
    select delivery_id, lease is not null into next, under_way from platform.delivery_queue
    where endpoint_id = old.endpoint_id and subject_id = old.subject_id and (revision, event_id) > (old.revision, old.event_id)
    order by revision, event_id limit 1;
    exit when next is null or under_way;
    update platform.delivery_queue set due_at = clock_timestamp() where delivery_id = next and lease is null;
    exit when found;
  end loop;
  return null;
end $$;

-- As it was, and what a clock that is ahead put into the default partition moves into the partition of its time when that is made,
-- without which it could not be. More of it than moves in a moment stays where it is, with all else of that time, and the
-- partition after that one is made. It moves under the lock that attaching needs anyway; that lifts the policies of the
-- default partition from the owner, for this transaction alone, and nobody else gets near it meanwhile.
create or replace function platform.keep_partitions(parent text, days integer, at timestamptz, before timestamptz, out made integer, out dropped integer)
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '400ms' as $$
declare
  most constant integer := 10000;
  part record;
  policy record;
  name text;
  rest text := parent || '_rest';
  columns text;
  early integer;
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
  if low <= at + make_interval(days => days) then
    execute format('alter table %I no force row level security', rest);
    select string_agg(quote_ident(attname), ', ' order by attnum) into columns from pg_attribute
    where attrelid = format('public.%I', parent)::regclass and attnum > 0 and not attisdropped and attgenerated = '';
  end if;
  while low <= at + make_interval(days => days) loop
    top := low + make_interval(days => days);
    execute format('select count(*) from (select from %I where id >= %L and id < %L limit %s) few', rest, platform.first_id(low), platform.first_id(top), most + 1) into early;
    if early <= most then
      name := parent || '_' || to_char(top, 'YYYYMMDD');
      execute format('create table %I (like %I including all)', name, parent);
      if early > 0 then
        execute format('with early as (delete from %I where id >= %L and id < %L returning %s) insert into %I (%s) select * from early',
          rest, platform.first_id(low), platform.first_id(top), columns, name, columns);
      end if;
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
    end if;
    low := top;
  end loop;
  if columns is not null then
    execute format('alter table %I force row level security', rest);
  end if;
end $$;
