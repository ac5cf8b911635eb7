package matching

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of matching.
func (s *Service) Routes() []web.Route {
	return append([]web.Route{
		web.Get("/v1/leervragen/:id/suggestions", "leervraag:read", s.suggestions, web.Snapshot),
		web.Act("/v1/leervragen/:id/suggestions/:leerplek_id/dismiss", "leervraag:write", s.dismissOne),
		web.Delete("/v1/leervragen/:id/suggestions/:leerplek_id/dismiss", "leervraag:write", s.restoreOne),
		web.Get("/v1/matches/:id/appraisal", "matching_run:read", s.appraisal),
		web.Get("/v1/matching-weights", "matching:read", s.weights),
		web.Put("/v1/matching-weights", "matching:write", s.setWeights),
		web.List("/v1/matching-weights/versions", "matching:read", s.versions),
		web.Get("/v1/matching-synonyms", "matching:read", s.synonyms),
		web.Put("/v1/matching-synonyms", "matching:write", s.setSynonyms),
		web.Post("/v1/rivals", "rival:write", s.nameRival),
		web.List("/v1/rivals", "rival:read", s.rivals),
		web.Get("/v1/rivals/:id", "rival:read", s.rivalry),
		web.Delete("/v1/rivals/:id", "rival:write", s.unnameRival),
		web.Get("/v1/topics", auth.Self, s.topics),
	}, s.runRoutes()...)
}

// Suggestions are the leerplekken for a leervraag, the best first, and how many others cannot be.
type Suggestions struct {
	Data           []Suggestion `json:"data"`
	RuledOut       []RuledOut   `json:"ruled_out"`                                // in a fixed order of reasons; each place counts once, at the first that holds
	WhyNot         *WhyNot      `json:"why_not" extensions:"x-nullable"`          // null unless asked for
	Engine         string       `json:"engine" enums:"index,sql" example:"index"` // sql: this process had no index of the network that was at most a second old: it was being made or brought up to date, the network is too large for one, or nobody had asked this process for suggestions lately; fewer places are looked at and counted then
	WeightsVersion int          `json:"weights_version" example:"3"`              // of the tenant's weights; 0 for the defaults
} // @name Suggestions

