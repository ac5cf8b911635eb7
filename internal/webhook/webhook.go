// Package webhook takes facts to where callers want them: endpoints, the deliveries to each, and the deliverer that
// sends them, signed as Standard Webhooks 1.0.0 lays down, until they arrive.
package webhook

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far an endpoint is.
type Status string

// The statuses of an endpoint. What falls due waits in all but active.
const (
	Pending  Status = "pending"  // no test event has been received yet
	Active   Status = "active"   // facts go out
	Disabled Status = "disabled" // somebody has to look at it and enable it again
	Deleted  Status = "deleted"  // a tombstone, for its deliveries
)

// Statuses lists all statuses.
var Statuses = []Status{Pending, Active, Disabled, Deleted}

// action is what can happen to an endpoint.
type action string

const (
	verify     action = "verify"  // a test event got a 2xx
	disable    action = "disable" // it is gone, fails only, or its owner was revoked
	enable     action = "enable"
	move       action = "move" // its url changes
	try        action = "try"  // a test event is asked for
	resend     action = "resend"
	pausing    action = "pause"  // keeps what falls due, whatever its status
	resuming   action = "resume" // lets that go, if it is active
	recovering action = "recover"
	remove     action = "remove"

	cancelling action = "cancel" // of a delivery
)

var actions = []action{verify, disable, enable, move, try, resend, pausing, resuming, recovering, remove}

// transitions says what becomes of an endpoint; what is missing is refused.
var transitions = map[Status]map[action]Status{
	Pending: {verify: Active, disable: Disabled, enable: Pending, move: Pending, try: Pending, resend: Pending, pausing: Pending, resuming: Pending,
		recovering: Pending, remove: Deleted},
	Active: {verify: Active, disable: Disabled, enable: Active, move: Pending, try: Active, resend: Active, pausing: Active, resuming: Active,
		recovering: Active, remove: Deleted},
	Disabled: {disable: Disabled, enable: Pending, move: Pending, pausing: Disabled, resuming: Disabled, remove: Deleted},
	Deleted:  {remove: Deleted},
}

var (
	// EndpointDisabled says that an endpoint has to be enabled first.
	EndpointDisabled = fault.Define(fault.Conflict, "webhook-endpoint-disabled", fault.Text{
		EN: "This endpoint is disabled: enable it first.", NL: "Dit endpoint is uitgeschakeld: schakel het eerst weer in.",
		FR: "Ce point de terminaison est désactivé : réactivez-le d’abord."})
	// EndpointDeleted says that an endpoint does not come back.
	EndpointDeleted = fault.Define(fault.Conflict, "webhook-endpoint-deleted", fault.Text{
		EN: "This endpoint was deleted.", NL: "Dit endpoint is verwijderd.", FR: "Ce point de terminaison a été supprimé."})

	// EndpointRights says that an endpoint gets facts that whoever wants to answer for it may not read.
	EndpointRights = fault.Define(fault.Forbidden, "webhook-endpoint-rights", fault.Text{
		EN: "This endpoint gets facts about {nouns}, which cannot be read with these rights. The client that it belongs to can enable it, or one that may read them all.",
		NL: "Dit endpoint krijgt meldingen over {nouns}, en die zijn met deze rechten niet te lezen. De client van wie het is kan het inschakelen, of een die ze alle mag lezen.",
		FR: "Ce point de terminaison reçoit des notifications sur {nouns}, illisibles avec ces droits. Le client à qui il appartient peut le réactiver, ou un autre qui peut toutes les lire."})
	// SecretOverlap says that two secrets sign already, and a third would end one before the time that was promised.
	SecretOverlap = fault.Define(fault.Conflict, "webhook-secret-overlap", fault.Text{
		EN: "An earlier secret of this endpoint still signs.", NL: "Een eerder geheim van dit endpoint ondertekent nog.",
		FR: "Un secret antérieur de ce point de terminaison signe encore."})
	// RecoveryRunning says that an endpoint gets what it missed already.
	RecoveryRunning = fault.Define(fault.Conflict, "webhook-recovery-running", fault.Text{
		EN: "A recovery of this endpoint is still running.", NL: "Er loopt nog een herstel van dit endpoint.",
		FR: "Une récupération de ce point de terminaison est encore en cours."})

	unreadable = fault.DefineRule("not_readable", fault.Text{
		EN: "is about something that this client may not read", NL: "gaat over iets dat deze client niet mag lezen",
		FR: "concerne quelque chose que ce client ne peut pas lire"})
)

