package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// schemaWords are the words of a parameter of Swagger 2.0 that belong in a schema of 3.1.
var schemaWords = []string{"type", "format", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern",
	"minItems", "maxItems", "uniqueItems", "multipleOf", "items", "example", "x-nullable", "x-prefix", "x-example", "x-pattern", "x-max-items"}

// pathItems converts all operations and holds them to the routes, both ways.
func (f *finisher) pathItems(in object) object {
	routes := map[string]Operation{}
	for _, op := range f.in.Operations {
		routes[op.Method+" "+op.Path] = op
	}
	ids := map[string]string{}
	out := object{}
	for _, path := range sorted(in) {
		item := object{}
		for _, method := range sorted(obj(in[path])) {
			route := strings.ToUpper(method) + " " + path
			op, ok := routes[route]
			if !ok {
				f.fail("%s: documented, but not among the routes", route)
				continue
			}
			delete(routes, route)
			o := f.operation(route, op, obj(obj(in[path])[method]))
			if id, _ := o["operationId"].(string); ids[id] != "" {
				f.fail("%s: @ID %s is that of %s too", route, id, ids[id])
			} else {
				ids[id] = route
			}
			item[method] = o
		}
		out[path] = item
	}
	for _, op := range f.in.Operations {
		if _, left := routes[op.Method+" "+op.Path]; left {
			f.fail("%s %s: a route without a document; its handler needs @Router %s [%s]", op.Method, op.Path, op.Path, strings.ToLower(op.Method))
		}
	}
	return out
}

func (f *finisher) operation(route string, op Operation, in object) object {
	id, _ := in["operationId"].(string)
	if !verbNoun.MatchString(id) {
		f.fail("%s: @ID %q is not a verb and a noun like getLeervraag", route, id)
	}
	if op.ID != "" && op.ID != id {
		f.fail("%s: @ID is %s, the route says %s", route, id, op.ID)
	}
	summary, _ := in["summary"].(string)
	if summary == "" {
		f.fail("%s: needs a @Summary", route)
	}
	if len(list(in["tags"])) != 1 {
		f.fail("%s: needs exactly one of @Tags, its noun", route)
	}
	out := object{"operationId": id, "summary": summary, "tags": list(in["tags"])}
	description, _ := in["description"].(string)
	put(out, "description", strings.TrimSpace(description+"\n\n"+needs(op)))
	if in["deprecated"] == true {
		out["deprecated"] = true
	}
	f.security(route, op, out)
	params := f.operationParameters(route, op, in, out)
	if len(params) > 0 {
		out["parameters"] = params
	}
	out["responses"] = f.operationResponses(route, op, in)
	return out
}

// needs says in words what a caller must hold.
func needs(op Operation) string {
	switch {
	case op.Public:
		return ""
	case !strings.Contains(op.Permission, ":"):
		return "Any valid token will do."
	case len(op.Roles) == 0:
		return "Needs `" + op.Permission + "`."
	}
	return "Needs `" + op.Permission + "`, which these roles hold: " + strings.Join(op.Roles, ", ") + "."
}

func (f *finisher) security(route string, op Operation, out object) {
	if op.Public {
		out["security"] = []any{}
		return
	}
	scopes := op.Scopes
	if len(scopes) == 0 && strings.Contains(op.Permission, ":") {
		scopes = []string{op.Permission}
	}
	for _, s := range scopes {
		if f.in.Permissions[s] == "" {
			f.fail("%s: scope %s is not among the permissions", route, s)
		}
	}
	out["security"] = []any{object{oauth2: anys(scopes)}, object{bearerAuth: []any{}}}
}