// Suggestion is one leerplek with its score.
type Suggestion struct {
	LeerplekID     id.LeerplekID     `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title          string            `json:"title" example:"Medicatieschema's in het woonzorgcentrum"`
	Score          int               `json:"score" example:"8420"` // of 10000, the sum of the parts
	Parts          []Part            `json:"parts"`
	ConditionsMet  *int              `json:"conditions_met" extensions:"x-nullable" example:"3"` // by the leercoaches who can: conditions answered yes; null for bound callers
	Conditions     *int              `json:"conditions" extensions:"x-nullable" example:"4"`     // asked of them; null for bound callers
} // @name Suggestion

// Part is what one criterion adds to a score.
type Part struct {
	Criterion string `json:"criterion" enums:"content,preference,distance,availability,size,workforce,cross_sector" example:"content"`
	Points    int    `json:"points" example:"4310"`
	Of        int    `json:"of" example:"5500"`
	Detail    Detail `json:"detail"`
} // @name SuggestionPart

// Detail says why: the members of the part's own criterion, and null or [] for the others and for what is not known,
// which gets half of the points.
type Detail struct {
	Words         []string `json:"words" example:"medicatieschema"`                       // content: the place's words that answer the question's
	Topics        []string `json:"topics" example:"medicatie"`                            // content: the topics that both name
	Grounds       []Ground `json:"grounds"`                                               // content: which word answers which, and how
	Km            *float64 `json:"km" extensions:"x-nullable" example:"12.5"`             // distance: as the crow flies, from home or workplace, the nearest
	Days          *int     `json:"days" extensions:"x-nullable" example:"14"`             // availability: days in common, from today on
	SameSize      *bool    `json:"same_size" extensions:"x-nullable" example:"false"`     // size: micro, small, medium or large
	SameWorkforce *bool    `json:"same_workforce" extensions:"x-nullable" example:"true"` // workforce: white collar, blue collar or mixed
	OtherSector   *bool    `json:"other_sector" extensions:"x-nullable" example:"true"`   // cross_sector: than the switcher's employer's
	Requirement   *string  `json:"requirement" extensions:"x-nullable" example:"vca"`     // why_not: the requirement that the switcher does not meet
} // @name SuggestionDetail

// Ground is one word of a place that answers one word of the question.
type Ground struct {
	Kind   string `json:"kind" enums:"word,part,topic,concept,field,gram,learned" example:"part"` // the same word, part of a compound, a topic, another word for the same, the same field, spelled alike, accepted together before
	Term   string `json:"term" example:"medicatie"`
	Found  string `json:"found" example:"medicatieschema"`
	Via    string `json:"via" example:"medicatie klaarzetten"` // the concept that joins them, where one does
	Points int    `json:"points" example:"1200"`
} // @name SuggestionGround

// RuledOut counts the leerplekken that one reason rules out.
type RuledOut struct {
	Reason string `json:"reason" enums:"own_organisation,other_organisation,rival,excluded_department,excluded_function,no_coach,coach_ended,coach_condition_no,coach_full,coach_year_full,full,too_far,no_public_transport,no_common_days,other_language,requirement_not_met,already_proposed,rejected_before,dismissed,off_topic,unavailable" example:"too_far"`
	Count  int    `json:"count" example:"3"`
} // @name RuledOut

// WhyNot says what became of one leerplek: the reason that rules it out, or else its rank, score and parts.
type WhyNot struct {
	LeerplekID id.LeerplekID `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Reason     *string       `json:"reason" enums:"not_published,own_organisation,other_organisation,rival,excluded_department,excluded_function,no_coach,coach_ended,coach_condition_no,coach_full,coach_year_full,full,too_far,no_public_transport,no_common_days,other_language,requirement_not_met,already_proposed,rejected_before,dismissed,off_topic,unavailable" extensions:"x-nullable" example:"too_far"`
	Detail     Detail        `json:"detail"`                                    // of the reason
	Rank       *int          `json:"rank" extensions:"x-nullable" example:"14"` // from 1
	Score      *int          `json:"score" extensions:"x-nullable" example:"4210"`
	Parts      []Part        `json:"parts"`
} // @name WhyNot

type suggestionsReq struct {
	ID      id.LeervraagID `uri:"id"`
	Limit   int            `form:"limit" default:"10" minimum:"1" maximum:"100"`
	Include *string        `form:"include" enums:"all"`
	WhyNot  *id.LeerplekID `form:"why_not"`
}

// suggestions ranks leerplekken for a leervraag.
//
//	@Summary		Suggest leerplekken for a leervraag
//	@Description	Every published leerplek of the tenant is looked at, whoever asks; of each, an answer shows what a published leerplek shows. Content counts for most: words, parts of compounds, other words for the same, and topics. Then distance, days in common, and how the two employers compare, by the tenant's weights; as no preferences are asked outside a cohort, their weight is spread over the others. Places that cannot be are counted by reason. Where no place answers the question, none is suggested: those are counted as off_topic, and include=all ranks them too. For callers bound to an employer or employee the reasons rival, coach_ended, coach_condition_no, coach_full and coach_year_full are told as unavailable. Distances use postal codes of GeoNames, licensed under CC BY 4.0, where the operator imported them.
//	@ID				listSuggestions
//	@Tags			matching
//	@Param			id		path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int		false	"how many"	default(10)	minimum(1)	maximum(100)
//	@Param			include	query		string	false	"all: also places whose words do not answer the question"	Enums(all)
//	@Param			why_not	query		string	false	"say what became of this leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200		{object}	Suggestions
//	@Router			/v1/leervragen/{id}/suggestions [get]
func (s *Service) suggestions(ctx context.Context, tx *db.Tx, in suggestionsReq) (Suggestions, error) {
	return s.Suggest(ctx, tx, in.ID, in.Limit, in.Include != nil, in.WhyNot)
}

