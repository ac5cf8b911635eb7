package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// Rows that two employers see hold only what both may see. Row-level security keeps rows apart, and no columns: what one side writes
// into a column of such a row, the other reads. So each of these columns was decided on, and stands here with why both may see it; a new
// one fails until somebody says so, or lays it into a table of one side.

// explained says of columns of a table why they are as they are.
type explained struct{ table, columns, why string }

// bothSee are the columns of rows that two employers, or all of a tenant, can see.
var bothSee = []explained{
	{"*", "tenant_id id revision created_at updated_at pos", "which row it is, and when it changed"},
	{"*", "changed_by on_behalf_of request_id", "whose doing it was: for who runs the program, and in no answer"},

	{"leerplekken", "organisation_id site_id department_id function team place_kind", "what a leerplek is and where: employers find each other by it"},
	{"leerplekken", "title description topics lexemes lexemes_version languages requirements exclusions accessibility meeting_point safety_note capacity available sourcing status",
		"what the host says of it to whoever may come; only a published one is seen by others"},

	{"matches", "leervraag_id leerplek_id sending_organisation_id receiving_organisation_id leeruitwisseling_id internal", "what is put together, and what came of it"},
	{"matches", "switcher_id leercoach_ids", "who would come and who would coach: both employers decide on it; names are not here"},
	{"matches", "required_parties status", "whose decision is waited for"},
	{"matches", "content_fits location_feasible moments_feasible", "yes, no or not looked at yet, in one word each"},
	{"matches", "sending_informed_at receiving_informed_at", "when each was told"},

	{"match_decisions", "match_id sending_organisation_id receiving_organisation_id", "of which match"},
	{"match_decisions", "party decision channel decided_at recorded_by", "that a side decided, when and how; who gave it and why stand in match_notes, of that side"},

	{"leeruitwisselingen", "match_id leervraag_id leerplek_id sending_organisation_id receiving_organisation_id site_id internal", "what the exchange is of"},
	{"leeruitwisselingen", "switcher_id leercoach_ids day_coach_ids", "who takes part"},
	{"leeruitwisselingen", "sending_name receiving_name switcher_name switcher_job_title switcher_language leervraag_version leervraag_title leervraag_text leerplek_title",
		"what the host needs of switcher and leervraag, and the other way round, as it was at acceptance"},
	{"leeruitwisselingen", "meeting_point safety_note reception dress_code", "what the host says to who comes"},
	{"leeruitwisselingen", "documents", "what each side lists for both to have at hand"},
	{"leeruitwisselingen", "kennismakingsgesprek", "a conversation of both sides: what was said there both heard"},
	{"leeruitwisselingen", "plan_goals plan_activities plan_people plan_success plan_motive plan_meaning plan_how_to_answer plan_must_cover plan_curious_about plan_drawn_up_by",
		"the leeractieplan, which switcher and leercoach draw up together"},
	{"leeruitwisselingen", "insured_work_accident insured_commute insured_liability safety_exchanged", "what has to be settled between both before it begins"},
	{"leeruitwisselingen", "status planned_at completed_at cancelled_at cancelled_by_party cancel_reason", "how far it is; a reason is one of six words, what more there is to say is a note of one side"},

	{"leeruitwisseling_days", "leeruitwisseling_id sending_organisation_id receiving_organisation_id", "of which exchange"},
	{"leeruitwisseling_days", "date_on starts ends break_minutes starts_at ends_at hours site_id leercoach_ids programme", "when and where they meet, and what they will do"},
	{"leeruitwisseling_days", "attended attended_hours safety_briefed marked_at", "that the switcher was there: the host sees it, and the sending employer's training hours are made of it"},

	{"leeruitwisseling_signatures", "leeruitwisseling_id sending_organisation_id receiving_organisation_id party signed_by method document_hash signed_at recorded_by",
		"an agreement between both, which says who signed it"},

	{"leeruitwisseling_reflections", "leeruitwisseling_id sending_organisation_id receiving_organisation_id party organisation_id medewerker_id medium text link reflected_on lessons shared_with",
		"the row is one side's, and whole: whom its author shares it with reads all of it, and nobody else a column"},

	{"external_ids", "noun subject_id organisation_id system value", "one employer's: of itself, or of its people"},

	{"events", "type noun subject_id subject organisation_ids medewerker_ids data occurred_at", "what happened, told to the employers whom it concerns: states, dates, hours and ids, no names"},
	{"events", "external_ids", "both sides' stand in one row: Go tells each recipient its own (TestData_TellsARecipientItsOwnExternalIDsAlone)"},
	{"events", "actor", "whose doing it was: for who runs the program; what answers or delivers a fact reads other columns"},

	{"tenants", "slug name sandbox zone lang primary_colour accent_colour required_parties survey_delay_days frame_origins", "whose network it is, how its pages look and what its rules are"},

	{"idempotency_keys", "client_id key_hash fingerprint", "hashes of what some client sent; the doors look under the caller's own client alone"},
	{"idempotency_keys", "answer", "sealed under the key that its client sent (TestIdempotency_AnswersAreSealed)"},
}

