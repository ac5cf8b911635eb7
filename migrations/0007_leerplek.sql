-- Places to learn, with their leercoaches. A published one is read by every employer of the tenant, so it holds nothing
-- that only its own employer may know.

-- array_to_string is only stable for arrays in general; for text it never changes.
create function platform.words(parts text[]) returns text language sql immutable parallel safe
  as $$ select array_to_string(parts, ' ') $$;

create table leerplekken (
  like platform.row including all,
  id              uuid    not null,
  organisation_id uuid    not null,
  site_id         uuid,
  department_id   uuid,
  meeting_point   text    check (length(meeting_point) <= 1000),
  function        text    check (length(function) <= 200),
  title           text    not null check (length(title) between 1 and 200),
  description     text    not null check (length(description) between 1 and 20000),
  topics          text[]  not null,
  capacity        integer not null check (capacity between 1 and 1000),
  available       jsonb   not null default '[]',
  requirements    text[]  not null,
  sourcing        text    not null check (sourcing in ('supply', 'demand', 'cocreation')),
  safety_note     text    check (length(safety_note) <= 5000),
  status          text    not null default 'draft' check (status in ('draft', 'published', 'withdrawn')),
  lexemes         tsvector not null generated always as (
    setweight(to_tsvector('dutch', title), 'A') || setweight(to_tsvector('dutch', platform.words(topics)), 'B') || to_tsvector('dutch', description)) stored,
  primary key (tenant_id, id),
  unique (tenant_id, organisation_id, id),
  constraint leerplekken_organisation_fkey foreign key (tenant_id, organisation_id) references organisations (tenant_id, id),
  constraint leerplekken_site_fkey foreign key (tenant_id, organisation_id, site_id) references sites (tenant_id, organisation_id, id),
  constraint leerplekken_department_fkey foreign key (tenant_id, organisation_id, department_id) references departments (tenant_id, organisation_id, id)
);
create index on leerplekken (tenant_id, organisation_id);
create index on leerplekken using gin (lexemes);
call platform.isolate('leerplekken', 'shared', org => 'organisation_id = (select cur_organisation())',
  mdw => 'organisation_id = (select cur_organisation())', shared => 'status = ''published''');
call platform.pii('leerplekken', 'none', 'id organisation_id site_id department_id meeting_point function title description topics capacity available requirements sourcing safety_note status lexemes');

-- The five conditions of seed 001, 5.4 "Identificeren van leercoaches": that the coach is employed there is the foreign
-- key; the other four are answered yes, no, or not yet.
create table leerplek_coaches (
  tenant_id       uuid    not null,
  leerplek_id     uuid    not null,
  organisation_id uuid    not null,
  medewerker_id   uuid    not null,
  place           integer not null check (place > 0),
  voluntary       boolean,
  has_time        boolean,
  knows_role      boolean,
  has_expertise   boolean,
  primary key (tenant_id, leerplek_id, medewerker_id),
  constraint leerplek_coaches_leerplek_fkey foreign key (tenant_id, organisation_id, leerplek_id) references leerplekken (tenant_id, organisation_id, id),
  constraint leerplek_coaches_medewerker_fkey foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id)
);
create index on leerplek_coaches (tenant_id, medewerker_id);
call platform.isolate('leerplek_coaches', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'medewerker_id = (select cur_medewerker())');
call platform.pii('leerplek_coaches', 'none', 'tenant_id leerplek_id organisation_id place');
call platform.pii('leerplek_coaches', 'pseudonym', 'medewerker_id');
call platform.pii('leerplek_coaches', 'employment', 'voluntary has_time knows_role has_expertise');
