-- The ground that every table stands on: whose rows, where a change stands in the order of changes, and what is personal.
-- Runs as the owner. The app role owns nothing; what it may do is granted here and in isolate().

create schema platform;
revoke all on schema public from public;
grant usage on schema public, platform to switchboard_app;
alter default privileges in schema platform grant select, insert, update, delete on tables to switchboard_app;
alter default privileges in schema platform grant usage on sequences to switchboard_app;

-- After a transaction a local setting is '' on that connection, not NULL.
create function public.cur_tenant() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create function public.cur_scope() returns text language sql stable parallel safe
  as $$ select nullif(current_setting('app.scope', true), '') $$;
create function public.cur_organisation() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.organisation_id', true), '')::uuid $$;
create function public.cur_medewerker() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.medewerker_id', true), '')::uuid $$;

-- The order of changes. A change carries the number of its transaction; a reader stops at the oldest transaction that is
-- still running, so nothing that commits late is passed over. Transaction numbers begin anew in another cluster, so
-- base() is raised above all positions after a restore (switchboard migrate does it).
create function platform.base() returns bigint language sql immutable parallel safe as $$ select 0::bigint $$;
create function platform.position() returns bigint language sql volatile
  as $$ select platform.base() + pg_current_xact_id()::text::bigint $$;
create function platform.horizon() returns bigint language sql stable
  as $$ select platform.base() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint $$;

create table platform.cluster (
  one boolean primary key default true check (one),
  system_identifier bigint not null
);
insert into platform.cluster (system_identifier) select system_identifier from pg_control_system();

-- What every row of a noun carries. Tables take it over with LIKE.
create table platform.row (
  tenant_id    uuid        not null,
  revision     bigint      not null default 1 check (revision > 0),
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  changed_by   text        not null,
  on_behalf_of text,
  request_id   text        not null,
  pos          bigint      not null default platform.position()
);
comment on column platform.row.tenant_id    is 'pii: none';
comment on column platform.row.revision     is 'pii: none';
comment on column platform.row.created_at   is 'pii: none';
comment on column platform.row.updated_at   is 'pii: none';
comment on column platform.row.changed_by   is 'pii: pseudonym';
comment on column platform.row.on_behalf_of is 'pii: identity';
comment on column platform.row.request_id   is 'pii: none';
comment on column platform.row.pos          is 'pii: none';

create function platform.touch() returns trigger language plpgsql as $$
begin
  new.pos := platform.position();
  return new;
end $$;

-- isolate puts a table behind row-level security and declares its class:
--   tenant        only unbound callers
--   organisation  and callers bound to the employer that `org` names
--   pair          the same, where `org` names two employers
--   medewerker    and callers bound to the employee that `mdw` names
--   shared        and, for reading, bound callers of the tenant where `shared` holds
-- org, mdw and shared are conditions over the row; one that is null admits nobody.
create procedure platform.isolate(tbl regclass, class text, org text default null, mdw text default null, shared text default null)
language plpgsql as $$
declare
  own text := format('(select cur_scope()) in (''tenant'', ''operator'')
    or (select cur_scope()) = ''organisation'' and (%s) or (select cur_scope()) = ''medewerker'' and (%s)',
    coalesce(org, 'false'), coalesce(mdw, 'false'));
begin
  if class not in ('tenant', 'organisation', 'pair', 'medewerker', 'shared') or (class = 'tenant') <> (org is null and mdw is null) then
    raise exception 'class % of % does not fit its conditions', class, tbl;
  end if;
  execute format('comment on table %s is %L', tbl, 'class: ' || class);
  execute format('alter table %s enable row level security', tbl);
  execute format('alter table %s force row level security', tbl);
  execute format('create policy tenant on %s using (tenant_id = (select cur_tenant())) with check (tenant_id = (select cur_tenant()))', tbl);
  if shared is null then
    execute format('create policy binding on %s as restrictive using (%s) with check (%s)', tbl, own, own);
  else
    execute format('create policy binding_select on %s as restrictive for select using (%s or (%s))', tbl, own, shared);
    execute format('create policy binding_insert on %s as restrictive for insert with check (%s)', tbl, own);
    execute format('create policy binding_update on %s as restrictive for update using (%s) with check (%s)', tbl, own, own);
    execute format('create policy binding_delete on %s as restrictive for delete using (%s)', tbl, own);
  end if;
  execute format('grant select, insert, update, delete on %s to switchboard_app', tbl);
  -- A partition takes its trigger and index from the table that it is part of.
  if exists (select 1 from pg_attribute a join pg_class c on c.oid = a.attrelid
             where a.attrelid = tbl and a.attname = 'pos' and not a.attisdropped and not c.relispartition) then
    execute format('create trigger touch before update on %s for each row execute function platform.touch()', tbl);
    execute format('create index on %s (tenant_id, pos)', tbl);
  end if;
end $$;

-- pii declares what personal data columns hold: none, pseudonym, identity, contact, location, employment, learning,
-- opinion, secret. Every column of every table has a class; a test refuses one without.
create procedure platform.pii(tbl regclass, class text, columns text) language plpgsql as $$
declare c text;
begin
  if class not in ('none', 'pseudonym', 'identity', 'contact', 'location', 'employment', 'learning', 'opinion', 'secret') then
    raise exception 'there is no class of personal data called %', class;
  end if;
  foreach c in array string_to_array(columns, ' ') loop
    execute format('comment on column %s.%I is %L', tbl, c, 'pii: ' || class);
  end loop;
end $$;

-- Whose is a public name? Only hashes of names, and keys, stand here: it has no row-level security because nobody knows
-- the tenant yet when it is asked.
create table platform.directory (
  kind        text  not null,
  lookup_hash bytea not null check (octet_length(lookup_hash) = 32),
  tenant_id   uuid  not null,
  subject_id  uuid  not null,
  primary key (kind, lookup_hash)
);

-- Signing keys of access tokens. The private half is sealed under the master key.
create table platform.signing_keys (
  kid        text        primary key,
  public     bytea       not null,
  sealed     bytea       not null,
  sign_from  timestamptz not null,
  sign_until timestamptz
);

-- Tokens issued to a client up to `until` are void. Every process reads the recent ones every few seconds.
create table platform.revocations (
  client_id  uuid        not null,
  until      timestamptz not null,
  revoked_at timestamptz not null,
  primary key (client_id, until)
);
create index on platform.revocations (revoked_at);

call platform.pii('platform.directory', 'none', 'kind tenant_id');
call platform.pii('platform.directory', 'pseudonym', 'lookup_hash subject_id');
call platform.pii('platform.signing_keys', 'none', 'kid public sign_from sign_until');
call platform.pii('platform.signing_keys', 'secret', 'sealed');
call platform.pii('platform.revocations', 'pseudonym', 'client_id');
call platform.pii('platform.revocations', 'none', 'until revoked_at');
call platform.pii('platform.cluster', 'none', 'one system_identifier');