// next is the status after an action, or why there is none.
func (s Status) next(a action) (Status, error) {
	if to, ok := transitions[s][a]; ok {
		return to, nil
	}
	if s == Deleted {
		return s, EndpointDeleted.New()
	}
	return s, EndpointDisabled.New()
}

// Why an endpoint is disabled.
const (
	reasonGone    = "gone"          // it answered 410
	reasonFailing = "failing"       // nothing but failures for failingLimit
	reasonRevoked = "owner_revoked" // nobody answers for it any more
)

// Endpoint is an address that gets facts. It has the rights of its owner: the client that made it, or that last changed
// where or what it sends, or enabled it; and it stays with the employer that it was made for.
type Endpoint struct {
	db.Row
	ID             id.EndpointID `gorm:"primaryKey"`
	ClientID       id.ClientID
	OrganisationID *id.OrganisationID
	URL            string     `gorm:"column:url"`
	EventTypes     db.Strings // as asked: names of types, noun.*, *
	TypePatterns   db.Strings // the same for SQL's LIKE
	Nouns          db.Strings // that could be read by who said the types last, so what * stands for; checked again with each try
	Description    *string
	Status         Status
	FailingSince   *time.Time // the first failure that no success followed, or since when facts wait for one that is not proven
	Warned         int        // how many warnings went out since
	DisabledAt     *time.Time
	DisabledReason *string
	DeletedAt      *time.Time
	PausedAt       *time.Time // nothing goes out until it is resumed

	// How it wants what it gets: see Shape.
	Filter         *string // JSON, as platform.filter_holds reads it
	Payload        string
	Ordering       string
	RateLimit      *int
	HeaderNames    db.Strings
	Headers        []byte  // sealed
	OAuthTokenURL  *string `gorm:"column:oauth_token_url"`
	OAuthClientID  *string `gorm:"column:oauth_client_id"`
	OAuthScope     *string `gorm:"column:oauth_scope"`
	OAuthSecret    []byte  `gorm:"column:oauth_secret"` // sealed
	Certificate    *string
	CertificateKey []byte // sealed
	AlertEmail     *string
}

// TableName is the table of endpoints.
func (Endpoint) TableName() string { return "webhook_endpoints" }

// Key places an endpoint in a list.
func (e Endpoint) Key() (int64, uuid.UUID) { return e.Pos, e.ID.UUID() }

// concerned are the employers that facts about the endpoint concern.
func (e Endpoint) concerned() []id.OrganisationID {
	if e.OrganisationID == nil {
		return nil
	}
	return []id.OrganisationID{*e.OrganisationID}
}

// The statuses of a delivery.
const (
	waiting   = "waiting"   // for its first or next try
	delivered = "delivered" // a try got a 2xx
	failed    = "failed"    // no try is left
	cancelled = "cancelled" // the endpoint was deleted, or its owner may no longer read the fact
)

// deliveryTransitions says what becomes of a delivery by what callers do; what is missing is refused.
var deliveryTransitions = map[string]map[action]string{
	waiting:   {resend: waiting, cancelling: cancelled},
	delivered: {resend: waiting},
	failed:    {resend: waiting, cancelling: cancelled},
	cancelled: {resend: waiting, cancelling: cancelled},
}

// DeliveryDone says that there is nothing left to cancel.
var DeliveryDone = fault.Define(fault.Conflict, "webhook-delivery-delivered", fault.Text{
	EN: "This delivery has arrived.", NL: "Deze levering is aangekomen.", FR: "Cette livraison est arrivée."})

// Delivery is one fact on its way to one endpoint.
type Delivery struct {
	TenantID       id.TenantID   `gorm:"primaryKey"`
	ID             id.DeliveryID `gorm:"primaryKey"`
	EventID        id.EventID
	EndpointID     id.EndpointID
	OrganisationID *id.OrganisationID
	Type           string
	Status         string
	Attempts       int
	BaseAttempts   int // of them, those before the schedule began anew
	CreatedAt      time.Time
	NextAttemptAt  *time.Time
	DeliveredAt    *time.Time
}

// TableName is the table of deliveries.
func (Delivery) TableName() string { return "webhook_deliveries" }

// Key places a delivery in a list.
func (d Delivery) Key() (int64, uuid.UUID) { return 0, d.ID.UUID() }

// Bounds are how an employer's deliveries are found.
func (Delivery) Bounds() page.Bounds { return page.OfEmployer("organisation_id") }

