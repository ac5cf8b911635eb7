package db

import (
	"database/sql/driver"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// plain is SQL with PostgreSQL's placeholders, as gorm wrote it once. It is the same for all arguments that take one place.
type plain struct {
	sql    string
	places int      // of positional arguments
	names  []string // by place, of those in a map
	given  int      // how many the map held
}

var (
	plains    sync.Map // SQL as it stands in the code → *plain
	manyPlain atomic.Int32
)

// maxPlain bounds what is remembered: SQL stands in the code, and what little is put together has few forms.
const maxPlain = 2000

// sql is plain SQL with its arguments, in PostgreSQL's own placeholders.
func (tx *Tx) sql(query string, args []any) (string, []any, error) {
	if p, ok := plains.Load(query); ok {
		if vars, ok := p.(*plain).lay(args); ok {
			return p.(*plain).sql, vars, nil
		}
	}
	raw := tx.Raw(query, args...)
	sql, vars, err := raw.Statement.SQL.String(), raw.Statement.Vars, raw.Error
	if err == nil && manyPlain.Load() < maxPlain {
		if p := tx.learn(query, sql, args, vars); p != nil {
			if _, known := plains.LoadOrStore(query, p); !known {
				manyPlain.Add(1)
			}
		}
	}
	return sql, vars, err
}

// learn finds which argument stands in which place; nil when that is not the same for others.
func (tx *Tx) learn(query, sql string, args, vars []any) *plain {
	p := &plain{sql: sql}
	if named, ok := one(args); ok {
		names := make(map[string]any, len(named))
		for name := range named {
			names[name] = name
		}
		for _, name := range tx.Raw(query, names).Statement.Vars {
			p.names = append(p.names, name.(string))
		}
		p.given = len(named)
	} else if strings.Contains(query, "@") {
		return nil
	} else {
		p.places = len(args)
	}
	if again, ok := p.lay(args); !ok || len(again) != len(vars) {
		return nil
	}
	return p
}

// one is the only argument, if it holds them all by name.
func one(args []any) (map[string]any, bool) {
	if len(args) != 1 {
		return nil, false
	}
	named, ok := args[0].(map[string]any)
	return named, ok
}

// lay puts arguments in their places, in a slice of its own, unless one of them takes another number of places than one.
func (p *plain) lay(args []any) ([]any, bool) {
	if p.given == 0 {
		if len(args) != p.places {
			return nil, false
		}
		vars := make([]any, len(args))
		for i, a := range args {
			if !single(a) {
				return nil, false
			}
			vars[i] = a
		}
		return vars, true
	}
	named, ok := one(args)
	if !ok || len(named) != p.given {
		return nil, false
	}
	vars := make([]any, len(p.names))
	for i, name := range p.names {
		a, ok := named[name]
		if !ok || !single(a) {
			return nil, false
		}
		vars[i] = a
	}
	return vars, true
}

// single reports whether an argument is sure to take one place: lists and what writes SQL of its own do not.
func single(a any) bool {
	switch a.(type) {
	case nil, string, int, int64, bool, float64, time.Time, uuid.UUID, *string:
		return true
	case gorm.Valuer, clause.Expression, clause.Interface, *gorm.DB:
		return false
	case driver.Valuer:
		return true
	}
	k := reflect.TypeOf(a).Kind()
	return k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String || k == reflect.Pointer
}
