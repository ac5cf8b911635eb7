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
type Bounds struct{ Organisation, Medewerker []string }

const theirEmployer = " = @organisation"

// OfEmployee bounds rows about one employee, by the columns of the employer and of the employee.
func OfEmployee(organisation, medewerker string) Bounds {
	return Bounds{[]string{organisation + theirEmployer}, []string{medewerker + " = @medewerker"}}
}

// OfStaff bounds rows of an employer that its employees see too, by the column of the employer.
func OfStaff(organisation string) Bounds {
	return Bounds{[]string{organisation + theirEmployer}, []string{organisation + theirEmployer}}
}

// OfEmployer bounds rows of which employees see nothing, by the column of the employer.
func OfEmployer(organisation string) Bounds {
	return Bounds{[]string{organisation + theirEmployer}, []string{"false"}}
}

// OfPerson bounds rows that an employee sees and the employer does not, by a condition.
func OfPerson(theirs string) Bounds { return Bounds{[]string{"false"}, []string{theirs}} }

// OfTenant bounds rows of which bound callers see nothing.
func OfTenant() Bounds { return Bounds{[]string{"false"}, []string{"false"}} }

// OfPair bounds rows between two employers, by a condition on who guides the switcher: they work at the one that receives.
func OfPair(guides string) Bounds {
	return Bounds{
		Organisation: []string{"sending_organisation_id" + theirEmployer, "receiving_organisation_id" + theirEmployer},
		Medewerker:   []string{"switcher_id = @medewerker", "receiving_organisation_id" + theirEmployer + " and " + guides},
	}
}

// OfShared bounds an employer's rows of which everybody sees those with one status.
func OfShared(organisation, status string) Bounds {
	ways := []string{organisation + theirEmployer, "status = '" + status + "'"}
	return Bounds{ways, ways}
}

// Ways are those of a scope, none for who is not bound, and what they name.
func (b Bounds) Ways(s db.Scope) (ways []string, named map[string]any) {
	switch s.Kind {
	case db.ScopeOrganisation:
		ways = b.Organisation
	case db.ScopeMedewerker:
		ways = b.Medewerker
	}
	return ways, map[string]any{"tenant": s.Tenant, "organisation": s.Organisation, "medewerker": s.Medewerker}
}

// bounded reads at most n rows of q in an order of which key is unique. No index serves an OR in order, so each way is a
// query of its own that stops at n; a row that is found twice counts once.
func bounded[Row any](tx *db.Tx, q *gorm.DB, key, order string, n int) (rows []Row, err error) {
	var ways []string
	var named map[string]any
	if b, ok := any(*new(Row)).(interface{ Bounds() Bounds }); ok {
		ways, named = b.Bounds().Ways(tx.Scope)
	}
	by := func(q *gorm.DB, way string) *gorm.DB { return q.Where(clause.NamedExpr{SQL: way, Vars: []any{named}}) }
	each := func(way string) *gorm.DB { return by(q.Session(&gorm.Session{}), way).Order(order).Clauses(atMost(n)) }
	switch len(ways) {
	case 1:
		q = by(q, ways[0])
	case 2:
		q = tx.Table("((?) union all (?)) as bounded", each(ways[0]), each(ways[1])).Select("distinct on (" + key + ") *")
	case 0:
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