// operationParameters converts path, query and header parameters, makes the request body of what remains, and adds the
// headers that every caller may send.
func (f *finisher) operationParameters(route string, op Operation, in, out object) []any {
	var params []any
	var form []object
	inPath := map[string]bool{}
	for _, part := range strings.Split(op.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			inPath[strings.TrimSuffix(name, "}")] = true
		}
	}
	for _, v := range list(in["parameters"]) {
		p := obj(v)
		name, _ := p["name"].(string)
		switch p["in"] {
		case "body":
			body := object{"required": p["required"] == true, "content": object{}}
			put(body, "description", fmt.Sprint(p["description"]))
			schema := f.schema(route, "", obj(p["schema"]))
			// A PUT by external id merges too: only what it makes must be whole.
			if op.Method == http.MethodPatch || op.Method == http.MethodPut && strings.Contains(op.Path, "/by-external-id/") {
				f.patch(route, schema)
			}
			for _, m := range consumes(op, in) {
				if m != formType { // what a form looks like is said by its fields
					obj(body["content"])[m] = object{"schema": clone(schema)}
				}
			}
			out["requestBody"] = body
			continue
		case "formData":
			form = append(form, p)
			continue
		case "path":
			delete(inPath, name)
		case "query":
			if shared := sharedList[name]; shared != "" && (op.List || op.Sync) {
				params = append(params, ref("parameters", shared))
				continue
			}
			if name == "sort" && p["description"] == nil {
				p["description"] = "The order of the rows; - before a name turns it round."
			}
		case "header":
			if slices.Contains([]string{"If-Match", "Idempotency-Key", "Accept-Language"}, name) {
				continue // said below, by rule
			}
		}
		params = append(params, f.parameter(route, name, p))
	}
	for _, name := range sortedSet(inPath) {
		f.fail("%s: the path's %s has no document: @Param %s path string true \"…\" example(…); swag drops one of another type", route, name, name)
	}
	if form != nil {
		f.form(route, in, out, form)
	}
	if op.Idempotent {
		params = append(params, ref("parameters", "IdempotencyKey"))
	}
	switch {
	case op.IfMatch == "required":
		params = append(params, ref("parameters", "IfMatchRequired"))
	case op.IfMatch != "":
		params = append(params, ref("parameters", "IfMatch"))
	}
	return append(params, ref("parameters", "AcceptLanguage"))
}

// patch makes every member of a merge patch optional (RFC 7396): absent means as it was. What other requests use too
// gets a form of its own for this.
func (f *finisher) patch(route string, schema object) {
	name, ok := strings.CutPrefix(fmt.Sprint(schema["$ref"]), schemaRef)
	if !ok {
		f.fail("%s: a merge patch needs a named type", route)
		return
	}
	patched := strings.TrimSuffix(name, "Patch") + "Patch"
	if patched != name && f.base[patched] != nil && !f.patches[patched] {
		f.fail("schema %s: the merge patch of %s would be called that too", patched, name)
	}
	s := clone(f.base[name]).(object)
	delete(s, "required")
	for _, m := range obj(s["properties"]) {
		delete(obj(m), "default")
	}
	f.base[patched], f.order[patched], f.patches[patched] = s, f.order[name], true
	schema["$ref"] = schemaRef + patched
}

func (f *finisher) parameter(route, name string, p object) object {
	where := route + " ?" + name
	words := object{}
	for _, k := range schemaWords {
		if v, ok := p[k]; ok {
			words[k] = v
		}
	}
	if s, ok := words["example"].(string); ok && words["type"] == "array" {
		words["example"] = anys(strings.Split(s, ","))
	}
	s := f.schema(where, name, words)
	if _, ok := s["examples"]; !ok {
		if ex, ok := f.example(where, s, "", nil); ok {
			s["examples"] = []any{ex}
		}
	}
	if p["in"] == "query" {
		walk(s, plainText)
	}
	out := object{"name": name, "in": p["in"], "schema": s}
	description, _ := p["description"].(string)
	if description == "" {
		f.fail("%s: needs a description", where)
	}
	out["description"] = description
	if p["required"] == true {
		out["required"] = true
	}
	if words["type"] == "array" && p["in"] == "query" {
		out["style"], out["explode"] = "form", p["collectionFormat"] == "multi"
	}
	return out
}

