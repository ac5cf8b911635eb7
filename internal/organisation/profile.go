package organisation

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Profile is how an employer presents itself and where it would like to grow (seed 001, 4, 5.2, 5.4 and 5.5). The
// employer and the ST-partner read it; its employees do not.
type Profile struct {
	db.Row
	ID                     id.OrganisationID `gorm:"primaryKey"` // the employer
	CoreValues             db.Strings        // waarden
	Strengths              db.Strings        // troeven
	WeakerPoints           db.Strings        // minder sterke punten: the algemene leerbehoefte
	Offers                 db.Strings        // what others can come and learn there
	Challenges             db.Strings        // gedeelde uitdagingen
	InternalChannels       db.Strings        // by which employees are reached
	Openness               *string           // bereidheid om de deur open te zetten: open, hesitant, closed
	CompetitionSensitivity *string           // none, some, high
	DesiredResult          *string
}

// TableName is the table of profiles.
func (Profile) TableName() string { return "organisation_profiles" }

// ProfileInput is what a caller says of a profile.
type ProfileInput struct {
	CoreValues             db.Strings `json:"core_values" validate:"max=20" minLength:"1" maxLength:"200" example:"warmte"`
	Strengths              db.Strings `json:"strengths" validate:"max=20" minLength:"1" maxLength:"500" example:"zelfsturende teams"`
	WeakerPoints           db.Strings `json:"weaker_points" validate:"max=20" minLength:"1" maxLength:"500" example:"digitaal werken"`
	Offers                 db.Strings `json:"offers" validate:"max=20" minLength:"1" maxLength:"500" example:"meertalig onthaal"`
	Challenges             db.Strings `json:"challenges" validate:"max=20" minLength:"1" maxLength:"500" example:"vergrijzend personeelsbestand"`
	InternalChannels       db.Strings `json:"internal_channels" validate:"max=20" minLength:"1" maxLength:"200" example:"nieuwsbrief"`
	Openness               *string    `json:"openness" enums:"open,hesitant,closed" extensions:"x-nullable" example:"open"`
	CompetitionSensitivity *string    `json:"competition_sensitivity" enums:"none,some,high" extensions:"x-nullable" example:"some"`
	DesiredResult          *string    `json:"desired_result" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Drie teams die iets nieuws uitproberen."`
} // @name OrganisationProfileInput

func (p Profile) input() ProfileInput {
	return ProfileInput{p.CoreValues, p.Strengths, p.WeakerPoints, p.Offers, p.Challenges, p.InternalChannels, p.Openness, p.CompetitionSensitivity, p.DesiredResult}
}

func (in ProfileInput) onto(p *Profile) {
	p.CoreValues, p.Strengths, p.WeakerPoints = in.CoreValues, in.Strengths, in.WeakerPoints
	p.Offers, p.Challenges, p.InternalChannels = in.Offers, in.Challenges, in.InternalChannels
	p.Openness, p.CompetitionSensitivity, p.DesiredResult = in.Openness, in.CompetitionSensitivity, in.DesiredResult
}

// ProfileWire is a profile as callers see it.
type ProfileWire struct {
	OrganisationID         id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	CoreValues             db.Strings        `json:"core_values" example:"warmte"`
	Strengths              db.Strings        `json:"strengths" example:"zelfsturende teams"`
	WeakerPoints           db.Strings        `json:"weaker_points" example:"digitaal werken"`
	Offers                 db.Strings        `json:"offers" example:"meertalig onthaal"`
	Challenges             db.Strings        `json:"challenges" example:"vergrijzend personeelsbestand"`
	InternalChannels       db.Strings        `json:"internal_channels" example:"nieuwsbrief"`
	Openness               *string           `json:"openness" enums:"open,hesitant,closed" extensions:"x-nullable" example:"open"`
	CompetitionSensitivity *string           `json:"competition_sensitivity" enums:"none,some,high" extensions:"x-nullable" example:"some"`
	DesiredResult          *string           `json:"desired_result" extensions:"x-nullable" example:"Drie teams die iets nieuws uitproberen."`
	web.Meta
} // @name OrganisationProfile

func profileWire(p Profile) ProfileWire {
	return ProfileWire{p.ID, p.CoreValues, p.Strengths, p.WeakerPoints, p.Offers, p.Challenges, p.InternalChannels, p.Openness, p.CompetitionSensitivity,
		p.DesiredResult, web.MetaOf(p.Row)}
}

// profileOf reads the profile of an employer that was found: until somebody tells something it is empty, of revision 0,
// and as old as the employer.
func profileOf(tx *db.Tx, o Organisation) (Profile, error) {
	if tx.Scope.Kind == db.ScopeMedewerker {
		return Profile{}, fault.Missing.New()
	}
	p, err := db.Get[Profile](tx, o.ID)
	if fault.Missing.Is(err) {
		p, err = Profile{ID: o.ID}, nil
		ProfileInput{db.Strings{}, db.Strings{}, db.Strings{}, db.Strings{}, db.Strings{}, db.Strings{}, nil, nil, nil}.onto(&p)
		p.CreatedAt, p.UpdatedAt = o.CreatedAt, o.CreatedAt
	}
	return p, err
}

// getProfile reads the profile of an employer.
//
//	@Summary		Read the profile of an employer
//	@Description	Values, strengths, weaker points, what it offers. Of revision 0 until somebody tells something. Callers bound to an employee do not read it.
//	@ID				getOrganisationProfile
//	@Tags			organisation
//	@Param			id	path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	ProfileWire
//	@Router			/v1/organisations/{id}/profile [get]
func (s Service) getProfile(_ context.Context, tx *db.Tx, in byID) (ProfileWire, error) {
	o, err := db.Get[Organisation](tx, in.ID)
	if err != nil {
		return ProfileWire{}, err
	}
	p, err := profileOf(tx, o)
	return profileWire(p), err
}

// updateProfile changes members of the profile of an employer.
//
//	@Summary	Change the profile of an employer
//	@ID			updateOrganisationProfile
//	@Tags		organisation
//	@Param		id		path		string			true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		ProfileInput	true	"what changes"
//	@Success	200		{object}	ProfileWire
//	@Router		/v1/organisations/{id}/profile [patch]
func (s Service) updateProfile(_ context.Context, tx *db.Tx, in updateReq) (ProfileWire, error) {
	o, err := db.Lock[Organisation](tx, in.ID) // the first change makes the row: one at a time
	if err != nil {
		return ProfileWire{}, err
	}
	before, err := profileOf(tx, o)
	if err != nil {
		return ProfileWire{}, err
	}
	after, told := before, before.input()
	if err := patched(in.IfMatch, before.Revision, in.Patch, &told, func() error { told.onto(&after); return nil }); err != nil {
		return ProfileWire{}, err
	}
	changed := before.Revision == 0
	if changed {
		err = db.Insert(tx, &after)
	} else {
		changed, err = db.Change(tx, before, &after)
	}
	if err != nil || !changed {
		return profileWire(after), err
	}
	return profileWire(after), touched(tx, o.ID)
}