// seenByBoth are the columns of tables whose class says so, or whose policies let the callers of two columns' employers in, of those in a
// list, or of all.
const seenByBoth = `with rel as (select oid, relname::text as name from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and (
		obj_description(oid, 'pg_class') ~ '^class: (pair|shared)$' or 1 < (select count(distinct coalesce(m[1], m[2])) from pg_policy,
			regexp_matches(pg_get_expr(polqual, polrelid), '(\w+) = \( ?SELECT cur_organisation|cur_organisation\(\) AS cur_organisation\) = (\w+)', 'g') m where polrelid = c.oid)
		or exists (select from pg_policy where polrelid = c.oid and not polpermissive
			and pg_get_expr(polqual, polrelid) ~ 'cur_organisation\) = ANY \(|WHEN ''organisation''::text THEN true')))
	select name || '.' || attname from rel join pg_attribute on attrelid = oid where attnum > 0 and not attisdropped`

// unexplainedColumns are the columns that a query finds and nobody decided on, and decisions on what it does not find or that stand twice. Those
// of table * are on all tables.
func unexplainedColumns(t *testing.T, q queryer, query string, decisions []explained) []string {
	t.Helper()
	rows, err := q.Query(context.Background(), query)
	require.NoError(t, err)
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	decided, out := map[string]bool{}, []string{}
	for _, d := range decisions {
		require.NotEmpty(t, d.why)
		for column := range strings.FieldsSeq(d.columns) {
			at := d.table + "." + column
			if decided[at] || d.table != "*" && !slices.Contains(there, at) {
				out = append(out, at+" is decided on twice, or is not what this is about")
			}
			decided[at] = true
		}
	}
	for _, at := range there {
		if column := at[strings.LastIndexByte(at, '.')+1:]; !decided[at] && !decided["*."+column] {
			out = append(out, at+" was decided on by nobody")
		}
	}
	slices.Sort(out)
	return out
}

func TestCatalogue_WhatTwoEmployersSeeWasDecidedOn(t *testing.T) {
	t.Parallel()
	require.Empty(t, unexplainedColumns(t, testkit.NewDatabase(t).Super, seenByBoth, bothSee), "say in bothSee (both_test.go) why, or keep it in a table of one side")
}

func TestCatalogue_AColumnThatTwoEmployersSeeIsADecision(t *testing.T) {
	t.Parallel()
	ctx, d := context.Background(), testkit.NewDatabase(t)
	for want, plant := range map[string]string{
		"matches.receiving_remark was decided on by nobody":                  `alter table matches add receiving_remark text`,
		"leerplekken.remark was decided on by nobody":                        `alter table leerplekken add remark text`,
		"matches.internal is decided on twice, or is not what this is about": `alter table matches drop column internal cascade`,
		"planted.remark was decided on by nobody": `create table planted (like platform.row including all, id uuid, a uuid, b uuid, remark text);
			call platform.isolate('planted', 'pair', org => 'a = (select cur_organisation()) or b = (select cur_organisation())')`,
		"planted.text was decided on by nobody": `create table planted (like platform.row including all, id uuid, a uuid, b uuid, text text);
			call platform.isolate('planted', 'organisation', org => '(select cur_organisation()) = a or (select cur_organisation()) = b and text <> ''''')`,
		"planted.either was decided on by nobody": `create table planted (like platform.row including all, id uuid, a uuid, b uuid, either text);
			call platform.isolate('planted', 'organisation', org => '(select cur_organisation()) in (a, b)')`,
		"planted.listed was decided on by nobody": `create table planted (like platform.row including all, id uuid, os uuid[], listed text);
			call platform.isolate('planted', 'organisation', org => '(select cur_organisation()) = any (os)')`,
		"planted.all was decided on by nobody": `create table planted (like platform.row including all, id uuid, "all" text);
			call platform.isolate('planted', 'organisation', org => 'true')`,
	} {
		tx, err := d.Super.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, plant)
		require.NoError(t, err, plant)
		require.Contains(t, unexplainedColumns(t, tx, seenByBoth, bothSee), want)
		require.NoError(t, tx.Rollback(ctx))
	}
}
