-- What the guide says of employers, their people and leercoaches (seed 001, 4 to 5.6); what is talked over with an
-- employer; and two employers that turn out to be one.

-- A merged employer keeps its row under another id: nothing can belong to it any more, because every foreign key names
-- the id that is gone. former_id is what callers knew it by.
alter table organisations
  add maatwerkbedrijf boolean not null default false,
  add sector_group    text check (sector_group in ('care', 'childcare', 'other')),
  add sme             boolean,
  add former_id       uuid,
  add merged_into_id  uuid,
  add constraint organisations_former_key unique (tenant_id, former_id),
  add constraint organisations_merged_into_fkey foreign key (tenant_id, merged_into_id) references organisations (tenant_id, id),
  add constraint organisations_merged_check check ((former_id is null) = (merged_into_id is null)),
  add constraint organisations_maatwerkbedrijf_check check (not maatwerkbedrijf or kind = 'social_economy');
call platform.pii('organisations', 'none', 'maatwerkbedrijf sector_group sme former_id merged_into_id');

alter table sites
  add kind          text check (kind in ('office', 'production', 'distribution', 'shop', 'warehouse', 'workshop', 'care', 'other')),
  add business_park text check (length(business_park) between 1 and 200);
call platform.pii('sites', 'none', 'kind business_park');

alter table contacts add profile text check (profile in ('owner', 'ceo', 'director', 'hr', 'training', 'manager', 'employee', 'other'));
call platform.pii('contacts', 'employment', 'profile');

-- How an employer presents itself, and where it would like to grow. Its own employees do not read it: to name what one
-- cannot do yet takes trust. The row is made by the first change; id is that of the employer.
create table organisation_profiles (
  like platform.row including all,
  id                      uuid   not null,
  core_values             text[] not null check (cardinality(core_values) <= 20),
  strengths               text[] not null check (cardinality(strengths) <= 20),
  weaker_points           text[] not null check (cardinality(weaker_points) <= 20),
  offers                  text[] not null check (cardinality(offers) <= 20),
  challenges              text[] not null check (cardinality(challenges) <= 20),
  internal_channels       text[] not null check (cardinality(internal_channels) <= 20),
  openness                text   check (openness in ('open', 'hesitant', 'closed')),
  competition_sensitivity text   check (competition_sensitivity in ('none', 'some', 'high')),
  desired_result          text   check (length(desired_result) between 1 and 5000),
  primary key (tenant_id, id),
  constraint organisation_profiles_organisation_fkey foreign key (tenant_id, id) references organisations (tenant_id, id)
);
call platform.isolate('organisation_profiles', 'organisation', org => 'id = (select cur_organisation())');
call platform.pii('organisation_profiles', 'none', 'id core_values strengths weaker_points offers challenges internal_channels openness competition_sensitivity desired_result');

-- Leernoden: what an employer wants learnt, before anybody has a leervraag (seed 001, 5.3).
create table organisation_needs (
  like platform.row including all,
  id                  uuid   not null,
  organisation_id     uuid   not null,
  title               text   not null check (length(title) between 1 and 500),
  department_id       uuid,
  function            text   check (length(function) between 1 and 200),
  target_group        text   check (length(target_group) between 1 and 200),
  reach               text   check (reach in ('switcher', 'team', 'organisation')),
  development_context text   check (length(development_context) between 1 and 5000),
  desired_result      text   check (length(desired_result) between 1 and 5000),
  success_criterion   text   check (length(success_criterion) between 1 and 5000),
  other_effects       text[] not null check (cardinality(other_effects) <= 20),
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint organisation_needs_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint organisation_needs_department_fkey foreign key (tenant_id, organisation_id, department_id) references departments (tenant_id, organisation_id, id)
);
create index on organisation_needs (tenant_id, organisation_id);
call platform.isolate('organisation_needs', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('organisation_needs', 'none', 'id organisation_id title department_id function target_group reach development_context desired_result success_criterion other_effects');

-- What the ST-partner talked over with an employer, and when it comes back to it. The employer does not read it.
create table conversations (
  like platform.row including all,
  id              uuid        not null,
  organisation_id uuid        not null,
  held_at         timestamptz not null,
  channel         text        not null check (channel in ('meeting', 'visit', 'phone', 'video', 'mail', 'event', 'other')),
  contact_ids     uuid[]      not null check (cardinality(contact_ids) <= 20),
  noted_by        text        check (length(noted_by) between 1 and 200),
  note            text        not null check (length(note) between 1 and 20000),
  follow_up_on    date,
  follow_up_done  boolean     not null,
  primary key (tenant_id, id),
  constraint conversations_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint conversations_follow_up_check check (follow_up_on is not null or not follow_up_done)
);
create index on conversations (tenant_id, organisation_id, id);
create index on conversations (tenant_id, follow_up_on) where not follow_up_done;
call platform.isolate('conversations', 'tenant');
call platform.pii('conversations', 'none', 'id organisation_id held_at channel follow_up_on follow_up_done');
call platform.pii('conversations', 'pseudonym', 'contact_ids');
call platform.pii('conversations', 'identity', 'noted_by');
call platform.pii('conversations', 'opinion', 'note');

alter table medewerkers
  add employed_since_on date,
  add talents           text[] not null default '{}' check (cardinality(talents) <= 20),
  add learning_needs    text[] not null default '{}' check (cardinality(learning_needs) <= 20),
  add motivation        text   check (length(motivation) between 1 and 5000),
  add work_postcode     text   check (length(work_postcode) between 1 and 20);
call platform.pii('medewerkers', 'employment', 'employed_since_on');
call platform.pii('medewerkers', 'learning', 'talents learning_needs');
call platform.pii('medewerkers', 'opinion', 'motivation');
call platform.pii('medewerkers', 'location', 'work_postcode');

-- has_expertise is both kinds together: the trade, and coaching.
alter table leerplek_coaches
  add craft_expertise    boolean,
  add coaching_expertise boolean,
  add tasks              text[] not null default '{}' check (cardinality(tasks) <= 20),
  add planning           text   check (length(planning) between 1 and 5000);
call platform.pii('leerplek_coaches', 'employment', 'craft_expertise coaching_expertise tasks planning');

-- Rows of one employer name it in their foreign keys. To move them together to another employer, those keys can wait for
-- the end of the transaction; everywhere else they are checked at once, as before.
do $$
declare k record;
begin
  for k in select conrelid::regclass as tbl, conname from pg_constraint c where contype = 'f' and not condeferrable
      and connamespace = 'public'::regnamespace and conparentid = 0 and (confrelid = 'organisations'::regclass
        or exists (select 1 from pg_attribute a where a.attrelid = c.confrelid and a.attnum = any (c.confkey) and a.attname = 'organisation_id')) loop
    execute format('alter table %s alter constraint %I deferrable initially immediate', k.tbl, k.conname);
  end loop;
end $$;
grant update (organisation_id) on leervraag_versions to switchboard_app;
