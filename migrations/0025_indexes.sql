-- Indexes that others serve for now: apart from making those, because dropping one lets nobody read its table until COMMIT.

-- The unique key (tenant_id, organisation_id, id) begins like these, and gives a page its order too.
drop index contacts_tenant_id_organisation_id_idx, departments_tenant_id_organisation_id_idx, leerplekken_tenant_id_organisation_id_idx,
  leervragen_tenant_id_organisation_id_idx, opleidingsregistraties_tenant_id_organisation_id_idx,
  organisation_needs_tenant_id_organisation_id_idx, sites_tenant_id_organisation_id_idx;

-- Those of 0024 begin like these.
drop index leerbewijzen_tenant_id_organisation_id_idx, matches_tenant_id_sending_organisation_id_idx, matches_tenant_id_receiving_organisation_id_idx,
  leeruitwisselingen_tenant_id_sending_organisation_id_idx, leeruitwisselingen_tenant_id_receiving_organisation_id_idx;
drop index matches_tenant_id_leerplek_id_idx, leeruitwisselingen_tenant_id_idx, sites_tenant_id_postcode_idx;
