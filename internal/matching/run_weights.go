package matching

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/cohort"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// cohortWeighing is a version of a cohort's own weights; without numbers it says that the tenant's count again.
type cohortWeighing struct {
	db.Row
	ID           uuid.UUID `gorm:"primaryKey"`
	CohortID     id.CohortID
	Version      int
	InsteadOf    int // the version of the tenant's weights that counted then; 0: the defaults
	Content      *int
	Preference   *int
	Distance     *int
	Availability *int
	Size         *int
	Workforce    *int
	CrossSector  *int
}

// TableName is the table of the weights of cohorten.
func (cohortWeighing) TableName() string { return "cohort_weights" }

// weights are those of the version, or nil.
func (w cohortWeighing) weights() *Weights {
	if w.Content == nil {
		return nil
	}
	return &Weights{w.Version, *w.Content, *w.Preference, *w.Distance, *w.Availability, *w.Size, *w.Workforce, *w.CrossSector}
}

// newestOf reads the newest version of a cohort's weights, or nil where it never had any.
func newestOf(tx *db.Tx, cid id.CohortID) (*cohortWeighing, error) {
	var rows []cohortWeighing
	if err := tx.Where("cohort_id = ?", cid).Order("version desc").Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// lockCohort keeps a cohort from changing, and refuses one that is not here or closed.
func lockCohort(tx *db.Tx, cid id.CohortID) error {
	var c struct{ Status string }
	if err := db.One(tx, &c, `select status from cohorten where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, cid); err != nil {
		return err
	}
	if c.Status == "closed" {
		return cohort.IsClosed.New()
	}
	return nil
}

// setCohortWeights makes a new version of a cohort's weights; nil goes back to the tenant's. The same as before is no
// version.
func setCohortWeights(tx *db.Tx, cid id.CohortID, in *Weights, check func(revision int64) error) (cohortWeighing, error) {
	var w cohortWeighing
	if in != nil {
		if err := in.check(); err != nil {
			return w, err
		}
	}
	if err := lockCohort(tx, cid); err != nil {
		return w, err
	}
	last, err := newestOf(tx, cid)
	if err != nil {
		return w, err
	}
	before := 0
	var now *Weights
	if last != nil {
		before, now = last.Version, last.weights()
	}
	if err := check(int64(before)); err != nil {
		return w, err
	}
	if in != nil {
		in.Version = before
	}
	if (in == nil) == (now == nil) && (in == nil || *in == *now) {
		if last == nil {
			return cohortWeighing{CohortID: cid}, nil
		}
		return *last, nil
	}
	tenants, err := current(tx)
	if err != nil {
		return w, err
	}
	w = cohortWeighing{ID: uuid.Must(uuid.NewV7()), CohortID: cid, Version: before + 1, InsteadOf: tenants.Version}
	if in != nil {
		w.Content, w.Preference, w.Distance, w.Availability = &in.Content, &in.Preference, &in.Distance, &in.Availability
		w.Size, w.Workforce, w.CrossSector = &in.Size, &in.Workforce, &in.CrossSector
	}
	if err := db.Insert(tx, &w); err != nil {
		return w, err
	}
	return w, fact.Audit(tx, "cohort_weights.set", cid, map[string]any{"version": w.Version, "instead_of": w.InsteadOf, "weights": in})
}

// tag is a version as an entity tag has it.
func tag(version int) string { return `"` + strconv.Itoa(version) + `"` }
