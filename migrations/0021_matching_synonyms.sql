-- What the people of a tenant call one thing: matching takes such words for the same. Every change is a row; the newest
-- counts.
create table matching_synonyms (
  like platform.row including all,
  id       uuid    not null,
  version  integer not null check (version > 0),
  synonyms jsonb   not null,
  primary key (tenant_id, id),
  constraint matching_synonyms_version_key unique (tenant_id, version)
);
call platform.isolate('matching_synonyms', 'tenant');
revoke update, delete on matching_synonyms from switchboard_app;
call platform.pii('matching_synonyms', 'none', 'id version synonyms');

-- What was decided last, for learning from it.
create index on matches (tenant_id, updated_at) where status = 'accepted';
create index on suggestion_dismissals (tenant_id, dismissed_at);
