package leeruitwisseling

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of exchanges. Accepting a match begins one, and completing and cancelling move several nouns:
// those doors are journeys.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.List("/v1/leeruitwisselingen", "leeruitwisseling:read", s.list, web.Syncs),
		web.Get("/v1/leeruitwisselingen/:id", "leeruitwisseling:read", s.get),
		web.Patch("/v1/leeruitwisselingen/:id", "leeruitwisseling:write", s.update),
		web.Put("/v1/leeruitwisselingen/:id/kennismakingsgesprek", "leeruitwisseling:write", s.putKennismakingsgesprek),
		web.Put("/v1/leeruitwisselingen/:id/leeractieplan", "leeruitwisseling:write", s.putLeeractieplan),
		web.Put("/v1/leeruitwisselingen/:id/checks", "leeruitwisseling:write", s.putChecks),
		web.Get("/v1/leeruitwisselingen/:id/agreement", "leeruitwisseling:read", s.getAgreement),
		web.Act("/v1/leeruitwisselingen/:id/agreement/sign", "leeruitwisseling:sign", s.postSignature),
		web.Act("/v1/leeruitwisselingen/:id/plan", "leeruitwisseling:write", s.postPlan),
		web.Post("/v1/leeruitwisselingen/:id/days", "leeruitwisseling:write", s.postDay),
		web.List("/v1/leeruitwisselingen/:id/days", "leeruitwisseling:read", s.listDays, web.Snapshot),
		web.Get("/v1/leeruitwisselingen/:id/days/:day_id", "leeruitwisseling:read", s.getDay, web.Snapshot),
		web.Patch("/v1/leeruitwisselingen/:id/days/:day_id", "leeruitwisseling:write", s.patchDay),
		web.Delete("/v1/leeruitwisselingen/:id/days/:day_id", "leeruitwisseling:write", s.deleteDay),
		web.Put("/v1/leeruitwisselingen/:id/days/:day_id/programme", "leeruitwisseling:prepare", s.putProgramme),
		web.Put("/v1/leeruitwisselingen/:id/documents", "leeruitwisseling:prepare", s.putDocuments),
		web.Act("/v1/leeruitwisselingen/:id/days/:day_id/attend", "leeruitwisseling:write", s.postAttendance),
		web.Post("/v1/leeruitwisselingen/:id/notes", "leeruitwisseling:write", s.postNote),
		web.List("/v1/leeruitwisselingen/:id/notes", "leeruitwisseling:read", s.listNotes, web.Snapshot),
		web.Put("/v1/leeruitwisselingen/:id/expectations", "leeruitwisseling:write", s.putExpectations),
		web.Get("/v1/leeruitwisselingen/:id/expectations", "leeruitwisseling:read", s.getExpectations, web.Snapshot),
		web.Post("/v1/leeruitwisselingen/:id/reflections", "leeruitwisseling:reflect", s.postReflection),
		web.List("/v1/leeruitwisselingen/:id/reflections", "leeruitwisseling:reflect", s.listReflections, web.Snapshot),
		web.Get("/v1/leeruitwisselingen/:id/reflections/:reflection_id", "leeruitwisseling:reflect", s.getReflection),
		web.Patch("/v1/leeruitwisselingen/:id/reflections/:reflection_id", "leeruitwisseling:reflect", s.patchReflection),
	}
}

// SwitcherCopy is what the host knows of the switcher, as it was when the match was accepted.
type SwitcherCopy struct {
	ID       id.MedewerkerID `json:"id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name     string          `json:"name" example:"Sam Voorbeeld"`
	JobTitle string          `json:"job_title" example:"apotheker"`
	Language string          `json:"language" example:"nl"`
} // @name LeeruitwisselingSwitcher

// LeervraagCopy is what the host knows of the question, as it was when the match was accepted.
type LeervraagCopy struct {
	Version int    `json:"version" example:"1"`
	Title   string `json:"title" example:"Medicatie in een woonzorgcentrum"`
	Text    string `json:"text" example:"Hoe loopt het medicatieproces van voorschrift tot bewoner?"`
} // @name LeeruitwisselingLeervraag

// LeerplekCopy is where the exchange takes place.
type LeerplekCopy struct {
	Title        string     `json:"title" example:"Woonzorg van binnenuit"`
	MeetingPoint *string    `json:"meeting_point" extensions:"x-nullable" example:"onthaal, gelijkvloers"`
	SafetyNote   *string    `json:"safety_note" extensions:"x-nullable" example:"Gesloten schoenen."`
	SiteID       *id.SiteID `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Reception    *string    `json:"reception" extensions:"x-nullable" example:"Noor wacht u op aan het onthaal en toont het gebouw."`
	DressCode    *string    `json:"dress_code" extensions:"x-nullable" example:"witte jas, dichte schoenen"`
} // @name LeeruitwisselingLeerplek

