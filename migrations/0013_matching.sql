-- What matching asks besides: languages, sector wish, days needed, requirements met, how much a leercoach takes on; the
-- tenant's weights; rivals; suggestions that were dismissed; and the ESCO classification.

alter table leerplekken add languages text[] not null default '{}' check (cardinality(languages) <= 20);
call platform.pii('leerplekken', 'none', 'languages');

alter table leervragen
  add days_needed integer not null default 1 check (days_needed between 1 and 20),
  add sector_wish text check (sector_wish in ('same', 'other'));
call platform.pii('leervragen', 'none', 'days_needed sector_wish');

alter table medewerkers
  add meets_requirements text[] check (cardinality(meets_requirements) <= 50),
  add coaching_limit integer check (coaching_limit between 0 and 1000);
call platform.pii('medewerkers', 'employment', 'meets_requirements coaching_limit');

-- Every change of the weights is a row; the newest counts.
create table matching_weights (
  like platform.row including all,
  id           uuid    not null,
  version      integer not null check (version > 0),
  content      integer not null check (content between 0 and 10000),
  preference   integer not null check (preference between 0 and 10000),
  distance     integer not null check (distance between 0 and 10000),
  availability integer not null check (availability between 0 and 10000),
  size         integer not null check (size between 0 and 10000),
  workforce    integer not null check (workforce between 0 and 10000),
  cross_sector integer not null check (cross_sector between 0 and 10000),
  primary key (tenant_id, id),
  constraint matching_weights_version_key unique (tenant_id, version),
  check (content + preference + distance + availability + size + workforce + cross_sector = 10000)
);
call platform.isolate('matching_weights', 'tenant');
revoke update, delete on matching_weights from switchboard_app;
call platform.pii('matching_weights', 'none', 'id version content preference distance availability size workforce cross_sector');

-- Two employers between whom nobody switches. An employer reads what it named itself, and nothing of who named it.
create table rivals (
  like platform.row including all,
  id              uuid not null,
  organisation_id uuid not null,
  rival_id        uuid not null,
  named_by        uuid check (named_by = organisation_id),
  primary key (tenant_id, id),
  constraint rivals_key unique nulls not distinct (tenant_id, organisation_id, rival_id, named_by),
  constraint rivals_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint rivals_rival_fkey foreign key (tenant_id, rival_id) references organisations (tenant_id, id),
  constraint rivals_same_check check (organisation_id <> rival_id)
);
create index on rivals (tenant_id, rival_id);
call platform.isolate('rivals', 'organisation', org => 'named_by = (select cur_organisation())');
call platform.pii('rivals', 'none', 'id organisation_id rival_id named_by');

-- A leerplek that is not suggested for a leervraag any more. The switcher's side reads it; what was known when it was
-- decided stands in the audit table.
create table suggestion_dismissals (
  tenant_id                 uuid        not null,
  leervraag_id              uuid        not null,
  leerplek_id               uuid        not null,
  organisation_id           uuid        not null,
  switcher_id               uuid        not null,
  receiving_organisation_id uuid        not null,
  reason                    text        check (length(reason) between 1 and 2000),
  dismissed_at              timestamptz not null,
  dismissed_by              text        not null,
  primary key (tenant_id, leervraag_id, leerplek_id),
  foreign key (tenant_id, organisation_id, leervraag_id) references leervragen (tenant_id, organisation_id, id),
  foreign key (tenant_id, receiving_organisation_id, leerplek_id) references leerplekken (tenant_id, organisation_id, id)
);
call platform.isolate('suggestion_dismissals', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'switcher_id = (select cur_medewerker())');
call platform.pii('suggestion_dismissals', 'none', 'tenant_id leervraag_id leerplek_id organisation_id receiving_organisation_id dismissed_at');
call platform.pii('suggestion_dismissals', 'pseudonym', 'switcher_id dismissed_by');
call platform.pii('suggestion_dismissals', 'opinion', 'reason');

-- Reference data are the same for every tenant and hold nothing of any. The app role reads them; the role that owns the
-- schema writes them, from the publisher's own files.
create schema reference;
grant usage on schema reference to switchboard_app;
create table reference.esco_concepts (
  uri        text   primary key check (length(uri) between 1 and 500),
  kind       text   not null check (kind in ('skill', 'occupation', 'group')),
  label      text   not null,
  alt_labels text[] not null,
  broader    text[] not null
);
create table reference.esco (
  one         boolean     primary key default true check (one),
  version     text        not null check (length(version) between 1 and 100),
  imported_at timestamptz not null
);
grant select on reference.esco_concepts, reference.esco to switchboard_app;
call platform.pii('reference.esco_concepts', 'none', 'uri kind label alt_labels broader');
call platform.pii('reference.esco', 'none', 'one version imported_at');

-- What a question looks up at once.
create index on matches (tenant_id, leervraag_id);
create index on sites (tenant_id, postcode);
create index on leeruitwisselingen (tenant_id) where status in ('preparing', 'planned', 'in_progress');
