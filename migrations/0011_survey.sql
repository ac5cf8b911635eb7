-- Questionnaires, one to each respondent, and their answers, which fewer may read than the questions.

create table surveys (
  like platform.row including all,
  id                  uuid   not null,
  leeruitwisseling_id uuid   not null,
  role                text   not null check (role in ('switcher', 'sending', 'leercoach', 'receiving', 'colleague', 'family')),
  organisation_id     uuid   not null,
  medewerker_id       uuid,
  status              text   not null default 'scheduled' check (status in ('scheduled', 'invited', 'answered', 'expired')),
  invite_on           date   not null,
  lang                text   not null check (lang in ('nl', 'fr', 'en')),
  questions           jsonb  not null,
  link_sealed         bytea,
  expires_at          timestamptz,
  invited_at          timestamptz,
  answered_at         timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id),
  foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id)
);
create index on surveys (tenant_id, leeruitwisseling_id);
create index on surveys (tenant_id, expires_at) where status in ('scheduled', 'invited');
call platform.isolate('surveys', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'medewerker_id = (select cur_medewerker())');
call platform.pii('surveys', 'none', 'id leeruitwisseling_id role organisation_id status invite_on lang questions expires_at invited_at answered_at');
call platform.pii('surveys', 'pseudonym', 'medewerker_id');
call platform.pii('surveys', 'secret', 'link_sealed');

-- What a person answered is read by that person and the partner, also where that person is a colleague or a family without
-- a row of their own; what an employer answered is also read by that employer.
create table survey_answers (
  tenant_id       uuid        not null,
  survey_id       uuid        not null,
  organisation_id uuid        not null,
  medewerker_id   uuid,
  question        text        not null check (length(question) <= 40),
  value           jsonb       not null,
  at              timestamptz not null,
  primary key (tenant_id, survey_id, question),
  foreign key (tenant_id, organisation_id, survey_id) references surveys (tenant_id, organisation_id, id)
);
call platform.isolate('survey_answers', 'medewerker', org => 'organisation_id = (select cur_organisation()) and medewerker_id is null
    and exists (select 1 from surveys s where s.tenant_id = survey_answers.tenant_id and s.id = survey_answers.survey_id and s.role in (''sending'', ''receiving''))',
  mdw => 'medewerker_id = (select cur_medewerker())');
revoke update, delete on survey_answers from switchboard_app;
call platform.pii('survey_answers', 'none', 'tenant_id survey_id organisation_id question at');
call platform.pii('survey_answers', 'pseudonym', 'medewerker_id');
call platform.pii('survey_answers', 'opinion', 'value');
