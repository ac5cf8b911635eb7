package matching

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of matching.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Get("/v1/leervragen/:id/suggestions", "leervraag:read", s.suggestions, web.Snapshot),
	}
}

// Suggestions are the leerplekken for a leervraag, the best first, and how many others cannot be.
type Suggestions struct {
	Data     []Suggestion `json:"data"`
	RuledOut []RuledOut   `json:"ruled_out"` // in a fixed order of reasons; each place counts once, at the first that holds
} // @name Suggestions

// Suggestion is one leerplek with its score.
type Suggestion struct {
	LeerplekID     id.LeerplekID     `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title          string            `json:"title" example:"Medicatieschema's in het woonzorgcentrum"`
	Score          int               `json:"score" example:"8420"` // of 10000, the sum of the parts
	Parts          []Part            `json:"parts"`
} // @name Suggestion

// Part is what one criterion adds to a score.
type Part struct {
	Criterion string `json:"criterion" enums:"content,distance,availability,coaches,organisation" example:"content"`
	Points    int    `json:"points" example:"4310"`
	Of        int    `json:"of" example:"5500"`
	Detail    Detail `json:"detail"`
} // @name SuggestionPart

// Detail says why: the members of the part's own criterion, and null or [] for the others and for what is not known,
// which gets half of the points.
type Detail struct {
	Words         []string `json:"words" example:"Medicatieschema"`                       // content: the place's words that answer the question's
	Topics        []string `json:"topics" example:"medicatie"`                            // content: the topics that both name
	Km            *float64 `json:"km" extensions:"x-nullable" example:"12.5"`             // distance: as the crow flies, from the switcher's site
	Days          *int     `json:"days" extensions:"x-nullable" example:"14"`             // availability: days in common, from today on
	ConditionsMet *int     `json:"conditions_met" extensions:"x-nullable" example:"3"`    // coaches: conditions answered yes; null for bound callers
	Conditions    *int     `json:"conditions" extensions:"x-nullable" example:"4"`        // coaches: conditions asked
	OtherSector   *bool    `json:"other_sector" extensions:"x-nullable" example:"true"`   // organisation: another sector has other things to teach
	SameWorkforce *bool    `json:"same_workforce" extensions:"x-nullable" example:"true"` // organisation: white collar, blue collar or mixed
	SameSize      *bool    `json:"same_size" extensions:"x-nullable" example:"false"`     // organisation: micro, small, medium or large
} // @name SuggestionDetail

// RuledOut counts the leerplekken that one reason rules out.
type RuledOut struct {
	Reason string `json:"reason" enums:"own_organisation,other_organisation,excluded_department,excluded_function,no_coach,coach_condition_no,coach_ended,full,too_far,no_public_transport,no_common_days,already_proposed,rejected_before" example:"too_far"`
	Count  int    `json:"count" example:"3"`
} // @name RuledOut

type suggestionsReq struct {
	ID    id.LeervraagID `uri:"id"`
	Limit int            `form:"limit" default:"10" minimum:"1" maximum:"100"`
}

// suggestions ranks leerplekken for a leervraag.
//
//	@Summary		Suggest leerplekken for a leervraag
//	@Description	Every published leerplek of the tenant is looked at, whoever asks; of each, an answer shows what a published leerplek shows. Content counts for most: the words of title, goals, topics and question, and the topics that both name. Then distance, days in common, what the leercoaches answered, and how the two employers compare. Places that cannot be are counted by reason.
//	@ID				listSuggestions
//	@Tags			matching
//	@Param			id		path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int		false	"how many"	default(10)	minimum(1)	maximum(100)
//	@Success		200		{object}	Suggestions
//	@Router			/v1/leervragen/{id}/suggestions [get]
func (s Service) suggestions(ctx context.Context, tx *db.Tx, in suggestionsReq) (Suggestions, error) {
	return s.Suggest(ctx, tx, in.ID, in.Limit)
}
