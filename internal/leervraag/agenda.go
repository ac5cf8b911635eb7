package leervraag

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Agenda is the dynamic leeragenda, which makes a vague question sharp: what it holds, how it can be answered, and what
// the switcher hopes for (seed 001, 5.3 Tips and r.663; seed 000, "Verhelderen van de leervraag"). It is part of what a
// leervraag asks, so versions keep it.
type Agenda struct {
	SmartGoals        SmartGoals // of some of the goals: how they are measured, and by when
	Meaning           *string    // what the question holds
	HowToAnswer       *string    // how Switching Talent can answer it
	LearnInGeneral    *string
	LearnSpecifically *string
	MustCover         db.Strings // what must certainly come up
	PeopleToMeet      db.Strings // with whom the switcher wants to interact
	Activities        db.Strings // what it could be answered by, as sharpened after matching
	Content           *string
	Approach          *string
}

func (a Agenda) equal(o Agenda) bool {
	same := func(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return slices.EqualFunc(a.SmartGoals, o.SmartGoals, SmartGoal.equal) && same(a.Meaning, o.Meaning) && same(a.HowToAnswer, o.HowToAnswer) &&
		same(a.LearnInGeneral, o.LearnInGeneral) && same(a.LearnSpecifically, o.LearnSpecifically) && slices.Equal(a.MustCover, o.MustCover) &&
		slices.Equal(a.PeopleToMeet, o.PeopleToMeet) && slices.Equal(a.Activities, o.Activities) && same(a.Content, o.Content) && same(a.Approach, o.Approach)
}

// SmartGoal makes one of the goals specific, measurable, attainable, relevant and time-bound (seed 001, 5.3 "SMART-leerdoelen").
// The goal itself is what is specific.
type SmartGoal struct {
	Goal     string    `json:"goal" binding:"required" minLength:"1" maxLength:"1000" example:"Twee aanpakken kennen die wij kunnen toepassen"` // word for word one of goals
	Measure  *string   `json:"measure" minLength:"1" maxLength:"1000" extensions:"x-nullable" example:"Ik kan ze uitleggen op de teamvergadering."`
	Feasible *string   `json:"feasible" minLength:"1" maxLength:"1000" extensions:"x-nullable" example:"Twee dagen meelopen volstaan."`
	Relevant *string   `json:"relevant" minLength:"1" maxLength:"1000" extensions:"x-nullable" example:"In maart starten vier nieuwe collega's."`
	ByOn     *day.Date `json:"by_on" format:"date" extensions:"x-nullable" example:"2027-06-30"`
} // @name LeervraagSmartGoal

func (g SmartGoal) equal(o SmartGoal) bool {
	same := func(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return g.Goal == o.Goal && same(g.Measure, o.Measure) && same(g.Feasible, o.Feasible) && same(g.Relevant, o.Relevant) &&
		(g.ByOn == nil) == (o.ByOn == nil) && (g.ByOn == nil || *g.ByOn == *o.ByOn)
}

// SmartGoals is a jsonb column.
type SmartGoals []SmartGoal

// Value writes the column.
func (g SmartGoals) Value() (driver.Value, error) {
	if g == nil {
		g = SmartGoals{}
	}
	b, err := json.Marshal([]SmartGoal(g))
	return string(b), err
}

// Scan reads the column.
func (g *SmartGoals) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, (*[]SmartGoal)(g))
	case string:
		return json.Unmarshal([]byte(v), (*[]SmartGoal)(g))
	}
	return fmt.Errorf("leervraag: cannot read a %T as SMART goals", src)
}

var (
	noSuchGoal = fault.DefineRule("no_such_goal", fault.Text{
		EN: "is none of the goals", NL: "is geen van de doelen", FR: "ne figure pas parmi les objectifs"})
	leavesOut = fault.DefineRule("leaves_out_smart_goal", fault.Text{
		EN: "leaves out the goal of {at}: send smart_goals in the same request",
		NL: "laat het doel van {at} weg: stuur smart_goals in hetzelfde verzoek mee",
		FR: "omet l’objectif de {at} : envoyez smart_goals dans la même requête"})
)

// check refuses what makes no goal, or one goal twice, SMART. Where goals alone changed, what is wrong is the goal that
// left, not the smart_goals that nobody sent: before is what they were, nil for a new leervraag.
func (g SmartGoals) check(goals []string, before SmartGoals) error {
	e := fault.Unprocessable.New()
	untouched := slices.EqualFunc(g, before, SmartGoal.equal)
	for i, x := range g {
		at := "/smart_goals/" + strconv.Itoa(i) + "/goal"
		switch {
		case !slices.Contains(goals, x.Goal) && untouched:
			e.At("/goals", leavesOut, "at", at)
		case !slices.Contains(goals, x.Goal):
			e.At(at, noSuchGoal)
		case slices.ContainsFunc(g[:i], func(o SmartGoal) bool { return o.Goal == x.Goal }):
			e.At(at, fault.Twice)
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}