// SignatureWire is a signature as callers see it.
type SignatureWire struct {
	Party        string    `json:"party" enums:"sending,receiving,switcher" example:"sending"`
	SignedBy     string    `json:"signed_by" example:"An Voorbeeld"`
	Method       string    `json:"method" enums:"link,signed_in,recorded" example:"recorded"`
	SignedAt     time.Time `json:"signed_at" format:"date-time" example:"2027-01-07T10:00:00Z"`
	DocumentHash string    `json:"document_hash" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Current      bool      `json:"current" example:"true"` // false: the agreement changed since, and has to be signed again
} // @name LeeruitwisselingSignature

// AgreementWire is the agreement as an exchange shows it: the hash of its present text, and who signed.
type AgreementWire struct {
	DocumentHash    string          `json:"document_hash" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	RequiredParties []string        `json:"required_parties" enums:"sending,receiving,switcher" example:"sending,receiving,switcher"`
	Signatures      []SignatureWire `json:"signatures"`
} // @name LeeruitwisselingAgreement

// AgreementText is the agreement itself.
type AgreementText struct {
	Document        string          `json:"document" example:"{\"leeruitwisseling_id\":\"lui_01jd8m5x9nf3tvhg5w6rkz2c4q\"}"`
	DocumentHash    string          `json:"document_hash" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	RequiredParties []string        `json:"required_parties" enums:"sending,receiving,switcher" example:"sending,receiving,switcher"`
	Signatures      []SignatureWire `json:"signatures"`
} // @name LeeruitwisselingAgreementText

// Cancelling is why, by whom and when an exchange was called off.
type Cancelling struct {
	Reason  string    `json:"reason" enums:"illness,employer,switcher,leercoach,safety,other" example:"employer"`
	ByParty string    `json:"by_party" enums:"sending,receiving,switcher,leercoach,partner" example:"receiving"`
	At      time.Time `json:"at" format:"date-time" example:"2027-01-08T10:00:00Z"`
} // @name LeeruitwisselingCancellation

// Wire is an exchange as callers see it; both employers see the same.
type Wire struct {
	ID                      id.LeeruitwisselingID `json:"id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Status                  Status                `json:"status" enums:"preparing,planned,in_progress,completed,cancelled" example:"preparing"`
	MatchID                 id.MatchID            `json:"match_id" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeervraagID             id.LeervraagID        `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID              id.LeerplekID         `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SendingOrganisationID   id.OrganisationID     `json:"sending_organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SendingName             string                `json:"sending_name" example:"Apotheek De Vijzel"`
	ReceivingOrganisationID id.OrganisationID     `json:"receiving_organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	ReceivingName           string                `json:"receiving_name" example:"Woonzorgcentrum De Linde"`
	Internal                bool                  `json:"internal" example:"false"`
	Switcher                SwitcherCopy          `json:"switcher"`
	LeercoachIDs            []id.MedewerkerID     `json:"leercoach_ids" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Leervraag               LeervraagCopy         `json:"leervraag"`
	Leerplek                LeerplekCopy          `json:"leerplek"`
	Kennismakingsgesprek    *Kennismakingsgesprek `json:"kennismakingsgesprek" extensions:"x-nullable"`
	Leeractieplan           *Leeractieplan        `json:"leeractieplan" extensions:"x-nullable"`
	Documents               []Document            `json:"documents"` // to have at hand on the day
	Days                    []DayWire             `json:"days"`
	Agreement               AgreementWire         `json:"agreement"`
	Checks                  Checks                `json:"checks"`
	// What /plan still needs, or, once planned, what a later change undid.
	Missing      []string    `json:"missing" enums:"kennismakingsgesprek,leeractieplan,days,signature_sending,signature_receiving,signature_switcher,insurance_work_accident,insurance_commute,insurance_liability,safety_information" example:"leeractieplan,days"`
	Cancellation *Cancelling `json:"cancellation" extensions:"x-nullable"`
	PlannedAt    *time.Time  `json:"planned_at" format:"date-time" extensions:"x-nullable" example:"2027-01-08T10:00:00Z"`
	CompletedAt  *time.Time  `json:"completed_at" format:"date-time" extensions:"x-nullable" example:"2027-01-13T10:00:00Z"`
	web.Meta
} // @name Leeruitwisseling

