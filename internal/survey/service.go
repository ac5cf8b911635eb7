package survey

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Service holds the verbs of surveys.
type Service struct {
	PublicURL string // without a slash at the end: what links start with
	Box       *seal.Box
	Jobs      *jobs.Queue // only Schedule and Change need it
}

const (
	// directory is the kind of name under which the directory knows surveys by the token of their link.
	directory = "survey"
	// inviteHour is when invitations go out, by the tenant's clock.
	inviteHour = 9
	// validity is how long a survey can be answered, counted from its invitation.
	validity = 60 * 24 * time.Hour
)

// New is what a survey is made of.
type New struct {
	LeeruitwisselingID id.LeeruitwisselingID
	Role               Role
	OrganisationID     id.OrganisationID // sending: of switcher and colleague too; receiving: of leercoach and family too
	MedewerkerID       *id.MedewerkerID  // the switcher or leercoach; nil for an employer, a colleague, a family
	InviteOn           day.Date          // in the past when an exchange is recorded afterwards: then at once
	Lang               string            // of the respondent; other than nl, fr and en it is the tenant's
	Mode               Mode              // online when it is empty
}

// settings are what surveys follow of their tenant.
type settings struct {
	Name, Zone, Lang            string
	PrimaryColour, AccentColour *string
}

func settingsOf(tx *db.Tx) (s settings, err error) {
	return s, db.One(tx, &s, `select name, zone, lang, primary_colour, accent_colour from tenants where tenant_id = ? and id = ?`, tx.Scope.Tenant, tx.Scope.Tenant)
}

// inviteAt is the instant at which invitations of that day go out.
func (s settings) inviteAt(on day.Date) (time.Time, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("survey: the zone of the tenant: %w", err)
	}
	return on.Clock(inviteHour, 0, zone), nil
}

// Schedule makes a survey with the questions of its role, and the job that will invite. Its link exists at once, so that
// the ST-partner can hand it out by hand.
func (s Service) Schedule(ctx context.Context, tx *db.Tx, n New) (Survey, error) {
	set, err := settingsOf(tx)
	if err != nil {
		return Survey{}, err
	}
	if !slices.Contains([]string{"nl", "fr", "en"}, n.Lang) {
		n.Lang = set.Lang
	}
	if n.Mode == "" {
		n.Mode = Online
	}
	v := Survey{ID: id.NewSurvey(), LeeruitwisselingID: n.LeeruitwisselingID, Role: n.Role, Mode: n.Mode, OrganisationID: n.OrganisationID,
		MedewerkerID: n.MedewerkerID, Status: Scheduled, InviteOn: n.InviteOn, Lang: n.Lang, Questions: questionsFor(n.Role, n.Lang)}
	v.TenantID = tx.TenantID()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	token := base64.RawURLEncoding.EncodeToString(secret)
	if v.LinkSealed, err = s.Box.Seal([]byte(token), place(v)); err != nil {
		return v, err
	}
	at, err := s.enqueue(ctx, tx, set, v)
	if err != nil {
		return v, err
	}
	v.ExpiresAt = &at
	if err := db.Insert(tx, &v); err != nil {
		return v, err
	}
	if err := tx.Enlist(directory, token, v.ID.UUID()); err != nil {
		return v, err
	}
	return v, record(tx, Created, v)
}

// enqueue plans the invitation, and returns when the survey expires if that goes as planned.
func (s Service) enqueue(ctx context.Context, tx *db.Tx, set settings, v Survey) (time.Time, error) {
	at, err := set.inviteAt(v.InviteOn)
	if err != nil {
		return at, err
	}
	expires := at
	if expires.Before(tx.Now) {
		expires = tx.Now
	}
	return expires.Add(validity).UTC(), s.Jobs.Enqueue(ctx, tx, inviteArgs{v.TenantID, v.ID}, at)
}

// place is where the sealed token of a survey belongs.
func place(v Survey) seal.Where {
	return seal.Where{Tenant: v.TenantID.UUID(), Table: "surveys", Column: "link_sealed", Row: v.ID.UUID()}
}

// link is the address at which a survey that is open can be answered without an account; nil for one that is not.
func (s Service) link(v Survey, now time.Time) (*string, error) {
	if !v.open() || v.over(now) {
		return nil, nil //nolint:nilnil // no link is no error
	}
	token, err := s.Box.Open(v.LinkSealed, place(v))
	if err != nil {
		return nil, fmt.Errorf("survey: the link of %s: %w", v.ID, err)
	}
	url := s.PublicURL + "/s/" + string(token)
	return &url, nil
}

// Lock reads a survey, and keeps it from changing until the transaction ends.
func (s Service) Lock(_ context.Context, tx *db.Tx, sid id.SurveyID) (Survey, error) {
	return db.Lock[Survey](tx, sid)
}

// Change puts a survey whose invitation has not gone out on another day, or has it asked in another way.
func (s Service) Change(ctx context.Context, tx *db.Tx, v Survey, u UpdateInput) (Survey, error) {
	if _, err := v.after(change, tx.Now); err != nil {
		return v, err
	}
	after := v
	after.InviteOn, after.Mode = u.InviteOn, u.Mode
	if after.InviteOn != v.InviteOn || after.Mode == Online && v.Mode != Online { // its day may have passed while nobody was to be invited
		set, err := settingsOf(tx)
		if err != nil {
			return v, err
		}
		expires, err := s.enqueue(ctx, tx, set, after) // the job of the day before will find that it is not its day
		if err != nil {
			return v, err
		}
		after.ExpiresAt = &expires
	}
	changed, err := db.Change(tx, v, &after)
	if err != nil || !changed {
		return v, err
	}
	return after, record(tx, Updated, after)
}

