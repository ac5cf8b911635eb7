-- Who guides a switcher, on which days; and what a round comes to beside its matches.

-- The leercoaches whom only a day names, beside those of the whole exchange: they read it and look back on it too.
-- leeruitwisseling_days cannot be asked here: what it shows follows from this table.
alter table leeruitwisselingen add day_coach_ids uuid[] not null default '{}' check (cardinality(day_coach_ids) <= 2000);
call platform.pii('leeruitwisselingen', 'pseudonym', 'day_coach_ids');

-- Of the days that are there.
do $$
declare t record;
begin
  for t in select distinct tenant_id from platform.directory loop
    perform set_config('app.tenant_id', t.tenant_id::text, true), set_config('app.scope', 'tenant', true);
    update leeruitwisselingen l set day_coach_ids = x.ids
      from (select d.tenant_id, d.leeruitwisseling_id, array_agg(distinct c.id order by c.id) as ids
        from leeruitwisseling_days d
        join leeruitwisselingen e on e.tenant_id = d.tenant_id and e.id = d.leeruitwisseling_id
        cross join lateral unnest(d.leercoach_ids) c (id)
        where not c.id = any (e.leercoach_ids) group by 1, 2) x
      where l.tenant_id = x.tenant_id and l.id = x.leeruitwisseling_id;
  end loop;
  perform set_config('app.tenant_id', '', true), set_config('app.scope', '', true);
end $$;

do $$
declare
  of_org text := '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id)';
  of_mdw text := '(select cur_medewerker()) = switcher_id or (select cur_medewerker()) = any (leercoach_ids)
    or (select cur_medewerker()) = any (day_coach_ids)';
  own text := platform.bound(of_org, of_mdw);
begin
  execute format('alter policy binding on leeruitwisselingen using (%s) with check (%s)', own, own);
  of_org := '(select cur_organisation()) = sending_organisation_id and (party = ''sending'' or ''sending'' = any (shared_with))
    or (select cur_organisation()) = receiving_organisation_id and (party = ''receiving'' or ''receiving'' = any (shared_with))';
  of_mdw := 'medewerker_id = (select cur_medewerker())
    or exists (select 1 from leeruitwisselingen l where l.tenant_id = leeruitwisseling_reflections.tenant_id and l.id = leeruitwisseling_reflections.leeruitwisseling_id
      and (''switcher'' = any (shared_with) and l.switcher_id = (select cur_medewerker())
        or ''leercoach'' = any (shared_with) and ((select cur_medewerker()) = any (l.leercoach_ids) or (select cur_medewerker()) = any (l.day_coach_ids))))';
  own := platform.bound(of_org, of_mdw);
  execute format('alter policy binding on leeruitwisseling_reflections using (%s) with check (%s)', own, own);
end $$;

-- A round is planned for so many exchanges, and ends with all participants together (seed 001, 5.3 Tips and 5.8).
alter table cohorten
  add planned_exchanges integer check (planned_exchanges between 1 and 50000),
  add terugkommoment_on date;
call platform.pii('cohorten', 'none', 'planned_exchanges terugkommoment_on');

-- The poule: who would send employees to learn, and who would receive them (seed 001, 5.2). Null while nobody asked.
alter table organisations
  add willing_to_send boolean,
  add willing_to_host boolean;
call platform.pii('organisations', 'none', 'willing_to_send willing_to_host');
