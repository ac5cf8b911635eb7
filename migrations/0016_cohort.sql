-- A cohort (cyclus) is a round of the method: who takes part, from kick-off to terugkommoment. Here as far as a matching
-- run needs it.

-- personal is the class of what an employee keeps from the own employer: only unbound callers, and callers bound to the
-- employee that `mdw` names.
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

create table cohorten (
  like platform.row including all,
  id          uuid not null,
  name        text not null check (length(name) between 1 and 200),
  from_on     date not null,
  until_on    date check (until_on >= from_on),
  kick_off_on date,
  status      text not null default 'draft' check (status in ('draft', 'open', 'closed')),
  primary key (tenant_id, id)
);

-- The leervragen that take part. One is in one running cohort at a time; a closed cohort keeps its list.
create table cohort_leervragen (
  tenant_id       uuid        not null,
  cohort_id       uuid        not null,
  leervraag_id    uuid        not null,
  organisation_id uuid        not null,
  switcher_id     uuid        not null,
  running         boolean     not null default true,
  added_at        timestamptz not null,
  primary key (tenant_id, cohort_id, leervraag_id),
  constraint cohort_leervragen_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  constraint cohort_leervragen_leervraag_fkey foreign key (tenant_id, organisation_id, leervraag_id) references leervragen (tenant_id, organisation_id, id),
  foreign key (tenant_id, organisation_id, switcher_id) references medewerkers (tenant_id, organisation_id, id)
);
create unique index cohort_leervragen_running_key on cohort_leervragen (tenant_id, leervraag_id) where running;
create index on cohort_leervragen (tenant_id, switcher_id);
call platform.isolate('cohort_leervragen', 'personal', mdw => 'switcher_id = (select cur_medewerker())');
call platform.pii('cohort_leervragen', 'none', 'tenant_id cohort_id leervraag_id organisation_id running added_at');
call platform.pii('cohort_leervragen', 'pseudonym', 'switcher_id');

-- A switcher reads the cohorts that they take part in.
call platform.isolate('cohorten', 'personal', mdw => 'exists (select 1 from cohort_leervragen l where l.tenant_id = cohorten.tenant_id
  and l.cohort_id = cohorten.id and l.switcher_id = (select cur_medewerker()))');
call platform.pii('cohorten', 'none', 'id name from_on until_on kick_off_on status');

-- The leerplekken that take part. One may be in several cohorts: how much room it has is counted when it is needed.
create table cohort_leerplekken (
  tenant_id       uuid        not null,
  cohort_id       uuid        not null,
  leerplek_id     uuid        not null,
  organisation_id uuid        not null,
  added_at        timestamptz not null,
  primary key (tenant_id, cohort_id, leerplek_id),
  constraint cohort_leerplekken_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  constraint cohort_leerplekken_leerplek_fkey foreign key (tenant_id, organisation_id, leerplek_id) references leerplekken (tenant_id, organisation_id, id)
);
create index on cohort_leerplekken (tenant_id, cohort_id, organisation_id);
call platform.isolate('cohort_leerplekken', 'tenant');
call platform.pii('cohort_leerplekken', 'none', 'tenant_id cohort_id leerplek_id organisation_id added_at');

-- Two employers between whom nobody switches in this cohort, beside those that hold for the whole tenant.
create table cohort_rivals (
  tenant_id       uuid not null,
  cohort_id       uuid not null,
  organisation_id uuid not null,
  rival_id        uuid not null,
  primary key (tenant_id, cohort_id, organisation_id, rival_id),
  constraint cohort_rivals_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  constraint cohort_rivals_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint cohort_rivals_rival_fkey foreign key (tenant_id, rival_id) references organisations (tenant_id, id),
  check (organisation_id < rival_id)
);
call platform.isolate('cohort_rivals', 'tenant');
call platform.pii('cohort_rivals', 'none', 'tenant_id cohort_id organisation_id rival_id');

-- The employers that a switcher would like best, as noted after the kick-off (seed 001, 5.5). No employer reads them.
create table cohort_preferences (
  tenant_id        uuid        not null,
  cohort_id        uuid        not null,
  medewerker_id    uuid        not null,
  organisation_id  uuid        not null, -- the switcher's employer
  organisation_ids uuid[]      not null check (cardinality(organisation_ids) between 1 and 3), -- the best first
  noted_at         timestamptz not null,
  noted_by         text        not null,
  primary key (tenant_id, cohort_id, medewerker_id),
  constraint cohort_preferences_cohort_fkey foreign key (tenant_id, cohort_id) references cohorten (tenant_id, id),
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id)
);
call platform.isolate('cohort_preferences', 'personal', mdw => 'medewerker_id = (select cur_medewerker())');
call platform.pii('cohort_preferences', 'none', 'tenant_id cohort_id organisation_id noted_at');
call platform.pii('cohort_preferences', 'pseudonym', 'medewerker_id noted_by');
call platform.pii('cohort_preferences', 'opinion', 'organisation_ids');