// form makes a request body of formData parameters. Forms stay open: RFC 6749 section 3.2 has unknown ones ignored.
func (f *finisher) form(route string, in, out object, fields []object) {
	members, required, file := object{}, []any{}, false
	var order []string
	for _, p := range fields {
		name, _ := p["name"].(string)
		words := object{"description": p["description"]}
		for _, k := range schemaWords {
			if v, ok := p[k]; ok {
				words[k] = v
			}
		}
		if words["type"] == "file" {
			file = true
			members[name] = object{"type": "string", "format": "binary", "description": p["description"], "examples": []any{"…"}}
		} else {
			members[name] = f.schema(route+" "+name, "", words)
		}
		order = append(order, name)
		if p["required"] == true {
			required = append(required, name)
		}
	}
	mime := formType
	if file {
		mime = "multipart/form-data"
	}
	if said := texts(in["consumes"]); len(said) == 1 {
		mime = said[0]
	}
	id, _ := out["operationId"].(string)
	name := strings.ToUpper(id[:1]) + id[1:] + "Form"
	if f.base[name] != nil {
		f.fail("schema %s: the form of %s is called that already", name, route)
	}
	s := object{"type": "object", "properties": members}
	if len(required) > 0 {
		s["required"] = required
	}
	f.schemas[name], f.order[name] = s, order
	said := object{"schema": object{"$ref": schemaRef + name}}
	if body := obj(out["requestBody"]); body != nil { // the same may come as JSON
		obj(body["content"])[mime] = said
		return
	}
	out["requestBody"] = object{"required": len(required) > 0, "content": object{mime: said}}
}

func consumes(op Operation, in object) []string {
	if said := texts(in["consumes"]); len(said) > 0 {
		return said
	}
	if op.Method == http.MethodPatch {
		return []string{"application/merge-patch+json", jsonType}
	}
	return []string{jsonType}
}

func produces(op Operation, in object) []string {
	if said := texts(in["produces"]); len(said) > 0 {
		return said
	}
	return []string{cmpOr(op.ContentType, jsonType)}
}

// operationResponses converts the answers that are documented and adds those that follow from what the route is.
func (f *finisher) operationResponses(route string, op Operation, in object) object {
	mimes := produces(op, in)
	if op.ContentType != "" && !slices.Contains(mimes, op.ContentType) {
		f.fail("%s: the route answers %s, @Produce says %s", route, op.ContentType, strings.Join(mimes, ", "))
	}
	responses := object{}
	var extra []int
	own := object(nil)
	succeeds := false
	for _, code := range sorted(obj(in["responses"])) {
		r := obj(obj(in["responses"])[code])
		status := 0
		if _, err := fmt.Sscanf(code, "%d", &status); err != nil {
			f.fail("%s: %s is not a status", route, code)
			continue
		}
		schema := obj(r["schema"])
		if status < 400 {
			succeeds = succeeds || status == op.Status
			responses[code] = f.success(route, op, status, mimes, r)
			continue
		}
		if schema == nil || f.names[strings.TrimPrefix(fmt.Sprint(schema["$ref"]), "#/definitions/")] == problemSchema {
			extra = append(extra, status)
			continue
		}
		own = object{
			"description": cmpOr(fmt.Sprint(r["description"]), http.StatusText(status)),
			"headers":     f.headersOf(status),
			"content":     object{jsonType: object{"schema": f.schema(route, "", schema)}},
		}
		responses[code] = own
	}
	if !succeeds {
		f.fail("%s: the route answers %d, which no @Success documents", route, op.Status)
	}
	if own != nil { // errors of another standard, as OAuth's: all that the operation answers is written above it
		if len(extra) > 0 {
			f.fail("%s: has errors of its own beside problems", route)
		}
		responses["default"] = object{"description": "Any other error.", "headers": f.headersOf(0), "content": clone(own["content"])}
		return responses
	}
	page := slices.Contains(mimes, "text/html")
	for _, status := range f.statuses(op, extra, mimes) {
		if len(f.problems[status]) == 0 {
			f.fail("%s: can answer %d, but no problem has that status", route, status)
			continue
		}
		responses[fmt.Sprint(status)] = ref("responses", responseName(status, page))
	}
	responses["default"] = ref("responses", responseName(0, page))
	return responses
}

