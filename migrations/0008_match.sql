-- A leervraag put to a leerplek. Both employers see the row, so it holds only what both may see; who said it and why
-- stands in notes that its own side alone reads.

create table matches (
  like platform.row including all,
  id                        uuid    not null,
  leervraag_id              uuid    not null,
  leerplek_id               uuid    not null,
  sending_organisation_id   uuid    not null,
  receiving_organisation_id uuid    not null,
  switcher_id               uuid    not null,
  leercoach_ids             uuid[]  not null check (cardinality(leercoach_ids) between 1 and 20),
  internal                  boolean not null,
  required_parties          text[]  not null,
  status                    text    not null check (status in ('draft', 'proposed', 'accepted', 'declined', 'lapsed', 'cancelled')),
  leeruitwisseling_id       uuid,
  primary key (tenant_id, id),
  constraint matches_leervraag_fkey foreign key (tenant_id, sending_organisation_id, leervraag_id) references leervragen (tenant_id, organisation_id, id),
  constraint matches_leerplek_fkey foreign key (tenant_id, receiving_organisation_id, leerplek_id) references leerplekken (tenant_id, organisation_id, id),
  constraint matches_switcher_fkey foreign key (tenant_id, sending_organisation_id, switcher_id) references medewerkers (tenant_id, organisation_id, id),
  constraint matches_internal_check check (internal = (sending_organisation_id = receiving_organisation_id))
);
-- One open proposal of a leervraag to a leerplek at a time.
create unique index matches_open_key on matches (tenant_id, leervraag_id, leerplek_id) where status in ('draft', 'proposed');
create index on matches (tenant_id, leerplek_id) where status = 'accepted';
create index on matches (tenant_id, sending_organisation_id);
create index on matches (tenant_id, receiving_organisation_id);
call platform.isolate('matches', 'pair',
  org => '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id) and status <> ''draft''',
  mdw => '((select cur_medewerker()) = switcher_id or (select cur_medewerker()) = any (leercoach_ids)) and status <> ''draft''');
call platform.pii('matches', 'none', 'id leervraag_id leerplek_id sending_organisation_id receiving_organisation_id internal required_parties status leeruitwisseling_id');
call platform.pii('matches', 'pseudonym', 'switcher_id leercoach_ids');

create table match_decisions (
  tenant_id                 uuid        not null,
  match_id                  uuid        not null,
  party                     text        not null check (party in ('sending', 'receiving', 'switcher', 'leercoach')),
  sending_organisation_id   uuid        not null,
  receiving_organisation_id uuid        not null,
  decision                  text        not null check (decision in ('accepted', 'declined')),
  channel                   text        check (channel in ('meeting', 'phone', 'mail', 'link', 'signed_in')),
  decided_at                timestamptz not null,
  recorded_by               text        not null,
  primary key (tenant_id, match_id, party),
  foreign key (tenant_id, match_id) references matches (tenant_id, id)
);
call platform.isolate('match_decisions', 'pair',
  org => '(select cur_organisation()) in (sending_organisation_id, receiving_organisation_id)',
  mdw => 'exists (select 1 from matches m where m.tenant_id = match_decisions.tenant_id and m.id = match_decisions.match_id)');
call platform.pii('match_decisions', 'none', 'tenant_id match_id party sending_organisation_id receiving_organisation_id decision channel decided_at');
call platform.pii('match_decisions', 'pseudonym', 'recorded_by');

create table match_notes (
  tenant_id       uuid not null,
  match_id        uuid not null,
  party           text not null,
  organisation_id uuid not null,
  given_by        text check (length(given_by) <= 200),
  reason          text check (length(reason) <= 2000),
  primary key (tenant_id, match_id, party),
  foreign key (tenant_id, match_id, party) references match_decisions (tenant_id, match_id, party)
);
call platform.isolate('match_notes', 'medewerker', org => 'organisation_id = (select cur_organisation())',
  mdw => 'exists (select 1 from matches m where m.tenant_id = match_notes.tenant_id and m.id = match_notes.match_id
    and (party = ''switcher'' and m.switcher_id = (select cur_medewerker()) or party = ''leercoach'' and (select cur_medewerker()) = any (m.leercoach_ids)))');
call platform.pii('match_notes', 'none', 'tenant_id match_id party organisation_id');
call platform.pii('match_notes', 'identity', 'given_by');
call platform.pii('match_notes', 'opinion', 'reason');
