package matching

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// whole is what a score is of: the weights of all criteria make it together.
const whole = 10_000

// Weights say how much each criterion counts, in points of 10,000. They belong to the tenant; a cohort may have its own.
// Every change is a new version, and old ones stay readable, because decisions name the version that they were taken on.
type Weights struct {
	Version      int `json:"-"`                                                                         // 0 for the defaults, which nobody set
	Content      int `json:"content" binding:"required" minimum:"0" maximum:"10000" example:"5500"`     // words, concepts and topics that answer the question
	Preference   int `json:"preference" binding:"required" minimum:"0" maximum:"10000" example:"1500"`  // the switcher's top 3 of employers, in a cohort
	Distance     int `json:"distance" binding:"required" minimum:"0" maximum:"10000" example:"1500"`    // from home or workplace, the nearest of the two
	Availability int `json:"availability" binding:"required" minimum:"0" maximum:"10000" example:"500"` // days in common
	Size         int `json:"size" binding:"required" minimum:"0" maximum:"10000" example:"300"`         // an employer of the same size
	Workforce    int `json:"workforce" binding:"required" minimum:"0" maximum:"10000" example:"300"`    // an employer with the same kind of staff
	CrossSector  int `json:"cross_sector" binding:"required" minimum:"0" maximum:"10000" example:"400"` // the sector that was wished for
}

// Defaults are the weights of a tenant that set none. Content decides; location comes before moments (seed 001, 5.5
// Matching); top 3, size, staff and sector are those of the example of Acerta Consult there. The seed gives no numbers:
// these are ours.
func Defaults() Weights {
	return Weights{Content: 5500, Preference: 1500, Distance: 1500, Availability: 500, Size: 300, Workforce: 300, CrossSector: 400}
}

// criterion numbers what is weighed, in the order in which parts are shown.
type criterion int

const (
	content criterion = iota
	preference
	distance
	availabilityOf
	size
	workforce
	crossSector
	criteria // how many there are
)

// criterionNames are the criteria on the wire.
var criterionNames = [criteria]string{"content", "preference", "distance", "availability", "size", "workforce", "cross_sector"}

// of lists the weights by criterion.
func (w Weights) of() [criteria]int {
	return [criteria]int{w.Content, w.Preference, w.Distance, w.Availability, w.Size, w.Workforce, w.CrossSector}
}

var sumOfWeights = fault.DefineRule("weights_sum", fault.Text{
	EN: "is one of the weights, which make {sum} together and not 10000", NL: "is een van de gewichten, die samen {sum} maken en niet 10000",
	FR: "est l’un des poids, dont la somme fait {sum} et non 10000"})

// withoutPreference spreads the weight of the preferences over the other criteria in proportion, for a question that
// has none because it stands in no cohort. The sum stays 10,000: what rounding leaves goes, point by point, to the
// largest remainders, the first criterion first. Without any other weight, content gets all of it.
func (w Weights) withoutPreference() Weights {
	rest := whole - w.Preference
	if rest == 0 {
		return Weights{Version: w.Version, Content: whole}
	}
	of := w.of()
	var remainder [criteria]int
	left := whole
	for c := range of {
		if criterion(c) == preference {
			of[c], remainder[c] = 0, -1
			continue
		}
		remainder[c] = of[c] * whole % rest
		of[c] = of[c] * whole / rest
		left -= of[c]
	}
	for ; left > 0; left-- {
		best := 0
		for c := range remainder {
			if remainder[c] > remainder[best] {
				best = c
			}
		}
		of[best]++
		remainder[best] = -1
	}
	return Weights{w.Version, of[content], 0, of[distance], of[availabilityOf], of[size], of[workforce], of[crossSector]}
}

// weighing is a version of a tenant's weights.
type weighing struct {
	db.Row
	ID           uuid.UUID `gorm:"primaryKey"`
	Version      int
	Content      int
	Preference   int
	Distance     int
	Availability int
	Size         int
	Workforce    int
	CrossSector  int
}

// TableName is the table of weights.
func (weighing) TableName() string { return "matching_weights" }

// Key places a version in a list.
func (w weighing) Key() (int64, uuid.UUID) { return w.Pos, w.ID }

func (w weighing) weights() Weights {
	return Weights{w.Version, w.Content, w.Preference, w.Distance, w.Availability, w.Size, w.Workforce, w.CrossSector}
}

// newest reads the newest version of the tenant's weights, or nil where it set none.
func newest(tx *db.Tx) (*weighing, error) {
	var rows []weighing
	if err := tx.Order("version desc").Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// current reads the weights that count, in a transaction that sees all of the tenant.
func current(tx *db.Tx) (Weights, error) {
	w, err := newest(tx)
	if err != nil || w == nil {
		return Defaults(), err
	}
	return w.weights(), nil
}

// check refuses weights that do not make 10,000 together, at each member.
func (w Weights) check() error {
	sum := 0
	for _, n := range w.of() {
		sum += n
	}
	if sum == whole {
		return nil
	}
	e := fault.Unprocessable.New()
	for _, name := range criterionNames {
		e.At("/"+name, sumOfWeights, "sum", strconv.Itoa(sum))
	}
	return e
}

// setWeights makes a new version of the tenant's weights. The same weights as before are no version.
func setWeights(tx *db.Tx, in Weights, check func(revision int64) error) (weighing, error) {
	if err := in.check(); err != nil {
		return weighing{}, err
	}
	// Who sets them at the same time waits here.
	if _, err := tx.Run(`select 1 from tenants where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, tx.Scope.Tenant); err != nil {
		return weighing{}, err
	}
	last, err := newest(tx)
	if err != nil {
		return weighing{}, err
	}
	before := Defaults()
	if last != nil {
		before = last.weights()
	}
	if err := check(int64(before.Version)); err != nil {
		return weighing{}, err
	}
	in.Version = before.Version
	if last != nil && in == before {
		return *last, nil
	}
	w := weighing{ID: uuid.Must(uuid.NewV7()), Version: before.Version + 1, Content: in.Content, Preference: in.Preference, Distance: in.Distance,
		Availability: in.Availability, Size: in.Size, Workforce: in.Workforce, CrossSector: in.CrossSector}
	if err := db.Insert(tx, &w); err != nil {
		return w, err
	}
	return w, fact.Audit(tx, "matching_weights.set", id.TenantID(tx.Scope.Tenant), map[string]any{"version": w.Version, "weights": in, "before": before})
}
