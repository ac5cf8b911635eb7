package app_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// impersonal are the columns that could hold anything, and of which the migrations say that they hold no personal data.
var impersonal = []explained{
	{"audit", "action", "a word of the program's"},
	{"clients", "scopes", "words of the program's"},
	{"cohorten", "name", "of a cyclus"},
	{"contacts", "organisation_id", "the employer, and not whom one speaks to there"},
	{"departments", "name excluded_functions reason", "of an employer's departments: which are open to switchers, and why one is not"},
	{"events", "noun type", "words of the program's"},
	{"events", "organisation_ids", "which employers it concerns"},
	{"external_ids", "noun system", "a word of the program's, and which system it is; what it calls somebody is a pseudonym"},
	{"idempotency_keys", "fingerprint key_hash", "hashes of what a client sent, kept for a day: nothing is found by them but the same request"},
	{"leerbewijzen", "place sending_name receiving_name", "of employers"},
	{"leerplekken", "title description topics requirements exclusions accessibility languages meeting_point safety_note function team available",
		"what an employer says of a place to learn; its leercoaches stand in leerplek_coaches"},
	{"leeruitwisselingen", "sending_name receiving_name leerplek_title meeting_point reception dress_code safety_note documents", "of employers, and what the host says to whoever comes"},
	{"leeruitwisseling_days", "starts ends", "hours of a day"},
	{"leeruitwisseling_expectations", "leerbewijs", "what an employer expects a certificate to show"},
	{"leeruitwisseling_signatures", "document_hash", "a hash of the agreement"},
	{"leervraag_versions", "clarity", "a word of the program's"},
	{"match_notes", "party", "a word of the program's"},
	{"matches", "required_parties", "words of the program's"},
	{"matching_runs", "algorithm failure", "words of the program's"},
	{"matching_runs", "weights pins", "numbers of the ST-partner's, and which leervraag was put where beforehand"},
	{"matching_runs", "input_hash result_hash", "hashes of a whole run"},
	{"matching_synonyms", "synonyms", "words that mean the same"},
	{"organisations", "name enterprise_number sector external_ids", "of an employer"},
	{"organisation_needs", "title function target_group other_effects desired_result development_context success_criterion", "what an employer wants learned, and by which kind of people"},
	{"organisation_profiles", "core_values strengths weaker_points offers challenges internal_channels desired_result", "of an employer"},
	{"sites", "name street postcode municipality business_park", "where an employer is"},
	{"surveys", "questions", "what is asked, of everybody in a role"},
	{"survey_answers", "question", "which question it is"},
	{"tenants", "slug name zone primary_colour accent_colour required_parties frame_origins", "of an ST-partner"},
	{"webhook_attempts", "url header_names signed_by", "where it went, which headers it had, and the ids of the secrets that signed it"},
	{"webhook_console_links", "scopes", "words of the program's"},
	{"webhook_deliveries", "type", "a word of the program's"},
	{"webhook_endpoints", "id organisation_id url description header_names certificate oauth_client_id oauth_scope oauth_token_url", "of a receiver, which is a system"},
	{"webhook_endpoints", "event_types nouns type_patterns filter payload ordering rate_limit", "what it wants, and how"},
	{"webhook_endpoints", "status disabled_reason disabled_at failing_since warned paused_at deleted_at", "how it does"},
	{"webhook_recoveries", "event_types nouns type_patterns", "words of the program's"},
	{"webhook_secrets", "public", "a public key"},
	{"platform.directory", "kind", "a word of the program's"},
	{"platform.rounds", "reason", "a word of the program's"},
	{"platform.signing_keys", "kid public", "a public key and its name"},
}

// couldBePersonal are the columns of class none that hold words, documents or bytes, but for words that a constraint lists; lists of ids,
// and the id of a person or of a client; and in tables that say how to reach somebody, all columns of that class.
const couldBePersonal = `select c.oid::regclass::text || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
	where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace)
	and attnum > 0 and not attisdropped and attname not in ('tenant_id', 'revision', 'created_at', 'updated_at', 'request_id', 'pos') and col_description(c.oid, attnum) = 'pii: none'
	and (atttypid in ('text'::regtype, 'text[]'::regtype, 'json'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'varchar'::regtype)
			and not exists (select from pg_constraint k where k.conrelid = c.oid and contype = 'c' and conkey = array[attnum]
				and pg_get_constraintdef(k.oid) ~ ('^CHECK \(\(\(?' || attname || ' (= ANY \(ARRAY|<@ ARRAY)\['))
		or atttypid = 'uuid[]'::regtype
		or exists (select from pg_constraint k, unnest(k.conkey, k.confkey) as at (mine, theirs) join pg_attribute r on r.attnum = at.theirs
			where k.conrelid = c.oid and k.contype = 'f' and at.mine = a.attnum and r.attrelid = k.confrelid and r.attname = 'id'
				and k.confrelid in ('medewerkers'::regclass, 'contacts'::regclass, 'clients'::regclass))
		or exists (select from pg_attribute o where o.attrelid = c.oid and col_description(c.oid, o.attnum) ~ '^pii: .*\mcontact\M'))`

func TestProcessingRegister_WhatHoldsNothingPersonalSaysWhy(t *testing.T) {
	t.Parallel()
	require.Empty(t, unexplainedColumns(t, testkit.NewDatabase(t).Super, couldBePersonal, impersonal), "give it its class by platform.pii, or say in impersonal why it has none")
}

func TestProcessingRegister_AColumnOfNobodysIsADecision(t *testing.T) {
	t.Parallel()
	ctx, d := context.Background(), testkit.NewDatabase(t)
	for want, plant := range map[string]string{
		"medewerkers.religion":  `alter table medewerkers add religion text; call platform.pii('medewerkers', 'none', 'religion')`,
		"medewerkers.married":   `alter table medewerkers add married boolean; call platform.pii('medewerkers', 'none', 'married')`,
		"audit.details":         `call platform.pii('audit', 'none', 'details')`,
		"sites.remark":          `alter table sites add remark text[]; call platform.pii('sites', 'none', 'remark')`,
		"planted.body":          `create table planted (body jsonb); call platform.pii('planted', 'none', 'body')`,
		"matches.switcher_id":   `call platform.pii('matches', 'none', 'switcher_id')`,
		"matches.leercoach_ids": `call platform.pii('matches', 'none', 'leercoach_ids')`,
		"planted.who": `create table planted (tenant_id uuid, who uuid, foreign key (tenant_id, who) references contacts (tenant_id, id));
			call platform.pii('planted', 'none', 'who')`,
		"sites.name is decided on twice":    `call platform.pii('sites', 'location', 'name')`,
		"cohorten.name is decided on twice": `alter table cohorten drop column name`,
	} {
		tx, err := d.Super.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, plant)
		require.NoError(t, err, plant)
		require.Contains(t, strings.Join(unexplainedColumns(t, tx, couldBePersonal, impersonal), "\n"), want)
		require.NoError(t, tx.Rollback(ctx))
	}
	for _, class := range []string{"health", "none contact", "contact none", "secret contact", ""} {
		tx, err := d.Super.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `call platform.pii('sites', '`+class+`', 'name')`)
		require.ErrorContains(t, err, "there is no class of personal data called "+class)
		require.NoError(t, tx.Rollback(ctx))
	}
}
