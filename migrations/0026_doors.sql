-- Foreign keys that name an employer can wait for the end of the transaction (0018): those that came since, too. A rule of the
-- catalogue (F4) holds it from now on.
do $$
declare k record;
begin
  for k in select conrelid::regclass as tbl, conname from pg_constraint c where contype = 'f' and not condeferrable
      and connamespace = 'public'::regnamespace and conparentid = 0 and (confrelid = 'organisations'::regclass
        or exists (select 1 from pg_attribute a where a.attrelid = c.confrelid and a.attnum = any (c.confkey) and a.attname = 'organisation_id')) loop
    execute format('alter table %s alter constraint %I deferrable initially immediate', k.tbl, k.conname);
  end loop;
end $$;

-- The directory knows whose a secret is by its hash, so that a right one is known before anything is refused. A secret that
-- this loop does not reach is put there with the next token that it gets.
do $$
declare t record;
begin
  for t in select distinct tenant_id from platform.directory loop
    perform set_config('app.tenant_id', t.tenant_id::text, true), set_config('app.scope', 'tenant', true);
    insert into platform.directory (kind, lookup_hash, tenant_id, subject_id)
      select 'client_secret', hash, tenant_id, client_id from client_secrets where expires_at is null or expires_at > now()
      on conflict do nothing;
  end loop;
  perform set_config('app.tenant_id', '', true), set_config('app.scope', '', true);
end $$;
