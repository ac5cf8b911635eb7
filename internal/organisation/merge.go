package organisation

import (
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var (
	// NotMergeable says that two employers cannot become one, and names what stands in the way.
	NotMergeable = fault.Define(fault.Conflict, "organisations-not-mergeable", fault.Text{
		EN: "These employers cannot be merged.", NL: "Deze werkgevers kunnen niet samengevoegd worden.",
		FR: "Ces employeurs ne peuvent pas être fusionnés."})
	// Merged says that an employer was merged into another one already.
	Merged = fault.Define(fault.Conflict, "organisation-merged", fault.Text{
		EN: "This employer was merged into {into}.", NL: "Deze werkgever werd samengevoegd met {into}.", FR: "Cet employeur a été fusionné avec {into}."})

	// Itself says that an employer is the one that it should be merged into.
	Itself = fault.DefineRule("itself", fault.Text{
		EN: "is the same employer", NL: "is dezelfde werkgever", FR: "est le même employeur"})
	otherNumber = fault.DefineRule("enterprise_numbers_differ", fault.Text{
		EN: "has another enterprise number", NL: "heeft een ander ondernemingsnummer", FR: "a un autre numéro d’entreprise"})
	otherID = fault.DefineRule("external_ids_differ", fault.Text{
		EN: "has another id in {system}", NL: "heeft een andere id in {system}", FR: "a un autre identifiant dans {system}"})
)

// MergedInto returns where an employer that was merged went, or fault.Missing when there is no such employer.
func (s Service) MergedInto(tx *db.Tx, oid id.OrganisationID) (id.OrganisationID, error) {
	var row Organisation
	err := tx.DB.Where("former_id = ?", oid).Take(&row).Error
	if err != nil {
		return id.OrganisationID{}, db.Missing(err)
	}
	return *row.MergedIntoID, nil
}

// Differences are what keeps two employers from being one: each is an enterprise of its own, or one system knows both.
func Differences(from, into Organisation) []fault.Field {
	var out []fault.Field
	if from.EnterpriseNumber != nil && into.EnterpriseNumber != nil {
		out = append(out, fault.Field{Pointer: "/into", Rule: otherNumber})
	}
	for _, x := range from.ExternalIDs {
		if slices.ContainsFunc(into.ExternalIDs, func(y external.ID) bool { return x.System == y.System }) {
			out = append(out, fault.Field{Pointer: "/into", Rule: otherID, Params: map[string]string{"system": x.System}})
		}
	}
	return out
}

// BeginMerge lets the rows of one employer move in any order until Merge.
func (s Service) BeginMerge(tx *db.Tx) error {
	_, err := tx.Run(`set constraints all deferred`)
	return err
}

// Merge ends what BeginMerge began, once the other nouns moved their rows: sites, departments, contacts, needs,
// conversations and profile follow, what the one does not know of itself it takes over, and the other leaves a tombstone
// with where it went. What was left behind, or came in between, makes it fail with NotMergeable: the foreign keys see it.
func (s Service) Merge(tx *db.Tx, fromID, intoID id.OrganisationID) (Organisation, error) {
	locked := map[id.OrganisationID]Organisation{}
	order := []id.OrganisationID{fromID, intoID}
	slices.SortFunc(order, func(a, b id.OrganisationID) int { return slices.Compare(a[:], b[:]) })
	for _, o := range order {
		row, err := db.Lock[Organisation](tx, o)
		if err != nil {
			return row, err
		}
		locked[o] = row
	}
	from, before := locked[fromID], locked[intoID]
	if fields := Differences(from, before); len(fields) > 0 {
		f := NotMergeable.New()
		f.Fields = fields
		return before, f
	}
	left, err := moveParts(tx, fromID, intoID)
	if err != nil {
		return before, err
	}
	gone := from
	gone.EnterpriseNumber, gone.ExternalIDs = nil, external.List{}
	if err := external.Set(tx, "organisation", uuid.Nil, fromID.UUID(), from.ExternalIDs, nil); err != nil {
		return before, err
	}
	gone.FormerID, gone.MergedIntoID = &fromID, &intoID
	if _, err := db.Change(tx, from, &gone); err != nil {
		return before, err
	}
	if _, err := tx.Run(`update organisations set id = ? where tenant_id = ? and id = ?`, id.NewOrganisation(), tx.Scope.Tenant, fromID); err != nil {
		return before, err
	}
	after := before
	after.takeOver(from)
	if _, err := db.Change(tx, before, &after); err != nil {
		return before, err
	}
	if after.Revision == before.Revision { // its parts changed in any case
		if err := touched(tx, intoID); err != nil {
			return before, err
		}
		after.Revision++
	} else if err := record(tx, before.changed(after), after); err != nil {
		return before, err
	}
	if err := external.Set(tx, "organisation", uuid.Nil, intoID.UUID(), before.ExternalIDs, after.ExternalIDs); err != nil {
		return before, err
	}
	if _, err := tx.Run(`set constraints all immediate`); err != nil {
		return before, NotMergeable.Because(err)
	}
	if err := fact.Audit(tx, "organisation.merge", fromID, mergedDetails{intoID, left}); err != nil {
		return after, err
	}
	return after, WasMerged.Record(tx, fact.Event{Subject: fromID, Revision: gone.Revision, Organisations: []id.OrganisationID{fromID, intoID},
		Data: mergedData{intoID}})
}

// takeOver fills in from another employer, which it is, what it did not know of itself.
func (o *Organisation) takeOver(from Organisation) {
	o.EnterpriseNumber = first(o.EnterpriseNumber, from.EnterpriseNumber)
	o.Workforce, o.Headcount = first(o.Workforce, from.Workforce), first(o.Headcount, from.Headcount)
	o.SectorGroup, o.SME = first(o.SectorGroup, from.SectorGroup), first(o.SME, from.SME)
	o.WillingToSend, o.WillingToHost = first(o.WillingToSend, from.WillingToSend), first(o.WillingToHost, from.WillingToHost)
	o.ExternalIDs = external.Merge(from.ExternalIDs, o.ExternalIDs)
	o.Maatwerkbedrijf = o.Maatwerkbedrijf || from.Maatwerkbedrijf && o.Kind == "social_economy"
	if at := slices.Index(towardsPoule, o.Stage); at >= 0 && at < slices.Index(towardsPoule, from.Stage) {
		o.Stage = from.Stage
	}
}

// towardsPoule are the stages in which an employer gets nearer to exchanges. Who paused or stopped chose to, and is not
// brought back, nor held back, by what its double did.
var towardsPoule = []Stage{Informed, Interested, Intake, Engaged}

// unkept names what a profile told and the one that stays could not take over: lists that were full, and members that it
// tells otherwise. Names only: what was told is free text, and no matter for the audit.
type unkept struct {
	Full     []string `json:"lists_full,omitempty"`
	Differed []string `json:"members_differed,omitempty"`
}

// mergedDetails is what the audit tells of a merge.
type mergedDetails struct {
	Into    id.OrganisationID `json:"into"`
	Profile unkept            `json:"profile,omitzero"`
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// moveParts gives the parts of one employer to another. Two profiles become one; it answers what that one could not keep.
func moveParts(tx *db.Tx, from, into id.OrganisationID) (left unkept, err error) {
	args := db.Moved(tx, from, into)
	for _, change := range []string{
		`update sites set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and organisation_id = @from`,
		`update departments set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and organisation_id = @from`,
		`update contacts set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and organisation_id = @from`,
		`update organisation_needs set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and organisation_id = @from`,
		`update conversations set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and organisation_id = @from`,
		`update organisations set merged_into_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and merged_into_id = @from`,
	} {
		if _, err := tx.Run(change, args); err != nil {
			return left, err
		}
	}
	theirs, err := db.Get[Profile](tx, from)
	if fault.Missing.Is(err) {
		return left, nil
	} else if err != nil {
		return left, err
	}
	if _, err := tx.Run(`delete from organisation_profiles where tenant_id = ? and id = ?`, tx.Scope.Tenant, from); err != nil {
		return left, err
	}
	own, err := db.Get[Profile](tx, into)
	if fault.Missing.Is(err) {
		theirs.ID = into
		return left, db.Insert(tx, &theirs)
	} else if err != nil {
		return left, err
	}
	after := own
	left = after.takeOver(theirs)
	_, err = db.Change(tx, own, &after)
	return left, err
}

// profileItems is how long a list of a profile can be: the rule of ProfileInput.
const profileItems = 20

// takeOver adds what another profile of the same employer tells: items that a list lacks, as far as they fit, and the
// members that are silent. It answers what was not kept.
func (p *Profile) takeOver(from Profile) (left unkept) {
	for _, x := range []struct {
		name  string
		own   *db.Strings
		other db.Strings
	}{{"core_values", &p.CoreValues, from.CoreValues}, {"strengths", &p.Strengths, from.Strengths}, {"weaker_points", &p.WeakerPoints, from.WeakerPoints},
		{"offers", &p.Offers, from.Offers}, {"challenges", &p.Challenges, from.Challenges}, {"internal_channels", &p.InternalChannels, from.InternalChannels}} {
		all := slices.Clone(*x.own) // appending must not write into the row as it was
		for _, item := range x.other {
			if !slices.Contains(all, item) {
				all = append(all, item)
			}
		}
		if most := max(profileItems, len(*x.own)); len(all) > most {
			all, left.Full = all[:most], append(left.Full, x.name)
		}
		*x.own = all
	}
	for _, x := range []struct {
		name  string
		own   **string
		other *string
	}{{"openness", &p.Openness, from.Openness}, {"competition_sensitivity", &p.CompetitionSensitivity, from.CompetitionSensitivity},
		{"desired_result", &p.DesiredResult, from.DesiredResult}} {
		if *x.own != nil && x.other != nil && **x.own != *x.other {
			left.Differed = append(left.Differed, x.name)
		}
		*x.own = first(*x.own, x.other)
	}
	return left
}

// known reads an employer by the id that callers know it by. One that was merged is looked for only where no employer has the
// id: nothing takes a merging back.
func known(tx *db.Tx, oid id.OrganisationID) (Organisation, error) {
	return db.GetOr[Organisation](tx, oid, `select * from organisations where tenant_id = ? and former_id = ?`, tx.Scope.Tenant, oid)
}