// Location is where the exchange can be read.
func (w Wire) Location() string { return "/v1/leeruitwisselingen/" + w.ID.String() }

// WireOf is an exchange with its days, in their order, and its signatures as callers see it.
func WireOf(l Leeruitwisseling, days []Day, signatures []Signature) Wire {
	w := Wire{ID: l.ID, Status: l.Status, MatchID: l.MatchID, LeervraagID: l.LeervraagID, LeerplekID: l.LeerplekID,
		SendingOrganisationID: l.SendingOrganisationID, SendingName: l.SendingName,
		ReceivingOrganisationID: l.ReceivingOrganisationID, ReceivingName: l.ReceivingName, Internal: l.Internal,
		Switcher:             SwitcherCopy{l.SwitcherID, l.SwitcherName, l.SwitcherJobTitle, l.SwitcherLanguage},
		LeercoachIDs:         l.LeercoachIDs,
		Leervraag:            LeervraagCopy{l.LeervraagVersion, l.LeervraagTitle, l.LeervraagText},
		Leerplek:             LeerplekCopy{l.LeerplekTitle, l.MeetingPoint, l.SafetyNote, l.SiteID, l.Reception, l.DressCode},
		Kennismakingsgesprek: l.Kennismakingsgesprek, Leeractieplan: l.plan(), Documents: append([]Document{}, l.Documents...), Days: make([]DayWire, len(days)),
		Checks:  Checks{Insurance{l.InsuredWorkAccident, l.InsuredCommute, l.InsuredLiability}, l.SafetyExchanged},
		Missing: []string{}, PlannedAt: utc(l.PlannedAt), CompletedAt: utc(l.CompletedAt), Meta: web.MetaOf(l.Row)}
	for i, d := range days {
		w.Days[i] = dayWire(l, d)
	}
	_, hash := l.agreement(days)
	w.Agreement = AgreementWire{hex.EncodeToString(hash[:]), l.signers(), make([]SignatureWire, len(signatures))}
	for i, s := range signatures {
		w.Agreement.Signatures[i] = SignatureWire{s.Party, s.SignedBy, s.Method, s.SignedAt.UTC(), hex.EncodeToString(s.DocumentHash), bytes.Equal(s.DocumentHash, hash[:])}
	}
	for _, g := range l.gaps(days, signatures) {
		w.Missing = append(w.Missing, g.code)
	}
	if l.Status == Cancelled {
		w.Cancellation = &Cancelling{*l.CancelReason, *l.CancelledByParty, l.CancelledAt.UTC()}
	}
	return w
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.LeeruitwisselingID `uri:"id"`
}

