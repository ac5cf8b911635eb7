package journey

import (
	"context"
	"slices"

	"github.com/switchingtalent/switchboard/internal/leerbewijs"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var (
	// NotCompleted says that an exchange has not come to its end, so there is nothing to certify yet.
	NotCompleted = fault.Define(fault.Conflict, "leeruitwisseling-not-completed", fault.Text{
		EN: "This exchange is {status}, not completed.", NL: "Deze leeruitwisseling is {status}, niet afgerond.", FR: "Cet échange est {status}, pas terminé."})
	// NoHours says that nobody attended an exchange for an hour.
	NoHours = fault.Define(fault.Conflict, "leeruitwisseling-without-hours", fault.Text{
		EN: "No hours were attended in this exchange.", NL: "Er werden geen uren bijgewoond in deze leeruitwisseling.", FR: "Aucune heure n’a été suivie dans cet échange."})
	notInvolved = fault.DefineRule("not_involved", fault.Text{
		EN: "is neither the switcher nor a leercoach of this exchange", NL: "is noch de switcher noch een leercoach van deze leeruitwisseling",
		FR: "n’est ni le participant ni un coach de cet échange"})
)

// IssueInput names whose part in which exchange is certified.
type IssueInput struct {
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id" binding:"required" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID       id.MedewerkerID       `json:"medewerker_id" binding:"required" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name LeerbewijsIssueInput

type issueReq struct {
	Body IssueInput `body:"json"`
}

// issue certifies the part that a switcher or a leercoach had in a completed exchange.
//
//	@Summary	Issue a leerbewijs
//	@ID			issueLeerbewijs
//	@Tags		leerbewijs
//	@Param		body	body		IssueInput	true	"whose part in which exchange"
//	@Success	201		{object}	leerbewijs.Wire
//	@Router		/v1/leerbewijzen [post]
func (s Service) issue(ctx context.Context, tx *db.Tx, in issueReq) (leerbewijs.Wire, error) {
	l, err := s.Leeruitwisselingen.Lock(ctx, tx, in.Body.LeeruitwisselingID)
	if err != nil {
		return leerbewijs.Wire{}, reference(err, "/leeruitwisseling_id")
	}
	if l.Status != leeruitwisseling.Completed {
		return leerbewijs.Wire{}, NotCompleted.With("status", string(l.Status))
	}
	n := leerbewijs.New{LeeruitwisselingID: l.ID, MedewerkerID: in.Body.MedewerkerID, SendingName: l.SendingName, ReceivingName: l.ReceivingName,
		Place: &l.LeerplekTitle, Classification: "informal", Goals: []string{}}
	switch {
	case n.MedewerkerID == l.SwitcherID:
		n.Role, n.OrganisationID, n.Title = "switcher", l.SendingOrganisationID, &l.LeervraagTitle
		if l.PlanGoals != nil {
			n.Goals = *l.PlanGoals
		}
	case l.Coaches(n.MedewerkerID):
		// What the switcher asked is not the leercoach's to show.
		n.Role, n.OrganisationID = "leercoach", l.ReceivingOrganisationID
	default:
		return leerbewijs.Wire{}, fault.At("/medewerker_id", notInvolved)
	}
	days, err := s.Leeruitwisselingen.Days(tx, l.ID)
	if err != nil {
		return leerbewijs.Wire{}, err
	}
	if n.Role == "leercoach" { // on other days somebody else guided the switcher
		days = l.Coached(days, n.MedewerkerID)
	}
	attended := attendedDays(days)
	if len(attended) == 0 {
		return leerbewijs.Wire{}, NoHours.New()
	}
	n.From, n.Until = attended[0].DateOn, attended[len(attended)-1].DateOn
	for _, d := range attended {
		n.Hours += d.Hours
	}
	var b leerbewijs.Leerbewijs
	err = tx.Unbound("a certificate names its holder, whichever employer that is at", func(tx *db.Tx) error {
		settings, err := s.Tenants.Settings(tx)
		if err != nil {
			return err
		}
		holder, err := s.Medewerkers.Get(tx, n.MedewerkerID)
		if err != nil {
			return err
		}
		n.HolderName, n.Lang = holder.GivenName+" "+holder.FamilyName, settings.Lang
		if slices.Contains([]string{"nl", "fr", "en"}, holder.Language) {
			n.Lang = holder.Language
		}
		// What the employer says of the hours goes for the certificate too.
		switch r, err := s.Registraties.For(tx, l.ID, n.MedewerkerID); {
		case err == nil:
			n.OpleidingsregistratieID, n.Classification = &r.RootID, string(r.Classification)
		case !fault.Missing.Is(err):
			return err
		}
		b, err = s.Leerbewijzen.Issue(ctx, tx, n)
		return err
	})
	if err != nil {
		return leerbewijs.Wire{}, err
	}
	return s.Leerbewijzen.WireOf(tx, b)
}
