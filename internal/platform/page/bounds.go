package page

import (
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Bounds say how a bound caller's rows are found, for callers of an employer and for those of an employee: in one way or in
// two, each a condition with @tenant, @organisation and @medewerker that an index serves.
//
// Row-level security is what decides, but it is a filter: without bounds a page passes over the rows of all others. So bounds
// may be wider than the policy and never narrower, which a test holds. The row type of a list tells them by a method Bounds.
type Bounds struct{ organisation, medewerker []way }

// way is one condition. few says that it leads to what one employee has, or to the caller's own row: some rows, among however many
// that changed.
type way struct {
	condition string
	few       bool
}

const theirEmployer = " = @organisation"

// OfEmployee bounds rows about one employee, by the columns of the employer and of the employee.
func OfEmployee(organisation, medewerker string) Bounds {
	return Bounds{[]way{{organisation + theirEmployer, false}}, []way{{medewerker + " = @medewerker", true}}}
}

// OfStaff bounds rows of an employer that its employees see too, by the column of the employer.
func OfStaff(organisation string) Bounds {
	ways := []way{{organisation + theirEmployer, organisation == "id"}}
	return Bounds{ways, ways}
}

// OfEmployer bounds rows of which employees see nothing, by the column of the employer.
func OfEmployer(organisation string) Bounds {
	return Bounds{[]way{{organisation + theirEmployer, false}}, nothing}
}

// OfPerson bounds rows that an employee sees and the employer does not, by a condition.
func OfPerson(theirs string) Bounds { return Bounds{nothing, []way{{theirs, true}}} }

// OfTenant bounds rows of which bound callers see nothing.
func OfTenant() Bounds { return Bounds{nothing, nothing} }

var nothing = []way{{"false", false}}

// OfPair bounds rows between two employers, by a condition on who guides the switcher: they work at the one that receives.
func OfPair(guides string) Bounds {
	return Bounds{
		organisation: []way{{"sending_organisation_id" + theirEmployer, false}, {"receiving_organisation_id" + theirEmployer, false}},
		medewerker:   []way{{"switcher_id = @medewerker", true}, {"receiving_organisation_id" + theirEmployer + " and " + guides, false}},
	}
}

// OfShared bounds an employer's rows of which everybody sees those with one status.
func OfShared(organisation, status string) Bounds {
	ways := []way{{organisation + theirEmployer, false}, {"status = '" + status + "'", false}}
	return Bounds{ways, ways}
}

// ways are those of a scope, none for who is not bound, and what they name.
func (b Bounds) ways(s db.Scope) (ways []way, named map[string]any) {
	switch s.Kind {
	case db.ScopeOrganisation:
		ways = b.organisation
	case db.ScopeMedewerker:
		ways = b.medewerker
	}
	return ways, map[string]any{"tenant": s.Tenant, "organisation": s.Organisation, "medewerker": s.Medewerker}
}

// bounded reads at most n rows of q in an order of which key is unique, of a sync those beyond a place. No index serves an OR in order,
// so each way is a query of its own that stops at n; a row that is found twice counts once.
//
// Of two places that it does not know the planner takes a two-hundredth of the table to lie between, so where that is fewer than
// somebody has it would read all that changed, to find some rows. So few rows are found first, and then sorted.
func bounded[Row any](tx *db.Tx, q *gorm.DB, beyond func(*gorm.DB) *gorm.DB, key, order string, n int) (rows []Row, err error) {
	var ways []way
	var named map[string]any
	if b, ok := any(*new(Row)).(interface{ Bounds() Bounds }); ok {
		ways, named = b.Bounds().ways(tx.Scope)
	}
	by := func(q *gorm.DB, w way) *gorm.DB {
		q = q.Where(clause.NamedExpr{SQL: w.condition, Vars: []any{named}})
		switch {
		case beyond == nil:
			return q
		case w.few:
			return beyond(tx.Table("(?) as few", q.Clauses(fence{})))
		}
		return beyond(q)
	}
	each := func(w way) *gorm.DB { return by(q.Session(&gorm.Session{}), w).Order(order).Clauses(atMost(n)) }
	switch len(ways) {
	case 1:
		q = by(q, ways[0])
	case 2:
		q = tx.Table("((?) union all (?)) as bounded", each(ways[0]), each(ways[1])).Select("distinct on (" + key + ") *")
	case 0:
		if beyond != nil {
			q = beyond(q)
		}
	default:
		panic("page: a row type has more than two ways")
	}
	return rows, q.Order(order).Clauses(atMost(n)).Find(&rows).Error
}

// atMost is a LIMIT in the text of a statement. As a parameter it is unknown when a prepared statement gets the plan that it
// keeps; PostgreSQL then plans for a tenth of all rows, and sorts them all for a page.
type atMost int

// Name is where the clause stands.
func (atMost) Name() string { return clause.Limit{}.Name() }

// Build writes the clause.
func (n atMost) Build(b clause.Builder) { _, _ = b.WriteString("LIMIT " + strconv.Itoa(int(n))) }

// MergeClause puts it in its place.
func (n atMost) MergeClause(c *clause.Clause) { c.Name, c.Expression = "", n }

// fence keeps what finds rows apart from what goes on with them: the planner moves nothing over an OFFSET.
type fence struct{}

// Name is where the clause stands.
func (fence) Name() string { return clause.Limit{}.Name() }

// Build writes the clause.
func (fence) Build(b clause.Builder) { _, _ = b.WriteString("OFFSET 0") }

// MergeClause puts it in its place.
func (fence) MergeClause(c *clause.Clause) { c.Name, c.Expression = "", fence{} }