// Filters are what exchanges can be filtered by.
type Filters struct {
	Status         []Status           `form:"status" enums:"preparing,planned,in_progress,completed,cancelled"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
	MedewerkerID   *id.MedewerkerID   `form:"medewerker_id"`
	LeervraagID    *id.LeervraagID    `form:"leervraag_id"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads exchanges.
//
//	@Summary		List exchanges
//	@Description	A bound caller sees its own. With updated_since, or a cursor that began with it, the list can be followed for ever.
//	@ID				listLeeruitwisselingen
//	@Tags			leeruitwisseling
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			status			query		[]string	false	"these states"	collectionFormat(csv)	Enums(preparing,planned,in_progress,completed,cancelled)
//	@Param			organisation_id	query		string		false	"of this employer, on either side"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id	query		string		false	"of this switcher or leercoach"		example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leervraag_id	query		string		false	"for this leervraag"				example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/leeruitwisselingen [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := wholes(tx)
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	if in.OrganisationID != nil {
		q = q.Where("(sending_organisation_id = ? or receiving_organisation_id = ?)", in.OrganisationID, in.OrganisationID)
	}
	if in.MedewerkerID != nil {
		q = q.Where("(switcher_id = ? or ? = any (leercoach_ids) or ? = any (day_coach_ids))", in.MedewerkerID, in.MedewerkerID, in.MedewerkerID)
	}
	if in.LeervraagID != nil {
		q = q.Where("leervraag_id = ?", in.LeervraagID)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, func(w whole) Wire { return WireOf(w.Leeruitwisseling, w.DayRows, w.Signed) })
}

// get reads one exchange.
//
//	@Summary	Read an exchange
//	@ID			getLeeruitwisseling
//	@Tags		leeruitwisseling
//	@Param		id	path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/leeruitwisselingen/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) { return s.View(tx, in.ID) }

// Input is what can be changed about an exchange directly.
type Input struct {
	MeetingPoint *string `json:"meeting_point" maxLength:"1000" extensions:"x-nullable" example:"onthaal, gelijkvloers"`
	SafetyNote   *string `json:"safety_note" maxLength:"5000" extensions:"x-nullable" example:"Gesloten schoenen."`

	Reception *string         `json:"reception" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Noor wacht u op aan het onthaal en toont het gebouw."`
	DressCode *string         `json:"dress_code" minLength:"1" maxLength:"2000" extensions:"x-nullable" example:"witte jas, dichte schoenen"`
	Documents []DocumentInput `json:"documents" validate:"max=20"`
} // @name LeeruitwisselingInput

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of an exchange.
//
//	@Summary		Change an exchange
//	@Description	While it is not over. Only the receiving employer and the ST-partner say where and how it receives the switcher. Each employer lists its own documents, which both sides read: those of the other side stay when they are left out, or sent along as they are; sent otherwise they are refused. The other parts have doors of their own.
//	@ID				updateLeeruitwisseling
//	@Tags			leeruitwisseling
//	@Param			id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	_, _, err := s.change(ctx, tx, in.ID, func(l *Leeruitwisseling) error {
		if err := in.Check(l.Revision); err != nil {
			return err
		}
		i := Input{l.MeetingPoint, l.SafetyNote, l.Reception, l.DressCode, l.Documents.inputs()}
		if err := in.Patch.Apply(&i); err != nil {
			return err
		}
		documents, err := l.listed(tx.Scope, i.Documents)
		if err != nil {
			return err
		}
		if !same(l.MeetingPoint, i.MeetingPoint) || !same(l.SafetyNote, i.SafetyNote) || !same(l.Reception, i.Reception) || !same(l.DressCode, i.DressCode) {
			if err := l.mayTell(tx.Scope, Receiving); err != nil {
				return err
			}
		}
		l.MeetingPoint, l.SafetyNote, l.Reception, l.DressCode, l.Documents = i.MeetingPoint, i.SafetyNote, i.Reception, i.DressCode, documents
		return nil
	})
	return s.viewAfter(tx, in.ID, err)
}

// DocumentsInput are the documents that a side lists.
type DocumentsInput struct {
	Documents []DocumentInput `json:"documents" binding:"required" validate:"max=20"`
} // @name LeeruitwisselingDocumentsInput

type documentsReq struct {
	byID
	web.IfMatch
	Body DocumentsInput `body:"json"`
}

