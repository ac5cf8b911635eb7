package db

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm"
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

const txKey = "switchboard:tx"

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
		g.Callback().Create().Before("gorm:create").Register("switchboard:fill", fill),
		g.Callback().Query().Before("gorm:query").Register("switchboard:filter", filter),
		g.Callback().Row().Before("gorm:row").Register("switchboard:filter", filter),
		g.Callback().Update().Before("gorm:update").Register("switchboard:filter", filter),
		g.Callback().Delete().Before("gorm:delete").Register("switchboard:filter", filter),
	)
}

func transactionOf(d *gorm.DB) (*Tx, bool) {
	v, _ := d.Get(txKey)
	tx, ok := v.(*Tx)
	return tx, ok
}

// Get reads the row with this id, or returns fault.Missing: absent, another tenant's and out of reach are the same.
func Get[T any, ID any](tx *Tx, rowID ID) (T, error) {
	var row T
	return row, Missing(tx.Where("id = ?", rowID).Take(&row).Error)
}

// Lock is Get, and keeps the row from changing until the transaction ends: what every change of state does first.
func Lock[T any, ID any](tx *Tx, rowID ID) (T, error) {
	var row T
	return row, Missing(tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", rowID).Take(&row).Error)
}

// Missing turns gorm's word for a row that is not there into fault.Missing.
func Missing(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.Missing.New()
	}
	return err
}

// Insert writes a new row; it fills the row's tenant, revision and times.
func Insert[T any](tx *Tx, row *T) error { return tx.Create(row).Error }

// Change writes what differs between before and after, which hold the same row, and reports whether anything did.
// Where nothing differs nothing is written: no revision, no time, no fact.
func Change[T any](tx *Tx, before T, after *T) (bool, error) {
	stmt := &gorm.Statement{DB: tx.DB}
	if err := stmt.Parse(after); err != nil {
		return false, err
	}
	old, new := reflect.ValueOf(before), reflect.ValueOf(after).Elem()
	set := map[string]any{}
	var rowID any
	ctx := tx.Statement.Context
	for _, f := range stmt.Schema.Fields {
		if f.DBName == "" {
			continue
		}
		switch f.Name {
		case "TenantID", "Revision", "CreatedAt", "UpdatedAt", "ChangedBy", "OnBehalfOf", "RequestID", "Pos":
			continue
		case "ID":
			rowID, _ = f.ValueOf(ctx, old)
			continue
		}
		a, _ := f.ValueOf(ctx, old)
		b, _ := f.ValueOf(ctx, new)
		if !same(a, b) {
			set[f.DBName] = b
		}
	}
	if len(set) == 0 {
		return false, nil
	}
	revisionField := stmt.Schema.LookUpField("Revision")
	r, _ := revisionField.ValueOf(ctx, old)
	revision := r.(int64) + 1
	for name, v := range map[string]any{"Revision": revision, "UpdatedAt": tx.Now, "ChangedBy": tx.Actor,
		"OnBehalfOf": tx.OnBehalfOf, "RequestID": tx.RequestID} {
		f := stmt.Schema.LookUpField(name)
		if err := f.Set(ctx, new, v); err != nil {
			return false, err
		}
		set[f.DBName] = v
	}
	u := tx.Model(new.Addr().Interface()).Where("id = ? AND revision = ?", rowID, r).Omit(clause.Associations).Updates(set)
	if u.Error == nil && u.RowsAffected != 1 {
		return false, fmt.Errorf("db: %s changed under us; lock it first", stmt.Schema.Table)
	}
	return true, u.Error
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
