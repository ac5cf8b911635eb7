package fact

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var (
	timeType  = reflect.TypeFor[time.Time]()
	dateType  = reflect.TypeFor[day.Date]()
	hoursType = reflect.TypeFor[hours.Hours]()
)

// typed is an id of ours.
type typed interface{ Format() string }

var typedType = reflect.TypeFor[typed]()

// freeText says what in the data of a fact could hold a person's words: a string that is neither one of a list nor a
// link of ours.
func freeText(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return "its data is no struct"
	}
	for i := range t.NumField() {
		f := t.Field(i)
		e := f.Type
		for e.Kind() == reflect.Pointer || e.Kind() == reflect.Slice {
			e = e.Elem()
		}
		switch {
		case e == timeType || e == dateType || e == hoursType || e.Implements(typedType):
		case e.Kind() == reflect.Bool || e.Kind() == reflect.Int || e.Kind() == reflect.Int64:
		case e.Kind() == reflect.String && (f.Tag.Get("enums") != "" || f.Tag.Get("format") == "uri"):
		case e.Kind() == reflect.Struct:
			if why := freeText(e); why != "" {
				return why
			}
		default:
			return f.Name + " could hold free text"
		}
		if f.Tag.Get("json") == "" {
			return f.Name + " has no name on the wire"
		}
	}
	return ""
}

// Schema is the JSON Schema (draft 2020-12) of the data of this type of fact.
func (t *Type) Schema() json.RawMessage {
	s := schemaOf(reflect.TypeOf(t.example))
	p := s["properties"].(map[string]any)
	p["tenant_id"] = pattern("ten")
	p["subject_id"] = map[string]any{"type": "string", "description": "The id of what the fact is about."}
	p["revision"] = map[string]any{"type": "integer", "description": "Of the subject; ignore a fact with a lower one than you know."}
	p["organisation_ids"] = map[string]any{"type": "array", "items": pattern("org"), "description": "The employers concerned."}
	p["external_ids"] = map[string]any{"type": "array", "description": "What your own systems call the subject.", "items": map[string]any{
		"type": "object", "required": []string{"system", "value"}, "properties": map[string]any{
			"system": map[string]any{"type": "string"}, "value": map[string]any{"type": "string"}}}}
	s["required"] = append([]string{"tenant_id", "subject_id", "revision", "organisation_ids", "external_ids"}, s["required"].([]string)...)
	s["title"], s["description"], s["x-version"] = t.Name, t.Doc, t.Version
	return mustMarshal(s)
}

// Has reports whether the data of this type of fact has a member that can be compared: a scalar, or a list of them. The path
// leads to it through objects. external_ids are none: each recipient has its own.
func (t *Type) Has(path ...string) bool {
	type node struct {
		Type       any
		Properties map[string]node
		Items      *node
	}
	var n node
	if err := json.Unmarshal(t.Schema(), &n); err != nil || len(path) == 0 || path[0] == "external_ids" {
		return false
	}
	for _, p := range path {
		next, ok := n.Properties[p]
		if !ok {
			return false
		}
		n = next
	}
	if n.Items != nil {
		n = *n.Items
	}
	return n.Properties == nil && n.Items == nil
}

// Example is the data of an example of this type of fact.
func (t *Type) Example() json.RawMessage {
	v := exampleOf(reflect.TypeOf(t.example)).(map[string]any)
	v["tenant_id"] = "ten_01jd8m5x9nf3tvhg5w6rkz2c4q"
	v["subject_id"] = t.prefix() + "_01jd8m5x9nf3tvhg5w6rkz2c4q"
	v["revision"], v["organisation_ids"] = 1, []string{"org_01jd8m5x9nf3tvhg5w6rkz2c4q"}
	v["external_ids"] = []any{map[string]any{"system": "sdworx", "value": "12345"}}
	return mustMarshal(v)
}

// nobody is the subject of an example: nothing has its id.
type nobody struct {
	id     uuid.UUID
	prefix string
}

func (n nobody) String() string  { return id.Text(n.prefix, n.id) }
func (n nobody) UUID() uuid.UUID { return n.id }

// RecordExample records the example of this type of fact, about something that does not exist, as if it had happened, and
// returns its subject. It is for tenants in which nothing is real.
func (t *Type) RecordExample(tx *db.Tx, organisations []id.OrganisationID) (subject uuid.UUID, err error) {
	if t.prefix() == "" {
		return subject, fmt.Errorf("fact: nobody knows what %s is about", t.Name)
	}
	data := reflect.New(reflect.TypeOf(t.example))
	if err := json.Unmarshal(mustMarshal(exampleOf(data.Type().Elem())), data.Interface()); err != nil {
		return subject, fmt.Errorf("fact: the example of %s: %w", t.Name, err)
	}
	n := nobody{uuid.Must(uuid.NewV7()), t.prefix()}
	return n.id, t.Record(tx, Event{Subject: n, Revision: 1, Organisations: organisations, Data: data.Elem().Interface()})
}

