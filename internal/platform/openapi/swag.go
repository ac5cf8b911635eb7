package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// Swag runs swag, as go.mod pins it, over the module whose root is dir, and returns its Swagger 2.0 document.
//
// It spares developers two things. Types that write themselves are documented by how they do it: one with MarshalText
// is a string, a numeric one with MarshalJSON a number, and so are the aliases of their instances (id.OrganisationID).
// And members keep the order of their struct, which swag forgets: it is put back as x-order.
func Swag(dir string) ([]byte, error) {
	src, err := scan(dir)
	if err != nil {
		return nil, fmt.Errorf("openapi: reading the sources: %w", err)
	}
	out, err := os.MkdirTemp("", "openapi")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	overrides := filepath.Join(out, "overrides")
	if err := os.WriteFile(overrides, []byte(src.overrides()), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "tool", "swag", "init", "--quiet", "--generalInfo", "doc.go", "--dir", "./", "--parseInternal",
		"--overridesFile", overrides, "--output", out, "--outputTypes", "json")
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("openapi: swag: %w\n%s", err, said)
	}
	raw, err := os.ReadFile(filepath.Join(out, "swagger.json"))
	if err != nil {
		return nil, err
	}
	return src.reorder(raw)
}

// sources is what Swag learns from the syntax of the module's files.
type sources struct {
	types map[string]*goType // by import path and name
	short map[string]*goType // by package and name, as swag calls definitions, and by @name
}

type goType struct {
	pkg, imported, name string
	expr                ast.Expr
	alias               bool
	text, json          bool // has MarshalText, MarshalJSON
}

func scan(dir string) (*sources, error) {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(mod), "\n")
	module := strings.TrimSpace(strings.TrimPrefix(first, "module"))
	src := &sources{types: map[string]*goType{}, short: map[string]*goType{}}
	var methods []func()
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		imported := path.Join(module, filepath.ToSlash(rel))
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						src.add(f.Name.Name, imported, t)
					}
				}
			case *ast.FuncDecl:
				if decl.Recv != nil && strings.HasPrefix(decl.Name.Name, "Marshal") {
					methods = append(methods, func() { src.method(imported, decl) })
				}
			}
		}
		return nil
	})
	for _, m := range methods {
		m()
	}
	return src, err
}

func (s *sources) add(pkg, imported string, spec *ast.TypeSpec) {
	t := &goType{pkg: pkg, imported: imported, name: spec.Name.Name, expr: spec.Type, alias: spec.Assign.IsValid()}
	s.types[imported+"."+t.name] = t
	s.short[pkg+"."+t.name] = t
	if spec.Comment != nil {
		if _, name, ok := strings.Cut(spec.Comment.Text(), "@name "); ok {
			s.short[strings.TrimSpace(name)] = t
		}
	}
}

func (s *sources) method(imported string, decl *ast.FuncDecl) {
	if t := s.types[imported+"."+base(decl.Recv.List[0].Type)]; t != nil {
		t.text = t.text || decl.Name.Name == "MarshalText"
		t.json = t.json || decl.Name.Name == "MarshalJSON"
	}
}

// base is the name of a type of this package, without pointer and parameters.
func base(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return base(e.X)
	case *ast.IndexExpr:
		return base(e.X)
	case *ast.IndexListExpr:
		return base(e.X)
	case *ast.SelectorExpr:
		return base(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// overrides tells swag, in the form of its .swaggo files, which types write themselves.
func (s *sources) overrides() string {
	var b strings.Builder
	for full, t := range s.types {
		of := t
		if t.alias {
			if of = s.types[t.imported+"."+base(t.expr)]; of == nil {
				continue
			}
		}
		switch under := base(of.expr); {
		case of.text && under != "string":
			fmt.Fprintf(&b, "replace %s string\n", full)
		case of.json && (strings.HasPrefix(under, "int") || strings.HasPrefix(under, "uint") || strings.HasPrefix(under, "float")):
			fmt.Fprintf(&b, "replace %s number\n", full)
		}
	}
	return b.String()
}

// reorder writes x-order into the members of every definition whose struct is known, and of a list of texts what each may be,
// which swag forgets where the list is a type with a name.
func (s *sources) reorder(raw []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var d object
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("openapi: swag's document: %w", err)
	}
	for name, def := range obj(d["definitions"]) {
		generic, _, _ := strings.Cut(name, "-")
		t := s.short[generic]
		if t == nil {
			continue
		}
		properties := obj(obj(def)["properties"])
		for i, m := range s.members(t, 0) {
			p := obj(properties[m.name])
			if p == nil {
				continue
			}
			p["x-order"] = json.Number(strconv.Itoa(i))
			if items := obj(p["items"]); items["type"] == "string" {
				// Of a list whose type has a name swag gives all members the lengths of one.
				for _, word := range []string{"minLength", "maxLength"} {
					if delete(items, word); m.tag.Get(word) != "" {
						items[word] = json.Number(m.tag.Get(word))
					}
				}
				if enums := m.tag.Get("enums"); enums != "" && items["enum"] == nil {
					var values []any
					for v := range strings.SplitSeq(enums, ",") {
						values = append(values, v)
					}
					items["enum"] = values
				}
			}
		}
	}
	return json.Marshal(d)
}

// field is a member of a struct: what it is called in JSON, and its tag.
type field struct {
	name string
	tag  reflect.StructTag
}

// members lists those of a struct, embedded structs in their place.
func (s *sources) members(t *goType, depth int) []field {
	st, ok := t.expr.(*ast.StructType)
	if !ok || depth > 10 {
		return nil
	}
	var out []field
	for _, f := range st.Fields.List {
		var m field
		if f.Tag != nil {
			if text, err := strconv.Unquote(f.Tag.Value); err == nil {
				m.tag = reflect.StructTag(text)
				m.name, _, _ = strings.Cut(m.tag.Get("json"), ",")
			}
		}
		switch {
		case m.name != "":
			out = append(out, m)
		case len(f.Names) == 0:
			name := base(f.Type)
			if !strings.Contains(name, ".") {
				name = t.pkg + "." + name
			}
			if e := s.short[name]; e != nil {
				out = append(out, s.members(e, depth+1)...)
			}
		}
	}
	return out
}