// statuses are the errors that can occur, by what the route is.
func (f *finisher) statuses(op Operation, extra []int, mimes []string) []int {
	writes := op.Method != http.MethodGet && op.Method != http.MethodHead
	body := writes && op.Method != http.MethodDelete
	add := func(when bool, status ...int) {
		if when {
			extra = append(extra, status...)
		}
	}
	add(true, 400, 429)
	add(!op.Public, 401, 403)
	add(strings.Contains(op.Path, "{"), 404)
	add(len(mimes) > 1 || mimes[0] != jsonType, 406)
	add(body && len(f.problems[408]) > 0, 408)
	add(writes, 409)
	add(op.Sync, 410)
	add(op.IfMatch != "", 412)
	add(writes, 413, 422)
	add(body, 415)
	add(op.IfMatch == "required" || op.IfMatch != "" && op.Method == http.MethodPut, 428) // a PUT may need it only to replace
	for status := range f.problems {
		add(status >= 500, status)
	}
	slices.Sort(extra)
	return slices.Compact(extra)
}

func (f *finisher) success(route string, op Operation, status int, mimes []string, r object) object {
	description, _ := r["description"].(string)
	h := f.headersOf(status)
	begun := status == http.StatusCreated || status == http.StatusAccepted
	if op.Single && (status == http.StatusOK || begun) {
		h["ETag"] = ref("headers", "ETag")
	}
	if begun {
		h["Location"] = ref("headers", "Location")
	}
	if op.List {
		h["Link"] = ref("headers", "Link")
	}
	if op.Idempotent {
		h["Idempotency-Replayed"] = ref("headers", "Idempotency-Replayed")
	}
	for name, v := range obj(r["headers"]) {
		if _, shared := headers()[name]; shared {
			h[name] = ref("headers", name)
			continue
		}
		own := object{"schema": object{"type": obj(v)["type"]}}
		put(own, "description", fmt.Sprint(obj(v)["description"]))
		h[name] = own
	}
	out := object{"description": cmpOr(description, http.StatusText(status)), "headers": h}
	schema := obj(r["schema"])
	if schema == nil {
		if status == http.StatusOK || begun {
			f.fail("%s: what does %d answer? write @Success %d {object} Type, or {file} file", route, status, status)
		}
		return out
	}
	content := object{}
	for _, m := range mimes {
		switch {
		case m == jsonType || strings.HasSuffix(m, "+json"):
			content[m] = object{"schema": f.schema(route, "", schema)}
		case strings.HasPrefix(m, "text/"):
			content[m] = object{"schema": object{"type": "string"}}
		default:
			content[m] = object{"schema": object{"type": "string", "format": "binary"}}
		}
	}
	out["content"] = content
	return out
}

// hooks documents what we send: one webhook per type of fact.
func (f *finisher) hooks() object {
	out := object{}
	for _, w := range f.in.Webhooks {
		if out[w.Type] != nil {
			f.fail("webhook %s: twice", w.Type)
			continue
		}
		name := camel(w.Type)
		data, err := embed(w.Data)
		if err != nil {
			f.fail("webhook %s: its schema: %v", w.Type, err)
			continue
		}
		body, sample, err := envelope(w)
		if err != nil {
			f.fail("webhook %s: its example: %v", w.Type, err)
			continue
		}
		f.lift(w.Type, data, sample)
		data["examples"] = []any{sample}
		event, payload := name+"Event", name+"Data"
		for _, n := range []string{event, payload} {
			if f.schemas[n] != nil || f.base[n] != nil {
				f.fail("webhook %s: schema %s exists already", w.Type, n)
			}
		}
		f.schemas[payload] = data
		f.schemas[event] = object{
			"type": "object", "description": "What is posted for " + w.Type + ".", "examples": []any{body},
			"required": []any{"type", "timestamp", "data"},
			"properties": object{
				"type":      object{"type": "string", "const": w.Type},
				"timestamp": object{"type": "string", "format": "date-time", "description": "When it became true."},
				"data":      object{"$ref": schemaRef + payload},
			},
		}
		f.order[event] = []string{"type", "timestamp", "data"}
		if w.Summary == "" {
			f.fail("webhook %s: needs a summary", w.Type)
		}
		post := object{
			"operationId": "on" + name, "summary": w.Summary, "tags": []any{"webhook"}, "security": []any{},
			"parameters":  []any{ref("parameters", "WebhookId"), ref("parameters", "WebhookTimestamp"), ref("parameters", "WebhookSignature")},
			"requestBody": object{"required": true, "content": object{jsonType: object{"schema": object{"$ref": schemaRef + event}}}},
			"responses": object{
				"2XX":     object{"description": "Received: it is not sent again."},
				"410":     object{"description": "Not wanted any more: the endpoint is disabled."},
				"default": object{"description": "Not received: it is tried again later, with the same webhook-id."},
			},
		}
		put(post, "description", w.Description)
		out[w.Type] = object{"post": post}
	}
	return out
}