// subjects are what facts of each noun are about.
var subjects = map[string]fmt.Stringer{"tenant": id.TenantID{}, "organisation": id.OrganisationID{}, "medewerker": id.MedewerkerID{}, "leervraag": id.LeervraagID{},
	"leerplek": id.LeerplekID{}, "cohort": id.CohortID{}, "matching_run": id.MatchingRunID{}, "match": id.MatchID{}, "leeruitwisseling": id.LeeruitwisselingID{},
	"kennismakingsgesprek": id.LeeruitwisselingID{}, "opleidingsregistratie": id.RegistratieID{}, "survey": id.SurveyID{}, "leerbewijs": id.LeerbewijsID{},
	"webhook_endpoint": id.EndpointID{}, "client": id.ClientID{}}

// prefix is what the ids of the subjects begin with: nothing where nobody knows what they are, which a test refuses. Those who mirror
// facts look subjects up by it, so one of something else would be worse than none.
func (t *Type) prefix() string {
	subject := subjects[t.Noun()]
	if subject == nil {
		return ""
	}
	p, _, _ := strings.Cut(subject.String(), "_")
	return p
}

// places are where subjects can be read, by noun.
var places = map[string]string{"tenant": "/v1/tenant", "organisation": "/v1/organisations/:id", "medewerker": "/v1/medewerkers/:id",
	"leervraag": "/v1/leervragen/:id", "leerplek": "/v1/leerplekken/:id", "match": "/v1/matches/:id", "leeruitwisseling": "/v1/leeruitwisselingen/:id",
	"kennismakingsgesprek": "/v1/leeruitwisselingen/:id", "opleidingsregistratie": "/v1/opleidingsregistraties/:id", "survey": "/v1/surveys/:id",
	"leerbewijs": "/v1/leerbewijzen/:id", "webhook_endpoint": "/v1/webhook-endpoints/:id", "client": "/v1/clients/:id",
	"cohort": "/v1/cohorten/:id", "matching_run": "/v1/matching-runs/:id"}

// Places are where the subjects of facts can be read, by noun: paths as routes write them.
func Places() map[string]string { return maps.Clone(places) }

// idMembers are the members of the data of a fact that hold ids of ours, or links.
func idMembers(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		e := f.Type
		for e.Kind() == reflect.Pointer || e.Kind() == reflect.Slice {
			e = e.Elem()
		}
		if e != timeType && e != dateType && e != hoursType && e.Implements(typedType) || f.Tag.Get("format") == "uri" {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out = append(out, name)
		}
	}
	return out
}

func pattern(prefix string) map[string]any {
	return map[string]any{"type": "string", "pattern": "^" + prefix + "_[0-7][0-9a-hjkmnp-tv-z]{25}$"}
}

func schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == dateType:
		return map[string]any{"type": "string", "format": "date"}
	case t == hoursType:
		return map[string]any{"type": "number", "multipleOf": 0.01}
	case t.Kind() != reflect.Pointer && t.Implements(typedType):
		text := exampleOf(t).(string)
		return pattern(text[:3])
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := schemaOf(t.Elem())
		s["type"] = []any{s["type"], "null"}
		return s
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.String:
		return map[string]any{"type": "string"}
	}
	props, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		s := schemaOf(f.Type)
		if d := f.Tag.Get("doc"); d != "" {
			s["description"] = d
		}
		if e := f.Tag.Get("enums"); e != "" {
			values := []any{}
			for v := range strings.SplitSeq(e, ",") {
				values = append(values, v)
			}
			if f.Type.Kind() == reflect.Pointer {
				values = append(values, nil)
			}
			if f.Type.Kind() == reflect.Slice {
				s["items"].(map[string]any)["enum"] = values
			} else {
				s["enum"] = values
			}
		}
		if f.Tag.Get("format") == "uri" {
			s["format"] = "uri"
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		props[name] = s
		required = append(required, name)
	}
	return map[string]any{"type": "object", "properties": props, "required": required}
}

func exampleOf(t reflect.Type) any {
	switch {
	case t == timeType:
		return "2027-01-11T08:00:00Z"
	case t == dateType:
		return "2027-01-11"
	case t == hoursType:
		return 7
	case t.Kind() != reflect.Pointer && t.Implements(typedType):
		text := reflect.New(t).Elem().Interface().(interface{ String() string }).String()
		return text[:4] + "01jd8m5x9nf3tvhg5w6rkz2c4q"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return exampleOf(t.Elem())
	case reflect.Slice:
		return []any{exampleOf(t.Elem())}
	case reflect.Bool:
		return true
	case reflect.Int, reflect.Int64:
		return 1
	case reflect.String:
		return ""
	}
	v := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		v[name] = exampleOf(f.Type)
		if e, _, _ := strings.Cut(f.Tag.Get("enums"), ","); e != "" {
			v[name] = e
			if f.Type.Kind() == reflect.Slice {
				v[name] = []any{e}
			}
		}
		if e, ok := f.Tag.Lookup("example"); ok {
			v[name] = e
			if n, err := strconv.Atoi(e); err == nil && f.Type.Kind() != reflect.String {
				v[name] = n
			}
		}
	}
	return v
}

func mustMarshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return b
}
