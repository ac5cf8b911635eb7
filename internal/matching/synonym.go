package matching

import (
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Synonym is one thing and what a tenant's people call it.
type Synonym struct {
	Words []string `json:"words" binding:"required" validate:"min=2,max=20" minLength:"1" maxLength:"100" example:"kuisen,poetsen,schoonmaken"`
} // @name MatchingSynonym

// maxWordings is how many words all synonyms of a tenant may have together: each index of the tenant holds them.
const maxWordings = 5000

var tooManyWords = fault.DefineRule("too_many_words", fault.Text{
	EN: "has more than {max} words together", NL: "telt samen meer dan {max} woorden", FR: "compte plus de {max} mots au total"})

// wordingRow is a version of a tenant's synonyms.
type wordingRow struct {
	db.Row
	ID       uuid.UUID `gorm:"primaryKey"`
	Version  int
	Synonyms document[[]Synonym]
}

// TableName is the table of synonyms.
func (wordingRow) TableName() string { return "matching_synonyms" }

// newestWording reads the newest version of the tenant's synonyms, or version 0 without any.
func newestWording(tx *db.Tx) (wordingRow, error) {
	rows := []wordingRow{}
	err := tx.Order("version desc").Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return wordingRow{Synonyms: document[[]Synonym]{[]Synonym{}}}, err
	}
	return rows[0], nil
}

// lists are the synonyms as the index reads them.
func (w wordingRow) lists() [][]string {
	var out [][]string
	for _, s := range w.Synonyms.V {
		out = append(out, s.Words)
	}
	return out
}

// setSynonyms makes a new version of the tenant's synonyms. The same as before is no version.
func setSynonyms(tx *db.Tx, in []Synonym, check func(revision int64) error) (wordingRow, error) {
	var w wordingRow
	e, all := fault.Unprocessable.New(), 0
	for i, s := range in {
		seen := map[string]bool{}
		for k, word := range s.Words {
			f := fold(word)
			if seen[f] {
				e.At("/synonyms/"+strconv.Itoa(i)+"/words/"+strconv.Itoa(k), fault.Twice)
			}
			seen[f] = true
			all++
		}
	}
	if all > maxWordings {
		e.At("/synonyms", tooManyWords, "max", strconv.Itoa(maxWordings))
	}
	if len(e.Fields) > 0 {
		return w, e
	}
	// Who sets them at the same time waits here.
	if _, err := tx.Run(`select 1 from tenants where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, tx.Scope.Tenant); err != nil {
		return w, err
	}
	last, err := newestWording(tx)
	if err != nil {
		return w, err
	}
	if err := check(int64(last.Version)); err != nil {
		return w, err
	}
	if slices.EqualFunc(last.Synonyms.V, in, func(a, b Synonym) bool { return slices.Equal(a.Words, b.Words) }) {
		return last, nil
	}
	w = wordingRow{ID: uuid.Must(uuid.NewV7()), Version: last.Version + 1, Synonyms: document[[]Synonym]{in}}
	if err := db.Insert(tx, &w); err != nil {
		return w, err
	}
	return w, fact.Audit(tx, "matching_synonyms.set", id.TenantID(tx.Scope.Tenant), map[string]any{"version": w.Version, "synonyms": len(in), "words": all})
}