// putDocuments lists what there is to have at hand on the day.
//
//	@Summary		List the documents to have at hand on the day
//	@Description	While the exchange is not over. A leercoach and the receiving employer list those of the receiving side, the sending employer its own, the ST-partner all of them. Both sides read the whole list; those of the other side stay when they are left out, or sent along as they are; sent otherwise they are refused.
//	@ID				putLeeruitwisselingDocuments
//	@Tags			leeruitwisseling
//	@Param			id		path		string			true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		DocumentsInput	true	"the documents"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/documents [put]
func (s Service) putDocuments(ctx context.Context, tx *db.Tx, in documentsReq) (Wire, error) {
	_, _, err := s.change(ctx, tx, in.ID, func(l *Leeruitwisseling) (err error) {
		if err := in.Check(l.Revision); err != nil {
			return err
		}
		l.Documents, err = l.listed(tx.Scope, in.Body.Documents)
		return err
	})
	return s.viewAfter(tx, in.ID, err)
}

// viewAfter answers with the exchange as a verb left it.
func (s Service) viewAfter(tx *db.Tx, lid id.LeeruitwisselingID, err error) (Wire, error) {
	if err != nil {
		return Wire{}, err
	}
	return s.View(tx, lid)
}

// precondition checks If-Match against the revision of the exchange.
func precondition(m web.IfMatch) func(Leeruitwisseling) error {
	return func(l Leeruitwisseling) error { return m.Check(l.Revision) }
}

type kennismakingsgesprekReq struct {
	byID
	web.IfMatch
	Body Kennismakingsgesprek `body:"json"`
}

// putKennismakingsgesprek plans the conversation, moves it, or notes how it went.
//
//	@Summary		Plan the kennismakingsgesprek, or note how it went
//	@Description	Participants of kind medewerker and contact belong to one of the two employers.
//	@ID				putKennismakingsgesprek
//	@Tags			leeruitwisseling
//	@Param			id		path		string					true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Kennismakingsgesprek	true	"the conversation"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/kennismakingsgesprek [put]
func (s Service) putKennismakingsgesprek(ctx context.Context, tx *db.Tx, in kennismakingsgesprekReq) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.meet(ctx, tx, in.ID, precondition(in.IfMatch), in.Body))
}

type leeractieplanReq struct {
	byID
	web.IfMatch
	Body Leeractieplan `body:"json"`
}

// putLeeractieplan writes the plan.
//
//	@Summary		Write the leeractieplan
//	@Description	Replacing one needs If-Match with the revision of the exchange; the first one does not. A change makes earlier signatures stale.
//	@ID				putLeeractieplan
//	@Tags			leeruitwisseling
//	@Param			id		path		string			true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Leeractieplan	true	"the plan"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/leeractieplan [put]
func (s Service) putLeeractieplan(ctx context.Context, tx *db.Tx, in leeractieplanReq) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.agree(ctx, tx, in.ID, func(l Leeruitwisseling) error {
		if l.PlanGoals != nil && in.Tag == "" {
			return fault.NeedsIfMatch.New()
		}
		return in.Check(l.Revision)
	}, in.Body))
}

type checksReq struct {
	byID
	web.IfMatch
	Body Checks `body:"json"`
}

// putChecks settles insurance and safety.
//
//	@Summary	Say what is settled about insurance and safety
//	@ID			putLeeruitwisselingChecks
//	@Tags		leeruitwisseling
//	@Param		id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		Checks	true	"what is settled"
//	@Success	200		{object}	Wire
//	@Router		/v1/leeruitwisselingen/{id}/checks [put]
func (s Service) putChecks(ctx context.Context, tx *db.Tx, in checksReq) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.settle(ctx, tx, in.ID, precondition(in.IfMatch), in.Body))
}

// getAgreement reads the agreement.
//
//	@Summary		Read the agreement
//	@Description	The document is JSON in a string: employers, switcher, leervraag, leeractieplan and days. Its hash is the SHA-256 of exactly these bytes, in hexadecimal.
//	@ID				getLeeruitwisselingAgreement
//	@Tags			leeruitwisseling
//	@Param			id	path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	AgreementText
//	@Router			/v1/leeruitwisselingen/{id}/agreement [get]
func (s Service) getAgreement(_ context.Context, tx *db.Tx, in byID) (AgreementText, error) {
	w, err := getWhole(tx, in.ID)
	if err != nil {
		return AgreementText{}, err
	}
	text, _ := w.agreement(w.DayRows)
	a := WireOf(w.Leeruitwisseling, w.DayRows, w.Signed).Agreement
	return AgreementText{text, a.DocumentHash, a.RequiredParties, a.Signatures}, nil
}

