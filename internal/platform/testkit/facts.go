package testkit

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"

	"github.com/switchingtalent/switchboard/internal/platform/fact"
)

var schemas sync.Map // type of fact → func() (*jsonschema.Schema, error)

func schemaOf(name string) (*jsonschema.Schema, error) {
	made, _ := schemas.LoadOrStore(name, sync.OnceValues(func() (*jsonschema.Schema, error) {
		t := fact.Lookup(name)
		if t == nil {
			return nil, fmt.Errorf("no type of fact is called %s", name)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.Schema()))
		if err != nil {
			return nil, err
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(name, doc); err != nil {
			return nil, err
		}
		return c.Compile(name)
	}))
	return made.(func() (*jsonschema.Schema, error))()
}

// factsFit holds every fact that a test made true to the schema that is published for its type, once the test is over. What
// a test wrote past the program (by the actor test) is its own, and so is a database that it ended.
func (w *World) factsFit() {
	ctx := context.Background()
	rows, err := w.Super.Query(ctx, `select type, data, external_ids from events where tenant_id = $1 and actor <> 'test'`, w.Tenant.UUID())
	if err != nil {
		return
	}
	var (
		name           string
		data, external []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &data, &external}, func() error {
		told, err := fact.Data(data, external, nil)
		if err != nil {
			return err
		}
		schema, err := schemaOf(name)
		if err != nil {
			return err
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(told))
		if err != nil {
			return err
		}
		assert.NoError(w.T, schema.Validate(v), "%s: %s", name, told)
		return nil
	})
	if w.Super.Ping(ctx) == nil {
		assert.NoError(w.T, err)
	}
}
