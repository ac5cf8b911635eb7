-- Learning questions, from vague to sharp. What was asked before stays readable.

create table leervragen (
  like platform.row including all,
  id              uuid    not null,
  organisation_id uuid    not null,
  switcher_id     uuid    not null,
  title           text    not null check (length(title) between 1 and 200),
  question        text    not null check (length(question) between 1 and 20000),
  motive          text    check (length(motive) <= 5000),
  goals           text[]  not null,
  topics          text[]  not null,
  clarity         text    not null check (clarity in ('vague', 'clear')),
  reach           text    not null check (reach in ('switcher', 'team', 'organisation')),
  internal        boolean not null,
  shared_text     text    check (length(shared_text) <= 5000),
  available       jsonb   not null default '[]',
  status          text    not null default 'draft' check (status in ('draft', 'open', 'matched', 'answered', 'partly_answered', 'unanswered', 'not_addressed', 'withdrawn')),
  close_reason    text    check (length(close_reason) <= 2000),
  version         integer not null default 1 check (version > 0),
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint leervragen_switcher_fkey foreign key (tenant_id, organisation_id, switcher_id) references medewerkers (tenant_id, organisation_id, id)
);
create index on leervragen (tenant_id, organisation_id);
create index on leervragen (tenant_id, switcher_id);
call platform.isolate('leervragen', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'switcher_id = (select cur_medewerker())');
call platform.pii('leervragen', 'none', 'id organisation_id topics clarity reach internal available status version');
call platform.pii('leervragen', 'pseudonym', 'switcher_id');
call platform.pii('leervragen', 'learning', 'title question motive goals shared_text close_reason');

create table leervraag_versions (
  tenant_id       uuid        not null,
  leervraag_id    uuid        not null,
  organisation_id uuid        not null,
  switcher_id     uuid        not null,
  version         integer     not null,
  at              timestamptz not null,
  changed_by      text        not null,
  title           text        not null,
  question        text        not null,
  motive          text,
  goals           text[]      not null,
  topics          text[]      not null,
  clarity         text        not null,
  shared_text     text,
  primary key (tenant_id, leervraag_id, version),
  foreign key (tenant_id, organisation_id, leervraag_id) references leervragen (tenant_id, organisation_id, id)
);
call platform.isolate('leervraag_versions', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'switcher_id = (select cur_medewerker())');
revoke update, delete on leervraag_versions from switchboard_app;
call platform.pii('leervraag_versions', 'none', 'tenant_id leervraag_id organisation_id version at topics clarity');
call platform.pii('leervraag_versions', 'pseudonym', 'switcher_id changed_by');
call platform.pii('leervraag_versions', 'learning', 'title question motive goals shared_text');