// SignInput says who signs, and how.
type SignInput struct {
	Party    string `json:"party" binding:"required" enums:"sending,receiving,switcher" example:"sending"`
	SignedBy string `json:"signed_by" binding:"required" minLength:"1" maxLength:"200" example:"An Voorbeeld"`
	Method   string `json:"method" binding:"required" enums:"link,signed_in,recorded" example:"recorded"`
} // @name LeeruitwisselingSignInput

type signReq struct {
	byID
	Body SignInput `body:"json"`
}

// postSignature signs the agreement as it reads now.
//
//	@Summary		Sign the agreement, or record that it was signed
//	@Description	Employers sign, the switcher acknowledges. What an unbound caller sends is recorded; a bound caller signs as the party that it is, with method signed_in, or records that it signed on paper. When what was agreed on changes, earlier signatures are kept but count no more.
//	@ID				signLeeruitwisselingAgreement
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		SignInput	true	"the signature"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/agreement/sign [post]
func (s Service) postSignature(ctx context.Context, tx *db.Tx, in signReq) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.sign(ctx, tx, in.ID, in.Body))
}

// postPlan fixes the exchange.
//
//	@Summary		Plan an exchange
//	@Description	Needs a kennismakingsgesprek, a leeractieplan, a day, the signatures of both employers and the switcher on the present text, three yeses on insurance, and the safety information; else the problem names what is missing. Within one employer its one signature does. What changes afterwards leaves the state as it is and shows in missing.
//	@ID				planLeeruitwisseling
//	@Tags			leeruitwisseling
//	@Param			id	path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/plan [post]
func (s Service) postPlan(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.plan(ctx, tx, in.ID))
}

// NoteInput is what a side writes down.
type NoteInput struct {
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Text           string             `json:"text" binding:"required" minLength:"1" maxLength:"5000" example:"Parkeren kan achter het gebouw."`
} // @name LeeruitwisselingNoteInput

// NoteWire is a note as its own side sees it.
type NoteWire struct {
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: the ST-partner's own
	Text           string             `json:"text" example:"Parkeren kan achter het gebouw."`
	CreatedAt      time.Time          `json:"created_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
	exchange       id.LeeruitwisselingID
} // @name LeeruitwisselingNote

// Location is where notes can be read.
func (w NoteWire) Location() string {
	return "/v1/leeruitwisselingen/" + w.exchange.String() + "/notes"
}

func noteWire(n Note) NoteWire {
	return NoteWire{n.OrganisationID, n.Text, n.At.UTC(), n.LeeruitwisselingID}
}

type noteReq struct {
	byID
	Body NoteInput `body:"json"`
}

// postNote keeps a note.
//
//	@Summary		Write a note
//	@Description	Only the employer that it is for, and the ST-partner, read it. A bound caller writes for its own employer; without an employer a note is the ST-partner's own.
//	@ID				createLeeruitwisselingNote
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		NoteInput	true	"the note"
//	@Success		201		{object}	NoteWire
//	@Router			/v1/leeruitwisselingen/{id}/notes [post]
func (s Service) postNote(_ context.Context, tx *db.Tx, in noteReq) (NoteWire, error) {
	n, err := s.note(tx, in.ID, in.Body)
	return noteWire(n), err
}

type partsReq struct {
	byID
	page.Params
}

// listNotes reads the notes that the caller may read.
//
//	@Summary	List notes
//	@ID			listLeeruitwisselingNotes
//	@Tags		leeruitwisseling
//	@Param		id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[NoteWire]
//	@Router		/v1/leeruitwisselingen/{id}/notes [get]
func (s Service) listNotes(_ context.Context, tx *db.Tx, in partsReq) (page.Page[NoteWire], error) {
	if _, err := db.Get[Leeruitwisseling](tx, in.ID); err != nil {
		return page.Page[NoteWire]{}, err
	}
	return page.List(tx, in.Params, in.byID, tx.Model(&Note{}).Where("leeruitwisseling_id = ?", in.ID), noteWire)
}
