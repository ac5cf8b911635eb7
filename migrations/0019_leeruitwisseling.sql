-- What the guide says of a leervraag, a leerplek, a match, an exchange, training hours, a survey and a certificate, beyond
-- what the journey needs of them (seeds 000 and 001; docs/attributes.yaml maps each word to its column).

-- The leeragenda: what brought a question up, what it holds, how it can be answered (seed 001, 5.3; seed 000, point 3).
-- Goals stay texts; smart_goals says of some of them how they are measured and by when.
alter table leervragen
  add smart_goals       jsonb  not null default '[]',
  add meaning           text   check (length(meaning) <= 5000),
  add how_to_answer     text   check (length(how_to_answer) <= 5000),
  add learn_in_general  text   check (length(learn_in_general) <= 5000),
  add learn_specifically text  check (length(learn_specifically) <= 5000),
  add must_cover        text[] not null default '{}' check (cardinality(must_cover) <= 20),
  add people_to_meet    text[] not null default '{}' check (cardinality(people_to_meet) <= 20),
  add activities        text[] not null default '{}' check (cardinality(activities) <= 20),
  add content           text   check (length(content) <= 5000),
  add approach          text   check (length(approach) <= 5000),
  add in_training_plan  boolean,
  add from_leeruitwisseling_id uuid,
  add constraint leervragen_from_leeruitwisseling_fkey foreign key (tenant_id, from_leeruitwisseling_id) references leeruitwisselingen (tenant_id, id);
create index on leervragen (tenant_id, from_leeruitwisseling_id) where from_leeruitwisseling_id is not null;
call platform.pii('leervragen', 'learning', 'smart_goals meaning how_to_answer learn_in_general learn_specifically must_cover people_to_meet activities content approach in_training_plan');
call platform.pii('leervragen', 'none', 'from_leeruitwisseling_id');

alter table leervraag_versions
  add smart_goals       jsonb  not null default '[]',
  add meaning           text,
  add how_to_answer     text,
  add learn_in_general  text,
  add learn_specifically text,
  add must_cover        text[] not null default '{}',
  add people_to_meet    text[] not null default '{}',
  add activities        text[] not null default '{}',
  add content           text,
  add approach          text;
call platform.pii('leervraag_versions', 'learning', 'smart_goals meaning how_to_answer learn_in_general learn_specifically must_cover people_to_meet activities content approach');

-- A leerplek is a department, function or team, and a physical place (seed 001, 5.4).
alter table leerplekken
  add team          text   check (length(team) <= 200),
  add place_kind    text   check (place_kind in ('office', 'warehouse', 'workshop', 'shop', 'other')),
  add accessibility text   check (length(accessibility) <= 2000),
  add exclusions    text[] not null default '{}' check (cardinality(exclusions) <= 20);
call platform.pii('leerplekken', 'none', 'team place_kind accessibility exclusions');

-- First whether the content fits, then whether it can be done, beginning with the place; then both employers are told
-- (seed 001, 5.5). Both employers read this: it holds no more than yes, no and when.
alter table matches
  add content_fits          boolean,
  add location_feasible     boolean,
  add moments_feasible      boolean,
  add sending_informed_at   timestamptz,
  add receiving_informed_at timestamptz;
call platform.pii('matches', 'none', 'content_fits location_feasible moments_feasible sending_informed_at receiving_informed_at');

alter table leeruitwisselingen
  add reception          text   check (length(reception) <= 5000),
  add dress_code         text   check (length(dress_code) <= 2000),
  add documents          jsonb  not null default '[]',
  add plan_motive        text   check (length(plan_motive) <= 5000),
  add plan_meaning       text   check (length(plan_meaning) <= 5000),
  add plan_how_to_answer text   check (length(plan_how_to_answer) <= 5000),
  add plan_must_cover    text[] not null default '{}',
  add plan_curious_about text   check (length(plan_curious_about) <= 5000),
  add plan_drawn_up_by   text[] not null default '{}' check (plan_drawn_up_by <@ array['switcher', 'leercoach', 'sending', 'receiving', 'partner']);
call platform.pii('leeruitwisselingen', 'none', 'reception dress_code documents plan_drawn_up_by');
call platform.pii('leeruitwisselingen', 'learning', 'plan_motive plan_meaning plan_how_to_answer plan_must_cover plan_curious_about');

-- The leercoach's plan of the day (seed 001, 5.6).
alter table leeruitwisseling_days add programme jsonb not null default '[]';
call platform.pii('leeruitwisseling_days', 'learning', 'programme');

