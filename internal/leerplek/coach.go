package leerplek

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Preparation is what a leercoach brings and takes on: the two kinds of expertise that the fifth condition of seed 001,
// 5.4, asks for, the tasks (5.4 "Verwachtingen ten aanzien van de coach"), and the planning (5.6).
type Preparation struct {
	CraftExpertise    *bool      `json:"craft_expertise" extensions:"x-nullable" example:"true"`    // vaktechnische vaardigheden
	CoachingExpertise *bool      `json:"coaching_expertise" extensions:"x-nullable" example:"true"` // coachende vaardigheden
	Tasks             db.Strings `json:"tasks" validate:"max=20" minLength:"1" maxLength:"500" example:"feedback geven"`
	Planning          *string    `json:"planning" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Voormiddag meelopen, namiddag samen terugblikken."`
}

var notBoth = fault.DefineRule("both_kinds", fault.Text{
	EN: "is craft_expertise and coaching_expertise together", NL: "is craft_expertise en coaching_expertise samen",
	FR: "réunit craft_expertise et coaching_expertise"})

// settle lets the two kinds of expertise answer the condition where it was not answered itself, and refuses an answer
// that they contradict.
func settle(c *Conditions, p Preparation) error {
	craft, coaching := p.CraftExpertise, p.CoachingExpertise
	no, yes := false, true
	var both *bool
	switch {
	case craft != nil && !*craft, coaching != nil && !*coaching:
		both = &no
	case craft != nil && coaching != nil:
		both = &yes
	}
	if c.HasExpertise != nil && both != nil && *c.HasExpertise != *both {
		return fault.At("/has_expertise", notBoth)
	}
	if c.HasExpertise == nil {
		c.HasExpertise = both
	}
	return nil
}
