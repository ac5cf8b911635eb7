-- What a caller's binding lets through, in one form for all policies. The scope is asked once for a statement, and one of the
-- conditions is looked at: any other scope, and none, sees nothing. The planner believes of ORs that hardly a row passes, and
-- then sorts what an index has in order; of this it expects that half of them do.
create function platform.bound(org text, mdw text) returns text language sql immutable parallel safe as $$
  select format('case (select cur_scope()) when ''tenant'' then true when ''operator'' then true
    when ''organisation'' then (%s) when ''medewerker'' then (%s) else false end', org, mdw) $$;

-- What is shared with all employers of a tenant is shared with their callers: a transaction without a scope sees nothing of
-- that either.
create or replace procedure platform.isolate(tbl regclass, class text, org text default null, mdw text default null, shared text default null)
language plpgsql as $$
declare
  of_org text := coalesce(org, 'false');
  of_mdw text := coalesce(mdw, 'false');
  own text := platform.bound(of_org, of_mdw);
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
    execute format('create policy binding_select on %s as restrictive for select using (%s)', tbl,
      platform.bound(format('(%s) or (%s)', of_org, shared), format('(%s) or (%s)', of_mdw, shared)));
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

-- The policies that stand already, those of partitions too, in this form.
do $$
declare
  p record;
  said text;
  parts text[];
begin
  for p in select polname, polrelid::regclass as tbl, pg_get_expr(polqual, polrelid) as qual, pg_get_expr(polwithcheck, polrelid) as checked
           from pg_policy where not polpermissive and polname ~ '^binding' and polname <> 'binding_select' loop
    parts := regexp_match(coalesce(p.qual, p.checked), '^\(\(\( SELECT cur_scope\(\) AS cur_scope\) = ANY \(ARRAY\[''tenant''::text, ''operator''::text\]\)\)'
      ' OR \(\(\( SELECT cur_scope\(\) AS cur_scope\) = ''organisation''::text\) AND (.*)\)'
      ' OR \(\(\( SELECT cur_scope\(\) AS cur_scope\) = ''medewerker''::text\) AND (.*)\)\)$');
    if parts is null or p.qual <> p.checked then
      raise exception 'policy % of % is not as isolate made it: %', p.polname, p.tbl, p.qual;
    end if;
    said := platform.bound(parts[1], parts[2]);
    execute format('alter policy %I on %s', p.polname, p.tbl) || case when p.qual is null then '' else format(' using (%s)', said) end
      || case when p.checked is null then '' else format(' with check (%s)', said) end;
  end loop;
  -- The one table with a shared condition.
  said := 'organisation_id = (select cur_organisation()) or status = ''published''';
  execute format('alter policy binding_select on leerplekken using (%s)', platform.bound(said, said));
end $$;
