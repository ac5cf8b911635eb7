package leeruitwisseling

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

type expectationsReq struct {
	byID
	Body Expectations `body:"json"`
}

// putExpectations writes what the sending employer expects.
//
//	@Summary		Say what the sending employer expects
//	@Description	Whole: what is absent is not expected. The sending employer and the ST-partner read and write it; the receiving employer does neither.
//	@ID				putLeeruitwisselingExpectations
//	@Tags			leeruitwisseling
//	@Param			id		path		string			true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Expectations	true	"what is expected"
//	@Success		200		{object}	Expectations
//	@Router			/v1/leeruitwisselingen/{id}/expectations [put]
func (s Service) putExpectations(ctx context.Context, tx *db.Tx, in expectationsReq) (Expectations, error) {
	if err := s.expect(ctx, tx, in.ID, in.Body); err != nil {
		return Expectations{}, err
	}
	return s.expected(tx, in.ID)
}

// getExpectations reads what the sending employer expects.
//
//	@Summary		Read what the sending employer expects
//	@Description	For that employer and the ST-partner, and those who read for either of them; all null while nothing was said.
//	@ID				getLeeruitwisselingExpectations
//	@Tags			leeruitwisseling
//	@Param			id	path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Expectations
//	@Router			/v1/leeruitwisselingen/{id}/expectations [get]
func (s Service) getExpectations(_ context.Context, tx *db.Tx, in byID) (Expectations, error) {
	return s.expected(tx, in.ID)
}

// ReflectionWire is a reflection as those see it who may read it.
type ReflectionWire struct {
	ID                 id.ReflectionID       `json:"id" example:"rfl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Party              string                `json:"party" enums:"switcher,leercoach,sending,receiving" example:"switcher"`
	MedewerkerID       *id.MedewerkerID      `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: an employer's
	Medium             string                `json:"medium" enums:"document,audio,drawing,diary,conversation" example:"diary"`
	Text               *string               `json:"text" extensions:"x-nullable" example:"Ik zag hoe rustig zij de dag beginnen."`
	Link               *string               `json:"link" format:"uri" extensions:"x-nullable" example:"https://documenten.example/dagboek"`
	ReflectedOn        *day.Date             `json:"reflected_on" format:"date" extensions:"x-nullable" example:"2027-01-12"`
	Lessons            []Lesson              `json:"lessons"`
	SharedWith         []string              `json:"shared_with" enums:"switcher,leercoach,sending,receiving" example:"leercoach"` // who may read it, beside its author and the ST-partner
	web.Meta
} // @name Reflection

// Location is where the reflection can be read.
func (w ReflectionWire) Location() string {
	return "/v1/leeruitwisselingen/" + w.LeeruitwisselingID.String() + "/reflections/" + w.ID.String()
}

func reflectionWire(r Reflection) ReflectionWire {
	return ReflectionWire{r.ID, r.LeeruitwisselingID, r.Party, r.MedewerkerID, r.Medium, r.Text, r.Link, r.ReflectedOn,
		append([]Lesson{}, r.Lessons...), append([]string{}, r.SharedWith...), web.MetaOf(r.Row)}
}

type postReflectionReq struct {
	byID
	Body ReflectionInput `body:"json"`
}

// postReflection writes a reflection down.
//
//	@Summary		Look back on an exchange
//	@Description	A text, a link to where it is kept, or both, in whichever medium it was captured. Its author and the ST-partner read it, and the parties that it is shared with; what a switcher writes is not the own employer's unless it is shared. A bound caller reflects as the party that it is; of several leercoaches the leading one is meant unless medewerker_id says another. A question that came up is a leervraag with from_leeruitwisseling_id.
//	@ID				createReflection
//	@Tags			leeruitwisseling
//	@Param			id		path		string			true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		ReflectionInput	true	"the reflection"
//	@Success		201		{object}	ReflectionWire
//	@Router			/v1/leeruitwisselingen/{id}/reflections [post]
func (s Service) postReflection(_ context.Context, tx *db.Tx, in postReflectionReq) (ReflectionWire, error) {
	r, err := s.reflect(tx, in.ID, in.Body)
	return reflectionWire(r), err
}

// listReflections reads the reflections that the caller may read.
//
//	@Summary	List reflections
//	@ID			listReflections
//	@Tags		leeruitwisseling
//	@Param		id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[ReflectionWire]
//	@Router		/v1/leeruitwisselingen/{id}/reflections [get]
func (s Service) listReflections(_ context.Context, tx *db.Tx, in partsReq) (page.Page[ReflectionWire], error) {
	if _, err := db.Get[Leeruitwisseling](tx, in.ID); err != nil {
		return page.Page[ReflectionWire]{}, err
	}
	return page.List(tx, in.Params, in.byID, tx.Model(&Reflection{}).Where("leeruitwisseling_id = ?", in.ID), reflectionWire)
}

type reflectionReq struct {
	byID
	ReflectionID id.ReflectionID `uri:"reflection_id"`
}

// getReflection reads one reflection.
//
//	@Summary	Read a reflection
//	@ID			getReflection
//	@Tags		leeruitwisseling
//	@Param		id				path		string	true	"the exchange"		example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		reflection_id	path		string	true	"the reflection"	example(rfl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200				{object}	ReflectionWire
//	@Router		/v1/leeruitwisselingen/{id}/reflections/{reflection_id} [get]
func (s Service) getReflection(_ context.Context, tx *db.Tx, in reflectionReq) (ReflectionWire, error) {
	var r Reflection
	err := tx.Where("leeruitwisseling_id = ? and id = ?", in.ID, in.ReflectionID).Take(&r).Error
	return reflectionWire(r), err
}

type patchReflectionReq struct {
	reflectionReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// patchReflection changes a reflection.
//
//	@Summary		Change a reflection
//	@Description	By its author, or by the ST-partner for them: also to say whether a lesson is applied, and to take back who may read it. Whose it is stays.
//	@ID				updateReflection
//	@Tags			leeruitwisseling
//	@Param			id				path		string			true	"the exchange"		example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			reflection_id	path		string			true	"the reflection"	example(rfl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body			body		ReflectionInput	true	"what changes"
//	@Success		200				{object}	ReflectionWire
//	@Router			/v1/leeruitwisselingen/{id}/reflections/{reflection_id} [patch]
func (s Service) patchReflection(_ context.Context, tx *db.Tx, in patchReflectionReq) (ReflectionWire, error) {
	r, err := s.rethink(tx, in.ID, in.ReflectionID, func(r Reflection) error { return in.Check(r.Revision) },
		func(i *ReflectionInput) error { return in.Patch.Apply(i) })
	return reflectionWire(r), err
}
