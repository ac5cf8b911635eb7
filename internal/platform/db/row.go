package db

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Row is what every row of a noun carries besides its own members. Create and Change fill it; nobody else does.
type Row struct {
	TenantID   id.TenantID `gorm:"primaryKey"`
	Revision   int64       // +1 for each real change
	CreatedAt  time.Time   `gorm:"autoCreateTime:false"`
	UpdatedAt  time.Time   `gorm:"autoUpdateTime:false"`
	ChangedBy  string      // the actor of the last change
	OnBehalfOf *string
	RequestID  string // the request of the last change
	Pos        int64  `gorm:"->"` // where the last change stands in the order of changes
}

// registerCallbacks makes gorm fill in and filter by the tenant, so that code is kept to one tenant before the
// database is.
func registerCallbacks(g *gorm.DB) error {
	filter := func(d *gorm.DB) {
		if d.Error != nil || d.Statement.Schema == nil {
			return
		}
		f := d.Statement.Schema.LookUpField("TenantID")
		tx, ok := transactionOf(d)
		if f == nil {
			return
		}
		if !ok {
			_ = d.AddError(errNoScope)
			return
		}
		d.Statement.AddClause(clause.Where{Exprs: []clause.Expression{
			clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: f.DBName}, Value: tx.Scope.Tenant}}})
	}
	fill := func(d *gorm.DB) {
		if d.Error != nil || d.Statement.Schema == nil {
			return
		}
		tx, ok := transactionOf(d)
		if !ok {
			_ = d.AddError(errNoScope)
			return
		}
		set := func(rv reflect.Value) {
			for name, v := range map[string]any{"TenantID": tx.TenantID(), "Revision": int64(1), "CreatedAt": tx.Now,
				"UpdatedAt": tx.Now, "ChangedBy": tx.Actor, "OnBehalfOf": tx.OnBehalfOf, "RequestID": tx.RequestID} {
				if f := d.Statement.Schema.LookUpField(name); f != nil {
					_ = d.AddError(f.Set(d.Statement.Context, rv, v))
				}
			}
		}
		switch rv := d.Statement.ReflectValue; rv.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range rv.Len() {
				set(reflect.Indirect(rv.Index(i)))
			}
		case reflect.Struct:
			set(rv)
		}
	}
	return errors.Join(
		g.Callback().Query().Replace("gorm:query", query),
		g.Callback().Create().Before("gorm:create").Register("switchboard:fill", fill),
		g.Callback().Query().Before("gorm:query").Register("switchboard:filter", filter),
		g.Callback().Row().Before("gorm:row").Register("switchboard:filter", filter),
		g.Callback().Update().Before("gorm:update").Register("switchboard:filter", filter),
		g.Callback().Delete().Before("gorm:delete").Register("switchboard:filter", filter),
	)
}

// query reads rows for gorm into what it was given.
func query(d *gorm.DB) {
	if d.Error != nil {
		return
	}
	callbacks.BuildQuerySQL(d)
	tx, ok := transactionOf(d)
	if !ok {
		_ = d.AddError(errNoScope)
	}
	if d.DryRun || d.Error != nil {
		return
	}
	r, err := tx.query(d.Statement.Context, d.Statement.SQL.String(), d.Statement.Vars)
	if err == nil {
		d.RowsAffected, err = r.into(d.Statement.Dest)
	}
	if err == nil && d.RowsAffected == 0 && d.Statement.RaiseErrorOnNotFound {
		err = gorm.ErrRecordNotFound
	}
	_ = d.AddError(err)
}

func transactionOf(d *gorm.DB) (*Tx, bool) {
	l, _ := d.Statement.ConnPool.(link)
	return l.tx, l.tx != nil
}

// Get reads the row with this id, or returns fault.Missing: absent, another tenant's and out of reach are the same.
func Get[T any, ID any](tx *Tx, rowID ID) (T, error) { return get[T](tx, rowID, "") }

// GetOr is Get, and where no row has the id it reads the one that another statement finds. In single mode that is a second
// round trip, which sees a later state: it is for what a row may have become in between, and never was before.
func GetOr[T any, ID any](tx *Tx, rowID ID, query string, args ...any) (T, error) {
	row, err := Get[T](tx, rowID)
	if fault.Missing.Is(err) {
		tx.spent = false
		err = One(tx, &row, query, args...)
	}
	return row, err
}

// Lock is Get, and keeps the row from changing until the transaction ends: what every change of state does first.
func Lock[T any, ID any](tx *Tx, rowID ID) (T, error) { return get[T](tx, rowID, " for no key update") }