type dismissReq struct {
	ID         id.LeervraagID `uri:"id"`
	LeerplekID id.LeerplekID  `uri:"leerplek_id"`
	Body       DismissInput   `body:"json"`
}

// DismissInput says why a leerplek is not to be suggested any more.
type DismissInput struct {
	Reason *string `json:"reason" minLength:"1" maxLength:"2000" extensions:"x-nullable" example:"Daar was de switcher al."`
} // @name DismissInput

// Dismissal is a leerplek that is not suggested for a leervraag any more.
type Dismissal struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Reason      *string        `json:"reason" extensions:"x-nullable" example:"Daar was de switcher al."`
	DismissedAt time.Time      `json:"dismissed_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
} // @name Dismissal

// dismissOne keeps a leerplek from being suggested.
//
//	@Summary		Dismiss a suggestion
//	@Description	The leerplek is not suggested for this leervraag any more, and counts as dismissed. Score, parts and weights of the moment are kept for later. One that is dismissed already stays so.
//	@ID				dismissSuggestion
//	@Tags			matching
//	@Param			id			path		string			true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leerplek_id	path		string			true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body		body		DismissInput	true	"why"
//	@Success		200			{object}	Dismissal
//	@Router			/v1/leervragen/{id}/suggestions/{leerplek_id}/dismiss [post]
func (s *Service) dismissOne(_ context.Context, tx *db.Tx, in dismissReq) (Dismissal, error) {
	d, err := s.dismiss(tx, in.ID, in.LeerplekID, in.Body.Reason)
	return Dismissal{d.LeervraagID, d.LeerplekID, d.Reason, d.DismissedAt.UTC()}, err
}

type restoreReq struct {
	ID         id.LeervraagID `uri:"id"`
	LeerplekID id.LeerplekID  `uri:"leerplek_id"`
}

// restoreOne lets a dismissed leerplek be suggested again.
//
//	@Summary	Undo the dismissal of a suggestion
//	@ID			restoreSuggestion
//	@Tags		matching
//	@Param		id			path	string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		leerplek_id	path	string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Router		/v1/leervragen/{id}/suggestions/{leerplek_id}/dismiss [delete]
func (s *Service) restoreOne(_ context.Context, tx *db.Tx, in restoreReq) (web.None, error) {
	return web.None{}, restore(tx, in.ID, in.LeerplekID)
}

// WeightsWire are a tenant's weights as callers see them.
type WeightsWire struct {
	Version int `json:"version" example:"3"` // 0 for the defaults
	Weights
	ChangedBy *string    `json:"changed_by" extensions:"x-nullable" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null for the defaults
	ChangedAt *time.Time `json:"changed_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
} // @name MatchingWeights

// ETag is the version as an entity tag.
func (w WeightsWire) ETag() string { return web.Tag(int64(w.Version)) }

func weightsWire(w weighing) WeightsWire {
	at := w.CreatedAt.UTC()
	return WeightsWire{w.Version, w.weights(), &w.ChangedBy, &at}
}

// weights reads the weights that count now.
//
//	@Summary		Read the weights of matching
//	@Description	In points of 10000. Version 0 are the defaults.
//	@ID				getMatchingWeights
//	@Tags			matching
//	@Success		200	{object}	WeightsWire
//	@Router			/v1/matching-weights [get]
func (s *Service) weights(_ context.Context, tx *db.Tx, _ struct{}) (WeightsWire, error) {
	w, err := newest(tx)
	if err != nil || w == nil {
		return WeightsWire{Weights: Defaults()}, err
	}
	return weightsWire(*w), nil
}

type setWeightsReq struct {
	web.IfMatch
	Body WeightsInput `body:"json"`
}

// WeightsInput are a tenant's new weights.
type WeightsInput struct {
	Weights
} // @name MatchingWeightsInput

// setWeights makes a new version of the weights.
//
//	@Summary		Set the weights of matching
//	@Description	Together they make 10000. Every change is a new version; old ones stay readable, because decisions name the version that they were taken on. If-Match is required once weights were set.
//	@ID				putMatchingWeights
//	@Tags			matching
//	@Param			body	body		WeightsInput	true	"the weights"
//	@Success		200		{object}	WeightsWire
//	@Router			/v1/matching-weights [put]
func (s *Service) setWeights(_ context.Context, tx *db.Tx, in setWeightsReq) (WeightsWire, error) {
	w, err := setWeights(tx, in.Body.Weights, func(revision int64) error {
		if in.Tag == "" && revision > 0 {
			return fault.NeedsIfMatch.New()
		}
		return in.Check(revision)
	})
	return weightsWire(w), err
}

type versionsReq struct {
	page.Params
}

// versions reads the weights over time.
//
//	@Summary	List the versions of the weights of matching
//	@ID			listMatchingWeightsVersions
//	@Tags		matching
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[WeightsWire]
//	@Router		/v1/matching-weights/versions [get]
func (s *Service) versions(_ context.Context, tx *db.Tx, in versionsReq) (page.Page[WeightsWire], error) {
	return page.List(tx, in.Params, nil, tx.Model(&weighing{}), weightsWire)
}

// SynonymsInput are a tenant's new synonyms.
type SynonymsInput struct {
	Synonyms []Synonym `json:"synonyms" binding:"required" validate:"max=1000"`
} // @name MatchingSynonymsInput

// SynonymsWire are a tenant's synonyms as callers see them.
type SynonymsWire struct {
	Version   int        `json:"version" example:"2"` // 0: there never were any
	Synonyms  []Synonym  `json:"synonyms"`
	ChangedBy *string    `json:"changed_by" extensions:"x-nullable" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ChangedAt *time.Time `json:"changed_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
} // @name MatchingSynonyms

// ETag is the version as an entity tag.
func (w SynonymsWire) ETag() string { return web.Tag(int64(w.Version)) }

func synonymsWire(w wordingRow) SynonymsWire {
	out := SynonymsWire{Version: w.Version, Synonyms: w.Synonyms.V}
	if w.Version > 0 {
		at := w.CreatedAt.UTC()
		out.ChangedBy, out.ChangedAt = &w.ChangedBy, &at
	}
	return out
}

// synonyms reads what the tenant's people call one thing.
//
//	@Summary	Read the synonyms of matching
//	@ID			getMatchingSynonyms
//	@Tags		matching
//	@Success	200	{object}	SynonymsWire
//	@Router		/v1/matching-synonyms [get]
func (s *Service) synonyms(_ context.Context, tx *db.Tx, _ struct{}) (SynonymsWire, error) {
	w, err := newestWording(tx)
	return synonymsWire(w), err
}

type setSynonymsReq struct {
	web.IfMatch
	Body SynonymsInput `body:"json"`
}

// setSynonyms makes a new version of the synonyms.
//
//	@Summary		Set the synonyms of matching
//	@Description	Words and phrases that mean one thing to the people of this tenant, beside the thesaurus that every tenant has: a leervraag that says one of them finds a leerplek that says another. They take the place of all that were set before, and count within a second for small tenants. Every change is a new version. If-Match is required once synonyms were set.
//	@ID				putMatchingSynonyms
//	@Tags			matching
//	@Param			body	body		SynonymsInput	true	"the synonyms"
//	@Success		200		{object}	SynonymsWire
//	@Router			/v1/matching-synonyms [put]
func (s *Service) setSynonyms(_ context.Context, tx *db.Tx, in setSynonymsReq) (SynonymsWire, error) {
	w, err := setSynonyms(tx, in.Body.Synonyms, func(revision int64) error {
		if in.Tag == "" && revision > 0 {
			return fault.NeedsIfMatch.New()
		}
		return in.Check(revision)
	})
	return synonymsWire(w), err
}

// RivalInput names two employers between whom nobody is to switch.
type RivalInput struct {
	OrganisationID      id.OrganisationID `json:"organisation_id" binding:"required" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	RivalOrganisationID id.OrganisationID `json:"rival_organisation_id" binding:"required" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
} // @name RivalInput

// RivalWire is a pair of rivals as callers see it.
type RivalWire struct {
	ID                  id.RivalID        `json:"id" example:"riv_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID      id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	RivalOrganisationID id.OrganisationID `json:"rival_organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	NamedBy             string            `json:"named_by" enums:"tenant,organisation" example:"tenant"` // the ST-partner, or organisation_id itself
	web.Meta
} // @name Rival

