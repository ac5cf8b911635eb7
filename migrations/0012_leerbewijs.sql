-- Certificates. The row is a copy of what was true when it was issued; what it proves does not change afterwards.

create table leerbewijzen (
  like platform.row including all,
  id                  uuid        not null,
  leeruitwisseling_id uuid        not null,
  organisation_id     uuid        not null,
  medewerker_id       uuid        not null,
  role                text        not null check (role in ('switcher', 'leercoach')),
  status              text        not null default 'issued' check (status in ('issued', 'suspended', 'revoked')),
  lang                text        not null check (lang in ('nl', 'fr', 'en')),
  holder_name         text        not null,
  title               text,
  goals               text[]      not null,
  sending_name        text        not null,
  receiving_name      text        not null,
  place               text,
  hours               bigint      not null check (hours > 0),
  classification      text        not null check (classification in ('informal', 'formal', 'initial')),
  from_on             date        not null,
  until_on            date        not null,
  issued_at           timestamptz not null,
  valid_until_on      date,
  suspended_at        timestamptz,
  suspend_reason      text        check (length(suspend_reason) <= 2000),
  revoked_at          timestamptz,
  revoke_reason       text        check (length(revoke_reason) <= 2000),
  key_sealed          bytea       not null,
  check ((status = 'suspended') = (suspended_at is not null)),
  check ((status = 'revoked') = (revoked_at is not null)),
  primary key (tenant_id, id),
  foreign key (tenant_id, leeruitwisseling_id) references leeruitwisselingen (tenant_id, id),
  foreign key (tenant_id, organisation_id, medewerker_id) references medewerkers (tenant_id, organisation_id, id)
);
create unique index leerbewijzen_holder_key on leerbewijzen (tenant_id, leeruitwisseling_id, medewerker_id) where status <> 'revoked';
create index on leerbewijzen (tenant_id, organisation_id);
call platform.isolate('leerbewijzen', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'medewerker_id = (select cur_medewerker())');
call platform.pii('leerbewijzen', 'none', 'id leeruitwisseling_id organisation_id role status lang sending_name receiving_name place hours classification from_on until_on issued_at valid_until_on suspended_at revoked_at');
call platform.pii('leerbewijzen', 'pseudonym', 'medewerker_id');
call platform.pii('leerbewijzen', 'identity', 'holder_name');
call platform.pii('leerbewijzen', 'learning', 'title goals suspend_reason revoke_reason');
call platform.pii('leerbewijzen', 'secret', 'key_sealed');