// Attempt is one try of a delivery.
type Attempt struct {
	TenantID       id.TenantID  `gorm:"primaryKey"`
	ID             id.AttemptID `gorm:"primaryKey"`
	DeliveryID     id.DeliveryID
	OrganisationID *id.OrganisationID // the endpoint's employer then
	At             time.Time          // when it was signed
	Status         *int               // of the answer, nil without one
	Outcome        string
	DurationMS     int        `gorm:"column:duration_ms"`
	Answer         []byte     // the first 16 kB of the body
	URL            *string    `gorm:"column:url"` // where it was sent; nil: nowhere, or it was not kept
	Thin           *bool      // the form of what was sent, nil as URL
	HeaderNames    db.Strings // that were sent and that not every delivery has
	SignedBy       []byte     // the ids of the secrets, 16 bytes each
	AnswerHeaders  *string    // one to a line
}

// TableName is the table of tries.
func (Attempt) TableName() string { return "webhook_attempts" }

// The outcomes of a try.
const (
	outcomeDelivered   = "delivered"   // 2xx
	outcomeRefused     = "refused"     // any other answer, redirects included
	outcomeGone        = "gone"        // 410
	outcomeUnreachable = "unreachable" // no answer
	outcomeNoToken     = "no_token"    // its token endpoint gave none, so nothing was sent

	outcomeUnmade = "unmade" // of no try: it could not be made
)

// The rules for addresses, by the codes of outbound.
var urlRules = func() map[string]*fault.Rule {
	rules := map[string]*fault.Rule{}
	for code, text := range map[string]fault.Text{
		"url_too_long":          {EN: "is too long", NL: "is te lang", FR: "est trop longue"},
		"malformed_url":         {EN: "is not a valid absolute URL with a host", NL: "is geen geldige absolute URL met een host", FR: "n’est pas une URL absolue valide avec un hôte"},
		"fragment_not_allowed":  {EN: "must not have a fragment (#…)", NL: "mag geen fragment (#…) hebben", FR: "ne peut pas avoir de fragment (#…)"},
		"scheme_not_allowed":    {EN: "must start with https://", NL: "moet met https:// beginnen", FR: "doit commencer par https://"},
		"user_info_not_allowed": {EN: "must not hold a user name or password", NL: "mag geen gebruikersnaam of wachtwoord bevatten", FR: "ne peut pas contenir de nom d’utilisateur ni de mot de passe"},
		"port_not_allowed":      {EN: "has a port outside 1 to 65535", NL: "heeft een poort buiten 1 tot 65535", FR: "a un port hors de 1 à 65535"},
		"address_not_public":    {EN: "must lead to a public name or address", NL: "moet naar een publieke naam of een publiek adres leiden", FR: "doit mener à un nom public ou à une adresse publique"},
	} {
		rules[code] = fault.DefineRule(code, text)
	}
	return rules
}()

// checkURL refuses an address that is wrong on sight.
func checkURL(e *fault.Error, p outbound.Policy, at, url string) {
	var refused *outbound.Refused
	if errors.As(p.CheckURL(url), &refused) {
		e.At(at, urlRules[refused.Code])
	}
}

// host is where an address leads: scheme, name and port.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// lost are the nouns, sorted, that an endpoint is told about and that a reader of others is not. Behind a * nobody would notice that
// their facts stay away.
func lost(e Endpoint, nouns []string) (out []string) {
	for _, t := range fact.Matching(e.EventTypes) {
		if n := t.Noun(); slices.Contains(e.Nouns, n) && !slices.Contains(nouns, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// among are the nouns of an endpoint that a reader of others reads too.
func among(e Endpoint, nouns []string) (out db.Strings) {
	return slices.DeleteFunc(slices.Clone(e.Nouns), func(n string) bool { return !slices.Contains(nouns, n) })
}

// checkTypes turns what is asked into patterns, and refuses what no type of fact is called and what its owner may not
// read: nothing would ever come of it.
func checkTypes(e *fault.Error, asked, nouns []string) (patterns db.Strings) {
	for i, a := range asked {
		at := "/event_types/" + strconv.Itoa(i)
		like, noun, known := fact.Pattern(a)
		switch {
		case !known:
			e.At(at, fault.NoReference)
		case slices.Contains(asked[:i], a):
			e.At(at, fault.Repeated)
		case noun != "" && !slices.Contains(nouns, noun):
			e.At(at, unreadable)
		}
		patterns = append(patterns, like)
	}
	return patterns
}