// Location is where the pair can be read.
func (w RivalWire) Location() string { return "/v1/rivals/" + w.ID.String() }

func rivalWire(r rivalry) RivalWire {
	by := "tenant"
	if r.NamedBy != nil {
		by = "organisation"
	}
	return RivalWire{r.ID, r.OrganisationID, r.RivalID, by, web.MetaOf(r.Row)}
}

type nameRivalReq struct {
	Body RivalInput `body:"json"`
}

// nameRival keeps two employers apart.
//
//	@Summary		Name rivals
//	@Description	Nothing of one is suggested to the other, either way. A caller bound to an employer names that employer's own rivals, among those with leerplekken; only it and the ST-partner know.
//	@ID				createRival
//	@Tags			matching
//	@Param			body	body		RivalInput	true	"the two employers"
//	@Success		201		{object}	RivalWire
//	@Router			/v1/rivals [post]
func (s *Service) nameRival(_ context.Context, tx *db.Tx, in nameRivalReq) (RivalWire, error) {
	r, err := name(tx, in.Body)
	return rivalWire(r), err
}

// RivalFilters are what pairs of rivals can be filtered by.
type RivalFilters struct {
	OrganisationID *id.OrganisationID `form:"organisation_id"`
}

type rivalsReq struct {
	page.Params
	RivalFilters
}

