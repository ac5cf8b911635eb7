-- What is shared with all employers of a tenant is shared with their callers: a transaction without a scope sees nothing of
-- that either.
create or replace procedure platform.isolate(tbl regclass, class text, org text default null, mdw text default null, shared text default null)
language plpgsql as $$
declare
  own text := format('(select cur_scope()) in (''tenant'', ''operator'')
    or (select cur_scope()) = ''organisation'' and (%s) or (select cur_scope()) = ''medewerker'' and (%s)',
    coalesce(org, 'false'), coalesce(mdw, 'false'));
begin
  if class not in ('tenant', 'organisation', 'pair', 'medewerker', 'shared', 'personal') or (class = 'tenant') <> (org is null and mdw is null)
    or class = 'personal' and (org is not null or shared is not null) then
    raise exception 'class % of % does not fit its conditions', class, tbl;
  end if;
  execute format('comment on table %s is %L', tbl, 'class: ' || class);
  execute format('alter table %s enable row level security', tbl);
  execute format('alter table %s force row level security', tbl);
  execute format('create policy tenant on %s using (tenant_id = (select cur_tenant())) with check (tenant_id = (select cur_tenant()))', tbl);
  if shared is null then
    execute format('create policy binding on %s as restrictive using (%s) with check (%s)', tbl, own, own);
  else
    execute format('create policy binding_select on %s as restrictive for select using (%s
      or (select cur_scope()) in (''organisation'', ''medewerker'') and (%s))', tbl, own, shared);
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

alter policy binding_select on leerplekken using ((select cur_scope()) in ('tenant', 'operator')
  or (select cur_scope()) = 'organisation' and organisation_id = (select cur_organisation())
  or (select cur_scope()) = 'medewerker' and organisation_id = (select cur_organisation())
  or (select cur_scope()) in ('organisation', 'medewerker') and status = 'published');

-- Filters that passed over the rows of others.
create index on clients (tenant_id, organisation_id, pos);
create index on opleidingsregistraties (tenant_id, root_id);
create index on opleidingsregistraties (tenant_id, leeruitwisseling_id);
create index on webhook_deliveries (tenant_id, status, id);
