-- Tenants, their clients, and what guards every request.

create table tenants (
  like platform.row including all,
  id      uuid    not null check (id = tenant_id),
  slug    text    not null check (slug ~ '^[a-z0-9](-?[a-z0-9])*$' and length(slug) <= 40),
  name    text    not null check (length(name) between 1 and 200),
  sandbox boolean not null default false,
  zone    text    not null default 'Europe/Brussels',
  lang    text    not null default 'nl' check (lang in ('nl', 'fr', 'en')),
  primary_colour text check (primary_colour ~ '^#[0-9a-f]{6}$'),
  accent_colour  text check (accent_colour ~ '^#[0-9a-f]{6}$'),
  required_parties text[] not null default '{sending,receiving}'
    check (required_parties <@ '{sending,receiving,switcher,leercoach}'::text[] and required_parties @> '{sending,receiving}'::text[]),
  survey_delay_days integer not null default 14 check (survey_delay_days between 0 and 365),
  primary key (tenant_id, id)
);
call platform.isolate('tenants', 'organisation', org => 'true', mdw => 'true');
-- The operator sees the list of tenants and nothing else of theirs. It makes one inside it, and changes none.
create policy operator on tenants for select using ((select cur_scope()) = 'operator');
-- Bound callers read their tenant's name and settings.
create policy settings_insert on tenants as restrictive for insert with check ((select cur_scope()) in ('tenant', 'operator'));
create policy settings_update on tenants as restrictive for update
  using ((select cur_scope()) in ('tenant', 'operator')) with check ((select cur_scope()) in ('tenant', 'operator'));
create policy settings_delete on tenants as restrictive for delete using (false);
call platform.pii('tenants', 'none', 'id slug name sandbox zone lang primary_colour accent_colour required_parties survey_delay_days');

create table clients (
  like platform.row including all,
  id              uuid   not null,
  name            text   not null check (length(name) between 1 and 200),
  role            text   not null check (role in ('operator', 'partner_admin', 'coordinator', 'employer', 'switcher', 'leercoach', 'integration', 'viewer')),
  scopes          text[] not null,
  organisation_id uuid,
  medewerker_id   uuid check (medewerker_id is null or organisation_id is not null),
  first_used_at   timestamptz,
  revoked_at      timestamptz,
  first_admin     boolean not null default false,
  primary key (tenant_id, id)
);
call platform.isolate('clients', 'tenant');
call platform.pii('clients', 'none', 'role scopes first_used_at revoked_at first_admin organisation_id');
call platform.pii('clients', 'pseudonym', 'id medewerker_id');
call platform.pii('clients', 'identity', 'name');

-- Secrets are 256 random bits, so a plain hash tells nothing. Two may live at once while one replaces the other.
create table client_secrets (
  tenant_id  uuid        not null,
  id         uuid        not null,
  client_id  uuid        not null,
  hash       bytea       not null check (octet_length(hash) = 32),
  created_at timestamptz not null,
  expires_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references clients (tenant_id, id)
);
create index on client_secrets (tenant_id, client_id);
call platform.isolate('client_secrets', 'tenant');
call platform.pii('client_secrets', 'none', 'tenant_id id created_at expires_at');
call platform.pii('client_secrets', 'pseudonym', 'client_id');
call platform.pii('client_secrets', 'secret', 'hash');

-- The first answer to a request with an Idempotency-Key, sealed under a key that only the caller's own key opens.
create table idempotency_keys (
  tenant_id   uuid        not null,
  client_id   uuid        not null,
  key_hash    bytea       not null check (octet_length(key_hash) = 32),
  fingerprint bytea       not null check (octet_length(fingerprint) = 32),
  answer      bytea       not null,
  created_at  timestamptz not null,
  primary key (tenant_id, client_id, key_hash)
);
create index on idempotency_keys (tenant_id, created_at);
call platform.isolate('idempotency_keys', 'organisation', org => 'true', mdw => 'true');
call platform.pii('idempotency_keys', 'none', 'tenant_id key_hash fingerprint created_at');
call platform.pii('idempotency_keys', 'pseudonym', 'client_id');
call platform.pii('idempotency_keys', 'secret', 'answer');

-- Who decided what, on which grounds. Rows are added and never changed.
create table audit (
  tenant_id    uuid        not null,
  id           uuid        not null,
  at           timestamptz not null,
  actor        text        not null,
  on_behalf_of text,
  request_id   text        not null,
  action       text        not null,
  subject_id   uuid        not null,
  details      jsonb       not null,
  primary key (tenant_id, id)
) partition by range (id);
create table audit_rest partition of audit default;
create index on audit (tenant_id, subject_id);
call platform.isolate('audit', 'tenant');
call platform.isolate('audit_rest', 'tenant');
revoke update, delete on audit, audit_rest from switchboard_app;
call platform.pii('audit', 'none', 'tenant_id id at request_id action subject_id details');
call platform.pii('audit', 'pseudonym', 'actor');
call platform.pii('audit', 'identity', 'on_behalf_of');
call platform.pii('audit_rest', 'none', 'tenant_id id at request_id action subject_id details');
call platform.pii('audit_rest', 'pseudonym', 'actor');
call platform.pii('audit_rest', 'identity', 'on_behalf_of');
