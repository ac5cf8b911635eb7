-- What keeps upkeep and syncs small while a database grows. Schema platform: keys, places and times alone.

-- A place in the order of changes and a time: no row up to the place was changed after the time, but for what clocks differ.
-- A sync that begins later than that need not look before the place.
create table platform.checkpoints (
  at  timestamptz primary key,
  pos bigint      not null check (pos >= 0)
);
call platform.pii('platform.checkpoints', 'none', 'at pos');

-- The tenant at which a round over all tenants ran out of time: the next one goes on after it.
create table platform.rounds (
  reason    text primary key check (length(reason) <= 100),
  tenant_id uuid not null
);
call platform.pii('platform.rounds', 'none', 'reason tenant_id');

-- The matching runs that are not over, so that whoever looks after them asks no tenant that has none.
create table platform.active_runs (
  tenant_id uuid not null,
  run_id    uuid not null,
  primary key (tenant_id, run_id)
);
call platform.pii('platform.active_runs', 'none', 'tenant_id run_id');

create function platform.note_active_run() returns trigger language plpgsql as $$
begin
  if tg_op <> 'DELETE' and new.status in ('queued', 'running') then
    insert into platform.active_runs (tenant_id, run_id) values (new.tenant_id, new.id) on conflict do nothing;
  else
    delete from platform.active_runs where tenant_id = old.tenant_id and run_id = old.id;
  end if;
  return null;
end $$;
create trigger note_active after insert or update of status or delete on matching_runs for each row execute function platform.note_active_run();

-- The owner sees no rows under FORCE.
alter table matching_runs no force row level security;
insert into platform.active_runs (tenant_id, run_id) select tenant_id, id from matching_runs where status in ('queued', 'running');
alter table matching_runs force row level security;
