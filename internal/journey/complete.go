package journey

import (
	"context"
	"slices"

	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/opleidingsregistratie"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/survey"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// Outcome is an exchange that came to its end, with what came of it.
type Outcome struct {
	leeruitwisseling.Wire
	OpleidingsregistratieIDs []id.RegistratieID `json:"opleidingsregistratie_ids" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SurveyIDs                []id.SurveyID      `json:"survey_ids" example:"srv_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name LeeruitwisselingOutcome

type exchangeReq struct {
	ID id.LeeruitwisselingID `uri:"id"`
}

// complete ends an exchange: the hours go to the switcher's employer, and four surveys are scheduled.
//
//	@Summary		Complete an exchange
//	@Description	Every day must be marked. Attended hours become an opleidingsregistratie of the switcher's employer; surveys go to the four roles some time later.
//	@ID				completeLeeruitwisseling
//	@Tags			leeruitwisseling
//	@Param			id	path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Outcome
//	@Router			/v1/leeruitwisselingen/{id}/complete [post]
func (s Service) complete(ctx context.Context, tx *db.Tx, in exchangeReq) (Outcome, error) {
	before, err := s.Leeruitwisselingen.Lock(ctx, tx, in.ID)
	if err != nil {
		return Outcome{}, err
	}
	days, err := s.Leeruitwisselingen.Days(tx, in.ID)
	if err != nil {
		return Outcome{}, err
	}
	after, err := s.Leeruitwisselingen.Complete(ctx, tx, before, days)
	if err != nil {
		return Outcome{}, err
	}
	if after.Status != before.Status {
		err := tx.Unbound("hours and surveys concern both employers", func(tx *db.Tx) error {
			if err := s.record(ctx, tx, after, days); err != nil {
				return err
			}
			return s.ask(ctx, tx, after, days)
		})
		if err != nil {
			return Outcome{}, err
		}
	}
	return s.outcome(tx, in.ID)
}

// record writes the attended hours for the switcher's employer. No hours, no registratie.
func (s Service) record(ctx context.Context, tx *db.Tx, l leeruitwisseling.Leeruitwisseling, days []leeruitwisseling.Day) error {
	attended := attendedDays(days)
	if len(attended) == 0 {
		return nil
	}
	_, err := s.Registraties.Record(ctx, tx, opleidingsregistratie.New{LeeruitwisselingID: l.ID, OrganisationID: l.SendingOrganisationID,
		MedewerkerID: l.SwitcherID, Title: l.LeervraagTitle, ProviderName: l.ReceivingName, Days: attended})
	return err
}

// attendedDays sums attended hours by date, in order.
func attendedDays(days []leeruitwisseling.Day) []opleidingsregistratie.Day {
	sums := map[day.Date]hours.Hours{}
	for _, d := range days {
		if d.AttendedHours != nil && *d.AttendedHours > 0 {
			sums[d.DateOn] += *d.AttendedHours
		}
	}
	out := make([]opleidingsregistratie.Day, 0, len(sums))
	for date, h := range sums {
		out = append(out, opleidingsregistratie.Day{DateOn: date, Hours: h})
	}
	slices.SortFunc(out, func(a, b opleidingsregistratie.Day) int {
		if a.DateOn.Before(b.DateOn) {
			return -1
		}
		return 1
	})
	return out
}

// ask schedules a survey for each of the four roles, some time after the last day (seed 001, 5.8: "Enige tijd na de
// leeruitwisseling"). Nobody needs an address for it: a coordinator can hand out the link.
func (s Service) ask(ctx context.Context, tx *db.Tx, l leeruitwisseling.Leeruitwisseling, days []leeruitwisseling.Day) error {
	settings, err := s.Tenants.Settings(tx)
	if err != nil {
		return err
	}
	on := inviteOn(tx, settings, days)
	lang := settings.Lang
	if slices.Contains([]string{"nl", "fr", "en"}, l.SwitcherLanguage) {
		lang = l.SwitcherLanguage
	}
	coach := l.LeercoachIDs[0]
	for _, x := range []survey.New{
		{Role: "switcher", OrganisationID: l.SendingOrganisationID, MedewerkerID: &l.SwitcherID, Lang: lang},
		{Role: "sending", OrganisationID: l.SendingOrganisationID, Lang: settings.Lang},
		{Role: "leercoach", OrganisationID: l.ReceivingOrganisationID, MedewerkerID: &coach, Lang: settings.Lang},
		{Role: "receiving", OrganisationID: l.ReceivingOrganisationID, Lang: settings.Lang},
	} {
		x.LeeruitwisselingID, x.InviteOn = l.ID, on
		if _, err := s.Surveys.Schedule(ctx, tx, x); err != nil {
			return err
		}
	}
	return nil
}

// inviteOn is when surveys of an exchange go out: some time after its last day, which it has, and not in the past.
func inviteOn(tx *db.Tx, settings tenant.Settings, days []leeruitwisseling.Day) day.Date {
	on := days[len(days)-1].DateOn.Add(settings.SurveyDelayDays)
	if today := day.At(tx.Now, settings.Zone); on.Before(today) {
		return today
	}
	return on
}

// outcome reads an exchange with what came of it; ids alone, so that each side may know that they are there.
func (s Service) outcome(tx *db.Tx, lid id.LeeruitwisselingID) (Outcome, error) {
	w, err := s.Leeruitwisselingen.View(tx, lid)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Wire: w}
	err = tx.Unbound("the ids of what came of an exchange are known to both sides", func(tx *db.Tx) (err error) {
		if out.OpleidingsregistratieIDs, err = s.Registraties.Of(tx, lid); err != nil {
			return err
		}
		out.SurveyIDs, err = s.Surveys.Of(tx, lid)
		return err
	})
	return out, err
}

// CancelInput says why an exchange is called off, and by whom.
type CancelInput struct {
	Reason  string  `json:"reason" binding:"required" enums:"illness,employer,switcher,leercoach,safety,other" example:"illness"`
	ByParty string  `json:"by_party" binding:"required" enums:"sending,receiving,switcher,leercoach,partner" example:"switcher"`
	Note    *string `json:"note" maxLength:"5000" extensions:"x-nullable" example:"griep, nieuwe datum volgt"`
} // @name CancelInput

type cancelReq struct {
	exchangeReq
	Body CancelInput `body:"json"`
}

// cancel calls an exchange off: the leervraag opens again, the place comes free, attended days still count.
//
//	@Summary		Cancel an exchange
//	@Description	The leervraag opens again, the place comes free, and days that were attended still count. The note is read by the party's own side and the ST-partner alone.
//	@ID				cancelLeeruitwisseling
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		CancelInput	true	"why and by whom"
//	@Success		200		{object}	Outcome
//	@Router			/v1/leeruitwisselingen/{id}/cancel [post]
func (s Service) cancel(ctx context.Context, tx *db.Tx, in cancelReq) (Outcome, error) {
	seen, err := s.Leeruitwisselingen.Get(tx, in.ID)
	if err != nil {
		return Outcome{}, err
	}
	q, _, err := s.pair(tx, seen.LeervraagID, seen.LeerplekID)
	if err != nil {
		return Outcome{}, err
	}
	var m match.Match
	if m, err = s.Matches.Lock(ctx, tx, seen.MatchID); err != nil {
		return Outcome{}, err
	}
	before, err := s.Leeruitwisselingen.Lock(ctx, tx, in.ID)
	if err != nil {
		return Outcome{}, err
	}
	b := in.Body
	after, err := s.Leeruitwisselingen.Cancel(ctx, tx, before, leeruitwisseling.Cancellation{Reason: b.Reason, ByParty: b.ByParty, Note: b.Note})
	if err != nil {
		return Outcome{}, err
	}
	if after.Status != before.Status {
		err := tx.Unbound("a cancelled exchange frees the leervraag and keeps the hours of the other employer", func(tx *db.Tx) error {
			days, err := s.Leeruitwisselingen.Days(tx, in.ID)
			if err != nil {
				return err
			}
			if err := s.record(ctx, tx, after, days); err != nil {
				return err
			}
			if _, err := s.Matches.Cancel(ctx, tx, m); err != nil {
				return err
			}
			others, err := s.Leeruitwisselingen.ActiveFor(tx, q.ID)
			if err != nil || others > 0 {
				return err
			}
			_, err = s.Leervragen.Reopen(ctx, tx, q)
			return err
		})
		if err != nil {
			return Outcome{}, err
		}
	}
	return s.outcome(tx, in.ID)
}