func get[T any](tx *Tx, rowID any, locking string) (row T, err error) {
	l, err := layoutOf(reflect.TypeFor[T]())
	if err != nil {
		return row, err
	}
	args := arguments([]any{tx.Scope.Tenant, rowID})
	n, err := int64(0), errAlone
	if tx.asksTogether() && locking == "" {
		together := new(T)
		if n, err = tx.db.trips.ask(tx.ctx, tx.Scope, l, args, together); err == nil {
			row = *together
		}
		tx.spent = !errors.Is(err, errAlone)
	}
	if errors.Is(err, errAlone) {
		var r *cursor
		if r, err = tx.query(tx.ctx, l.get+locking, slices.Clone(args)); err == nil { // a trip that takes long may still hold the others
			n, err = r.into(&row)
		}
	}
	if err == nil && n == 0 {
		err = fault.Missing.New()
	}
	return row, err
}

// asksTogether reports whether a question may ride along: in single mode, by somebody who does not say until when.
func (tx *Tx) asksTogether() bool {
	if tx.conn != nil || tx.spent || tx.db.trips == nil || tx.Scope.check() != nil {
		return false
	}
	_, deadline := tx.ctx.Deadline()
	return !deadline
}

// Missing turns gorm's word for a row that is not there into fault.Missing.
func Missing(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.Missing.New()
	}
	return err
}

// own is the part of a row that Insert and Change fill.
func (r *Row) own() *Row { return r }

// Insert writes a new row, as Later does; it fills the row's tenant, revision and times.
func Insert[T any](tx *Tx, row *T) error {
	r, ok := any(row).(interface{ own() *Row })
	l, err := layoutOf(reflect.TypeFor[T]())
	if err != nil || !ok {
		return errors.Join(err, tx.Create(row).Error)
	}
	r.own().stamp(tx, 1)
	r.own().TenantID, r.own().CreatedAt = tx.TenantID(), tx.Now
	args := make([]any, len(l.writes))
	v := reflect.ValueOf(row).Elem()
	for i, at := range l.writes {
		args[i] = v.FieldByIndex(l.members[at].index).Interface()
	}
	return tx.queue(l.insert, args)
}

// stamp says who changed a row, and when.
func (r *Row) stamp(tx *Tx, revision int64) {
	r.Revision, r.UpdatedAt, r.ChangedBy, r.OnBehalfOf, r.RequestID = revision, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID
}

// Change writes what differs between before and after, which hold the same row, and reports whether anything did.
// Where nothing differs nothing is written: no revision, no time, no fact.
func Change[T any](tx *Tx, before T, after *T) (bool, error) {
	l, err := layoutOf(reflect.TypeFor[T]())
	if err != nil {
		return false, err
	}
	row, ok := any(after).(interface{ own() *Row })
	if !ok {
		return false, fmt.Errorf("db: a %T is no row", before)
	}
	old, new := reflect.ValueOf(before), reflect.ValueOf(after).Elem()
	var set []string
	var args []any
	var rowID any
	changed := false
	for _, m := range l.members {
		b := new.FieldByIndex(m.index).Interface()
		switch m.name {
		case "TenantID", "Revision", "CreatedAt", "UpdatedAt", "ChangedBy", "OnBehalfOf", "RequestID", "Pos":
		case "ID":
			rowID = b
		default:
			if same(old.FieldByIndex(m.index).Interface(), b) {
				continue
			}
			changed = true // also what is kept in another table
			if m.write {
				args = append(args, b)
				set = append(set, fmt.Sprintf("%q = $%d", m.column, len(args)))
			}
		}
	}
	if !changed {
		return false, nil
	}
	r := row.own()
	was := any(&before).(interface{ own() *Row }).own().Revision
	r.stamp(tx, was+1)
	n := len(args)
	for k, name := range []string{"revision", "updated_at", "changed_by", "on_behalf_of", "request_id"} {
		set = append(set, fmt.Sprintf("%s = $%d", name, n+k+1))
	}
	args = append(args, r.Revision, r.UpdatedAt, r.ChangedBy, r.OnBehalfOf, r.RequestID, tx.Scope.Tenant, rowID, was)
	touched, err := tx.exec(tx.ctx, fmt.Sprintf("update %q set %s where tenant_id = $%d and id = $%d and revision = $%d",
		l.table, strings.Join(set, ", "), n+6, n+7, n+8), args)
	if err == nil && touched != 1 {
		return false, fmt.Errorf("db: %s changed under us; lock it first", l.table)
	}
	return true, err
}

func same(a, b any) bool {
	ta, ok := a.(time.Time)
	tb, ok2 := b.(time.Time)
	if ok && ok2 {
		return ta.Equal(tb)
	}
	if pa, ok := a.(*time.Time); ok {
		pb, _ := b.(*time.Time)
		return (pa == nil) == (pb == nil) && (pa == nil || pa.Equal(*pb))
	}
	if va, vb := reflect.ValueOf(a), reflect.ValueOf(b); va.IsValid() && vb.IsValid() && va.Kind() == reflect.Slice && va.Len() == 0 && vb.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}
