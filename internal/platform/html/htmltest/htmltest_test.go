package htmltest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// judge stands in for a test that may fail.
type judge struct {
	testing.TB
	failed bool
}

func (j *judge) Helper()               {}
func (j *judge) Errorf(string, ...any) { j.failed = true }
func (j *judge) FailNow()              { panic(j) }

func refused(t *testing.T, doc html.Document) bool {
	j := &judge{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(j) {
				panic(r)
			}
		}()
		Parse(j, doc)
	}()
	return j.failed
}

// Every rule of Parse refuses a page in which it alone is broken.
func TestParseRefusesPlantedFaults(t *testing.T) {
	t.Parallel()
	good := `<h1>Vraag</h1><form method="post"><label for="a">Naam</label><input id="a" name="a" aria-describedby="h">` +
		`<p id="h">Uitleg</p><fieldset><legend>Kies</legend></fieldset></form><a href="#a">Naam</a>`
	render := func(content string) html.Document {
		page := html.MustParse(fstest.MapFS{"p": {Data: []byte(content)}}, "p")
		doc, err := page.Render(html.Page{Title: "Vraag"}, nil, nil)
		require.NoError(t, err)
		return doc
	}
	require.False(t, refused(t, render(good)))
	for name, plant := range map[string][2]string{
		"no h1":            {`<h1>Vraag</h1>`, ``},
		"two h1":           {`<h1>Vraag</h1>`, `<h1>Vraag</h1><h1>Vraag</h1>`},
		"skipped level":    {`<fieldset>`, `<h3>Kies</h3><fieldset>`},
		"script":           {`<form`, `<script>1</script><form`},
		"handler":          {`<h1>`, `<h1 onclick="x()">`},
		"style attribute":  {`<h1>`, `<h1 style="color:red">`},
		"second style":     {`<form`, `<style>p{color:red}</style><form`},
		"id twice":         {`<h1>`, `<h1 id="a">`},
		"no label":         {`<label for="a">Naam</label>`, ``},
		"empty label":      {`>Naam</label>`, `> </label>`},
		"dangling label":   {`<form`, `<label for="b">B</label><form`},
		"dangling hint":    {`="h"`, `="g"`},
		"dangling link":    {`"#a"`, `"#b"`},
		"form that gets":   {`method="post"`, `method="get"`},
		"group, no legend": {`<legend>Kies</legend>`, ``},
	} {
		require.Contains(t, good, plant[0])
		require.True(t, refused(t, render(strings.Replace(good, plant[0], plant[1], 1))), name)
	}
	doc := render(good)
	doc.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	require.True(t, refused(t, doc), "a style that the policy does not allow by its hash")
	doc = render(good)
	doc.Body = []byte(strings.Replace(string(doc.Body), `<html lang="nl">`, `<html>`, 1))
	require.True(t, refused(t, doc), "no language")
}