// lift gives the objects inside the data of a fact a name, and the example that the first fact shows of them: what
// external_ids holds is a FactExternalId, in every fact.
func (f *finisher) lift(fact string, data object, sample any) {
	for name, v := range obj(data["properties"]) {
		in, shown := obj(v), obj(sample)[name]
		if in["type"] == "array" {
			in = obj(in["items"])
			if l := list(shown); len(l) > 0 {
				shown = l[0]
			}
		}
		if !hasMembers(in) {
			continue
		}
		lifted := "Fact" + strings.TrimSuffix(camel(name), "s")
		s := clone(in).(object)
		f.lift(fact, s, shown)
		if known := obj(f.schemas[lifted]); known != nil {
			bare := maps.Clone(known)
			delete(bare, "examples")
			if !reflect.DeepEqual(bare, s) {
				f.fail("webhook %s: its %s is another than that of other facts", fact, name)
			}
		} else {
			if obj(shown) == nil {
				f.fail("webhook %s: its example shows no %s", fact, name)
			}
			s["examples"] = []any{shown}
			f.schemas[lifted] = s
		}
		clear(in)
		in["$ref"] = schemaRef + lifted
	}
}

// camel makes LeervraagCreated of leervraag.created.
func camel(s string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '_' || r == '-' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// embed makes a schema that stands by itself part of our document: what it defines inside is written in place.
func embed(raw json.RawMessage) (object, error) {
	s, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	defs := obj(s["$defs"])
	delete(s, "$defs")
	delete(s, "$schema")
	delete(s, "$id")
	var place func(v any, depth int) error
	place = func(v any, depth int) error {
		var failed error
		walk(v, func(o object) {
			r, ok := o["$ref"].(string)
			if !ok || failed != nil {
				return
			}
			def := obj(defs[strings.TrimPrefix(r, "#/$defs/")])
			if def == nil || depth > 20 {
				failed = fmt.Errorf("$ref %s is not in its own $defs, or leads to itself", r)
				return
			}
			delete(o, "$ref")
			copied := clone(def).(object)
			if failed = place(copied, depth+1); failed != nil {
				return
			}
			for k, x := range copied {
				if _, said := o[k]; !said {
					o[k] = x
				}
			}
		})
		return failed
	}
	if err := place(s, 0); err != nil {
		return nil, err
	}
	return s, nil
}

// envelope returns the example of a whole delivery, and of its data.
func envelope(w Webhook) (any, any, error) {
	ex, err := decodeObject(w.Example)
	if err != nil {
		return nil, nil, err
	}
	if data, ok := ex["data"]; ok && ex["type"] == w.Type && ex["timestamp"] != nil {
		return []member{{"type", w.Type}, {"timestamp", ex["timestamp"]}, {"data", data}}, data, nil
	}
	return []member{{"type", w.Type}, {"timestamp", "2027-01-11T09:00:00Z"}, {"data", ex}}, ex, nil
}

func decodeObject(raw json.RawMessage) (object, error) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, fmt.Errorf("is not an object")
	}
	return o, nil
}
