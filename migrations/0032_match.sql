-- Where postcodes are, for distances; and what each side of a match is told of why it was made.

-- The middle of a postcode, from GeoNames' own files: the same for every tenant, and never an address.
create table reference.postcodes (
  postcode  text             not null check (postcode ~ '^[A-Z0-9]{1,20}$'), -- letters and digits alone, in capitals
  country   text             not null check (country ~ '^[A-Z]{2}$'),           -- ISO 3166-1
  latitude  double precision not null check (latitude between -90 and 90),
  longitude double precision not null check (longitude between -180 and 180),
  primary key (postcode, country)
);
create table reference.postcode_countries (
  country           text        primary key check (country ~ '^[A-Z]{2}$'),
  imported_at       timestamptz not null,
  first_imported_at timestamptz not null
);
grant select on reference.postcodes, reference.postcode_countries to switchboard_app;
call platform.pii('reference.postcodes', 'none', 'postcode country latitude longitude');
call platform.pii('reference.postcode_countries', 'none', 'country imported_at first_imported_at');

-- Why a match was made, as codes: each side has its own, because how far a switcher lives, and what they wish, is not the other
-- employer's to know. What it scored stands in the audit table.
create table match_reasons (
  tenant_id       uuid   not null,
  match_id        uuid   not null,
  party           text   not null check (party in ('sending', 'receiving')),
  organisation_id uuid   not null,
  origin          text   not null check (origin in ('hand', 'run')),
  reasons         text[] not null check (cardinality(reasons) <= 20),
  primary key (tenant_id, match_id, party),
  foreign key (tenant_id, match_id) references matches (tenant_id, id)
);
call platform.isolate('match_reasons', 'medewerker',
  org => 'organisation_id = (select cur_organisation()) and exists (select 1 from matches m where m.tenant_id = match_reasons.tenant_id and m.id = match_id)',
  mdw => 'exists (select 1 from matches m where m.tenant_id = match_reasons.tenant_id and m.id = match_id
    and (party = ''sending'' and m.switcher_id = (select cur_medewerker()) or party = ''receiving'' and (select cur_medewerker()) = any (m.leercoach_ids)))');
call platform.pii('match_reasons', 'none', 'tenant_id match_id party organisation_id origin');
call platform.pii('match_reasons', 'location', 'reasons');
