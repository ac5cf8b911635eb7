-- What looks back at deliveries.
--
-- With each try: what was sent, as far as the fact itself does not say it, and a few headers of what was answered. Millions
-- of tries are kept, so it is what a look back needs and no more. In tries from before, url is null.

alter table webhook_attempts
  add column url            text,
  add column thin           boolean,
  add column header_names   text[],
  add column signed_by      bytea,
  add column answer_headers text;
-- What is there is null: nobody need wait until millions of rows are read to find that.
alter table webhook_attempts
  add constraint webhook_attempts_url_check            check (length(url) <= 2048) not valid,
  add constraint webhook_attempts_header_names_check   check (cardinality(header_names) <= 30) not valid,
  add constraint webhook_attempts_signed_by_check      check (octet_length(signed_by) % 16 = 0) not valid,
  add constraint webhook_attempts_answer_headers_check check (length(answer_headers) <= 4200) not valid;

-- Partitions that are made later take over what is said of columns.
do $$
declare part text;
begin
  for part in select 'webhook_attempts' union all
      select i.inhrelid::regclass::text from pg_inherits i where i.inhparent = 'webhook_attempts'::regclass loop
    call platform.pii(part::regclass, 'none', 'url thin header_names signed_by');
    call platform.pii(part::regclass, 'pseudonym', 'answer_headers');
  end loop;
end $$;

-- Which endpoints that should get facts only fail, and since when: for who runs all of it, in keys and times alone. Row-level
-- security keeps that from being asked over all tenants.
create table platform.failing_endpoints (
  endpoint_id uuid        primary key,
  tenant_id   uuid        not null,
  since       timestamptz not null
);
create index on platform.failing_endpoints (since);
call platform.pii('platform.failing_endpoints', 'none', 'endpoint_id tenant_id since');

create function platform.note_failing_endpoint() returns trigger language plpgsql as $$
begin
  if tg_op <> 'DELETE' and new.status = 'active' and new.failing_since is not null then
    insert into platform.failing_endpoints (endpoint_id, tenant_id, since) values (new.id, new.tenant_id, new.failing_since)
    on conflict (endpoint_id) do update set since = excluded.since;
  else
    delete from platform.failing_endpoints where endpoint_id = coalesce(new.id, old.id);
  end if;
  return null;
end $$;
create trigger note_failing after insert or update of status, failing_since or delete on webhook_endpoints
  for each row execute function platform.note_failing_endpoint();

-- The owner sees no rows under FORCE.
alter table webhook_endpoints no force row level security;
insert into platform.failing_endpoints (endpoint_id, tenant_id, since)
  select id, tenant_id, failing_since from webhook_endpoints where status = 'active' and failing_since is not null;
alter table webhook_endpoints force row level security;