// Invite says that the respondent is invited now: from here on the link lasts sixty days. Once is enough; again changes
// nothing.
func (s Service) Invite(_ context.Context, tx *db.Tx, v Survey) (Survey, error) {
	status, err := v.after(invite, tx.Now)
	if err != nil || status == v.Status {
		return v, err
	}
	expires := tx.Now.Add(validity)
	after := v
	after.Status, after.InvitedAt, after.ExpiresAt = status, &tx.Now, &expires
	if _, err := db.Change(tx, v, &after); err != nil {
		return v, err
	}
	return after, record(tx, WasInvited, after)
}

// InviteDue invites when the day of the survey has come: what the job does. A survey that was put on a later day, or is
// past being invited, stays as it is; so does one that is not there any more, and one that is asked in a talk or at a
// terugkommoment, for which no link is handed out.
func (s Service) InviteDue(ctx context.Context, d *db.DB, tenant id.TenantID, sid id.SurveyID) error {
	return d.InTenant(ctx, db.System(tenant, "survey-invite"), func(tx *db.Tx) error {
		v, err := s.Lock(ctx, tx, sid)
		if fault.Missing.Is(err) || err == nil && (v.state(tx.Now) != Scheduled || v.Mode != Online) {
			return nil
		}
		if err != nil {
			return err
		}
		set, err := settingsOf(tx)
		if err != nil {
			return err
		}
		at, err := set.inviteAt(v.InviteOn)
		if err != nil || at.After(tx.Now) {
			return err
		}
		_, err = s.Invite(ctx, tx, v)
		return err
	})
}

// Answer stores the answers to a survey, once. Their values are JSON. It fails with IsAnswered or IsExpired, or names the
// answers that are wrong. An employer answers as an employer, and never for a person.
func (s Service) Answer(_ context.Context, tx *db.Tx, v Survey, given []Answer) (Survey, error) {
	if tx.Scope.Kind == db.ScopeOrganisation && (!v.Role.employers() || v.MedewerkerID != nil) {
		return v, fault.NotAllowed.New()
	}
	status, err := v.after(answer, tx.Now)
	if err != nil {
		return v, err
	}
	answers, err := v.Questions.read(given)
	if err != nil {
		return v, err
	}
	questions, values := make(db.Strings, len(answers)), make(db.Strings, len(answers))
	for i, a := range answers {
		b, err := json.Marshal(a.Value)
		if err != nil {
			return v, err
		}
		questions[i], values[i] = a.Question, string(b)
	}
	if _, err := tx.Run(`insert into survey_answers (tenant_id, survey_id, organisation_id, medewerker_id, question, value, at)
		select ?::uuid, ?::uuid, ?::uuid, ?::uuid, a.question, a.value::jsonb, ?::timestamptz from unnest(?::text[], ?::text[]) a (question, value)`,
		tx.Scope.Tenant, v.ID, v.OrganisationID, v.MedewerkerID, tx.Now, questions, values); err != nil {
		return v, err
	}
	after := v
	after.Status, after.AnsweredAt = status, &tx.Now
	if _, err := db.Change(tx, v, &after); err != nil {
		return v, err
	}
	return after, record(tx, WasAnswered, after)
}

// expire ends a survey that nobody answered: its link leads nowhere from here on.
func (s Service) expire(tx *db.Tx, v Survey) error {
	status, err := v.after(expire, tx.Now)
	if err != nil || status == v.Status {
		return err
	}
	token, err := s.Box.Open(v.LinkSealed, place(v))
	if err != nil {
		return fmt.Errorf("survey: the link of %s: %w", v.ID, err)
	}
	if err := tx.Delist(directory, string(token)); err != nil {
		return err
	}
	after := v
	after.Status, after.LinkSealed = status, nil
	if _, err := db.Change(tx, v, &after); err != nil {
		return err
	}
	return record(tx, HasExpired, after)
}

// ExpireDue ends the surveys of every tenant whose time is over: what the hourly job does. A tenant that fails does not
// keep the others waiting.
func (s Service) ExpireDue(ctx context.Context, d *db.DB) error {
	const batch = 100 // as in the statement: small transactions, so that none of them reaches its deadline
	return d.EachTenant(ctx, "survey-expire", func(tx *db.Tx) (bool, error) {
		var due []Survey
		// The constants stand in the text: a plan that knows no parameters finds neither the partial index nor the end of the batch.
		err := tx.Select(&due, `select * from surveys where tenant_id = ? and status in ('scheduled', 'invited') and expires_at <= ?
			order by expires_at limit 100 for no key update`, tx.Scope.Tenant, tx.Now)
		for i := 0; err == nil && i < len(due); i++ {
			err = s.expire(tx, due[i])
		}
		return len(due) == batch, err
	})
}

// Of lists the ids of an exchange's surveys, in the order in which they were made.
func (s Service) Of(tx *db.Tx, lui id.LeeruitwisselingID) ([]id.SurveyID, error) {
	ids := []id.SurveyID{}
	return ids, tx.Select(&ids, `select id from surveys where tenant_id = ? and leeruitwisseling_id = ? order by id`, tx.Scope.Tenant, lui)
}
