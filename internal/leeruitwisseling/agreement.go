package leeruitwisseling

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Signature is one party's yes to the agreement as it read when they signed. A party has one; signing again replaces it.
type Signature struct {
	Party        string
	SignedBy     string // the name of who signed
	Method       string // link, signed_in, recorded
	DocumentHash []byte // SHA-256 of the document that was signed
	SignedAt     time.Time
}

// document is what the parties agree on. Its bytes are what is signed: another member, or another order, makes every
// signature one to an earlier text. Checks are no part of it, because they are settled after signing as well as before;
// nor is what was noted afterwards.
type document struct {
	LeeruitwisselingID id.LeeruitwisselingID   `json:"leeruitwisseling_id"`
	Sending            documentParty           `json:"sending"`
	Receiving          documentParty           `json:"receiving"`
	Switcher           documentSwitcher        `json:"switcher"`
	LeercoachIDs       db.IDs[id.MedewerkerID] `json:"leercoach_ids"`
	Leervraag          LeervraagCopy           `json:"leervraag"`
	Leerplek           string                  `json:"leerplek"`
	Leeractieplan      *documentPlan           `json:"leeractieplan"`
	Days               []documentDay           `json:"days"`
}

type documentParty struct {
	OrganisationID id.OrganisationID `json:"organisation_id"`
	Name           string            `json:"name"`
}

type documentSwitcher struct {
	ID       id.MedewerkerID `json:"id"`
	Name     string          `json:"name"`
	JobTitle string          `json:"job_title"`
}

// documentPlan is the leeractieplan as it is signed. What came to it later is left out where it is not there: what was
// signed before keeps its hash.
type documentPlan struct {
	Goals        []string `json:"goals"`
	Activities   []string `json:"activities"`
	PeopleToMeet []string `json:"people_to_meet"`
	Success      *string  `json:"success"`
	Motive       *string  `json:"motive,omitempty"`
	Meaning      *string  `json:"meaning,omitempty"`
	HowToAnswer  *string  `json:"how_to_answer,omitempty"`
	MustCover    []string `json:"must_cover,omitempty"`
	CuriousAbout *string  `json:"curious_about,omitempty"`
	DrawnUpBy    []string `json:"drawn_up_by,omitempty"`
}

// documentDay leaves out the programme: the leercoach draws it up until the day itself.
type documentDay struct {
	DateOn       day.Date                 `json:"date_on"`
	Starts       string                   `json:"starts"`
	Ends         string                   `json:"ends"`
	BreakMinutes int                      `json:"break_minutes"`
	Hours        hours.Hours              `json:"hours"`
	SiteID       *id.SiteID               `json:"site_id"`
	LeercoachIDs *db.IDs[id.MedewerkerID] `json:"leercoach_ids"`
}

// agreement writes the document of an exchange with its days, in their order, and returns its SHA-256.
func (l Leeruitwisseling) agreement(days []Day) (text string, hash [32]byte) {
	d := document{
		LeeruitwisselingID: l.ID,
		Sending:            documentParty{l.SendingOrganisationID, l.SendingName},
		Receiving:          documentParty{l.ReceivingOrganisationID, l.ReceivingName},
		Switcher:           documentSwitcher{l.SwitcherID, l.SwitcherName, l.SwitcherJobTitle},
		LeercoachIDs:       l.LeercoachIDs,
		Leervraag:          LeervraagCopy{l.LeervraagVersion, l.LeervraagTitle, l.LeervraagText},
		Leerplek:           l.LeerplekTitle,
		Leeractieplan:      (*documentPlan)(l.plan()),
		Days:               []documentDay{},
	}
	for _, x := range days {
		d.Days = append(d.Days, documentDay{x.DateOn, x.Starts, x.Ends, x.BreakMinutes, x.Hours, x.SiteID, x.LeercoachIDs})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		panic(err) // plain values always encode
	}
	text = string(bytes.TrimSpace(b.Bytes()))
	return text, sha256.Sum256([]byte(text))
}

// gap is one thing that is missing before an exchange can be planned.
type gap struct {
	code    string // in the exchange's own missing
	pointer string // into the exchange
	rule    *fault.Rule
	party   string
}

// The codes of what can be missing.
const (
	missingConversation = "kennismakingsgesprek"
	missingPlan         = "leeractieplan"
	missingDays         = "days"
	missingSignature    = "signature_" // and the party
	missingWorkAccident = "insurance_work_accident"
	missingCommute      = "insurance_commute"
	missingLiability    = "insurance_liability"
	missingSafety       = "safety_information"
)

// gaps says what /plan still needs (design section 6, step 5). An exchange that was planned before shows what a later
// change undid, a signature above all; one that is over needs nothing.
func (l Leeruitwisseling) gaps(days []Day, signed []Signature) []gap {
	if l.Status == Completed || l.Status == Cancelled {
		return nil
	}
	var out []gap
	need := func(ok bool, code, pointer string, rule *fault.Rule) {
		if !ok {
			out = append(out, gap{code, pointer, rule, ""})
		}
	}
	need(l.Kennismakingsgesprek != nil, missingConversation, "/kennismakingsgesprek", fault.Required)
	need(l.PlanGoals != nil, missingPlan, "/leeractieplan", fault.Required)
	need(len(days) > 0, missingDays, "/days", fault.Required)
	_, hash := l.agreement(days)
	for _, party := range l.signers() {
		rule := unsigned
		for _, s := range signed {
			if s.Party == party {
				rule = signedEarlier
				if bytes.Equal(s.DocumentHash, hash[:]) {
					rule = nil
				}
			}
		}
		if rule != nil {
			out = append(out, gap{missingSignature + party, "/agreement", rule, party})
		}
	}
	yes := func(b *bool) bool { return b != nil && *b }
	need(yes(l.InsuredWorkAccident), missingWorkAccident, "/checks/insurance/work_accident", unconfirmed)
	need(yes(l.InsuredCommute), missingCommute, "/checks/insurance/commute", unconfirmed)
	need(yes(l.InsuredLiability), missingLiability, "/checks/insurance/liability", unconfirmed)
	need(l.SafetyExchanged, missingSafety, "/checks/safety_information_exchanged", unconfirmed)
	return out
}

// ready is nil, or NotReady with everything that is missing.
func (l Leeruitwisseling) ready(days []Day, signed []Signature) error {
	gaps := l.gaps(days, signed)
	if len(gaps) == 0 {
		return nil
	}
	e := NotReady.New()
	for _, g := range gaps {
		e.At(g.pointer, g.rule, "party", g.party)
	}
	return e
}