// rivals reads who is kept apart.
//
//	@Summary		List rivals
//	@Description	A caller bound to an employer sees those that it named itself.
//	@ID				listRivals
//	@Tags			matching
//	@Param			limit			query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string	false	"where to go on"
//	@Param			sort			query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			organisation_id	query		string	false	"pairs with this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	page.Page[RivalWire]
//	@Router			/v1/rivals [get]
func (s *Service) rivals(_ context.Context, tx *db.Tx, in rivalsReq) (page.Page[RivalWire], error) {
	q := tx.Model(&rivalry{})
	if in.OrganisationID != nil {
		q = q.Where("(organisation_id = ? or rival_id = ?)", *in.OrganisationID, *in.OrganisationID)
	}
	return page.List(tx, in.Params, in.RivalFilters, q, rivalWire)
}

type rivalReq struct {
	ID id.RivalID `uri:"id"`
}

// rivalry reads one pair.
//
//	@Summary	Read a pair of rivals
//	@ID			getRival
//	@Tags		matching
//	@Param		id	path		string	true	"the pair"	example(riv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	RivalWire
//	@Router		/v1/rivals/{id} [get]
func (s *Service) rivalry(_ context.Context, tx *db.Tx, in rivalReq) (RivalWire, error) {
	r, err := db.Get[rivalry](tx, in.ID)
	return rivalWire(r), err
}

// unnameRival lets two employers switch again.
//
//	@Summary	Forget rivals
//	@ID			deleteRival
//	@Tags		matching
//	@Param		id	path	string	true	"the pair"	example(riv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Router		/v1/rivals/{id} [delete]
func (s *Service) unnameRival(_ context.Context, tx *db.Tx, in rivalReq) (web.None, error) {
	return web.None{}, unname(tx, in.ID)
}