-- What the sending employer expects of an exchange is its own affair (seed 001, 5.6): the host does not read it.
create table leeruitwisseling_expectations (
  like platform.row including all,
  leeruitwisseling_id uuid not null,
  organisation_id     uuid not null,
  leerbewijs          text check (length(leerbewijs) <= 2000),
  sharing             text check (length(sharing) <= 5000),
  application         text check (length(application) <= 5000),
  success             text check (length(success) <= 5000),
  primary key (tenant_id, leeruitwisseling_id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id),
  foreign key (tenant_id, organisation_id) references organisations (tenant_id, id)
);
call platform.isolate('leeruitwisseling_expectations', 'organisation', org => 'organisation_id = (select cur_organisation())');
call platform.pii('leeruitwisseling_expectations', 'none', 'leeruitwisseling_id organisation_id leerbewijs');
call platform.pii('leeruitwisseling_expectations', 'learning', 'sharing application success');

-- How switcher and leercoach look back (seed 001, 5.7), and what an employer takes from an exchange (5.8). A person's
-- words are read by that person and the ST-partner, and by whom the person shares them with: an own employer is not
-- among them by itself.
create table leeruitwisseling_reflections (
  like platform.row including all,
  id                        uuid   not null,
  leeruitwisseling_id       uuid   not null,
  sending_organisation_id   uuid   not null,
  receiving_organisation_id uuid   not null,
  party                     text   not null check (party in ('switcher', 'leercoach', 'sending', 'receiving')),
  organisation_id           uuid   not null check (organisation_id in (sending_organisation_id, receiving_organisation_id)),
  medewerker_id             uuid   check ((medewerker_id is not null) = (party in ('switcher', 'leercoach'))),
  medium                    text   not null check (medium in ('document', 'audio', 'drawing', 'diary', 'conversation')),
  text                      text   check (length(text) <= 20000),
  link                      text   check (length(link) <= 2000),
  reflected_on              date,
  lessons                   jsonb  not null default '[]',
  shared_with               text[] not null check (shared_with <@ array['switcher', 'leercoach', 'sending', 'receiving']),
  check (text is not null or link is not null),
  primary key (tenant_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id),
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id)
);
create index on leeruitwisseling_reflections (tenant_id, leeruitwisseling_id);
create index on leeruitwisseling_reflections (tenant_id, medewerker_id) where medewerker_id is not null;
call platform.isolate('leeruitwisseling_reflections', 'medewerker',
  org => '(select cur_organisation()) = sending_organisation_id and (party = ''sending'' or ''sending'' = any (shared_with))
    or (select cur_organisation()) = receiving_organisation_id and (party = ''receiving'' or ''receiving'' = any (shared_with))',
  mdw => 'medewerker_id = (select cur_medewerker())
    or exists (select 1 from leeruitwisselingen l where l.tenant_id = leeruitwisseling_reflections.tenant_id and l.id = leeruitwisseling_reflections.leeruitwisseling_id
      and (''switcher'' = any (shared_with) and l.switcher_id = (select cur_medewerker())
        or ''leercoach'' = any (shared_with) and (select cur_medewerker()) = any (l.leercoach_ids)))');
call platform.pii('leeruitwisseling_reflections', 'none', 'id leeruitwisseling_id sending_organisation_id receiving_organisation_id organisation_id party medium shared_with');
call platform.pii('leeruitwisseling_reflections', 'pseudonym', 'medewerker_id');
call platform.pii('leeruitwisseling_reflections', 'learning', 'reflected_on lessons');
call platform.pii('leeruitwisseling_reflections', 'opinion', 'text link');

-- What the social balance sheet and the right to training ask of an employer's hours (National Bank of Belgium, codes 5803
-- to 5853 and 58031 to 58033; law of 3 October 2022). Money in cents.
alter table opleidingsregistraties
  add provider_name             text    check (length(provider_name) <= 200),
  add counts_for_training_right boolean,
  add paid                      boolean,
  add cost_direct_cents         bigint  check (cost_direct_cents between 0 and 100000000),
  add cost_contributions_cents  bigint  check (cost_contributions_cents between 0 and 100000000),
  add cost_grants_cents         bigint  check (cost_grants_cents between 0 and 100000000);
call platform.pii('opleidingsregistraties', 'learning', 'provider_name');
call platform.pii('opleidingsregistraties', 'employment', 'counts_for_training_right paid cost_direct_cents cost_contributions_cents cost_grants_cents');

-- Asked online, face to face, or at a terugkommoment (seed 001, 5.8).
alter table surveys add mode text not null default 'online' check (mode in ('online', 'face_to_face', 'terugkommoment'));
call platform.pii('surveys', 'none', 'mode');

-- The training hours that a certificate goes with: the first row of their chain.
alter table leerbewijzen
  add opleidingsregistratie_id uuid,
  add constraint leerbewijzen_opleidingsregistratie_fkey foreign key (tenant_id, organisation_id, opleidingsregistratie_id)
    references opleidingsregistraties (tenant_id, organisation_id, id);
create index on leerbewijzen (tenant_id, opleidingsregistratie_id) where opleidingsregistratie_id is not null;
call platform.pii('leerbewijzen', 'none', 'opleidingsregistratie_id');
