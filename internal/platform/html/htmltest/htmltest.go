// Package htmltest reads rendered pages in tests, and holds each of them to the rules that all our pages keep.
package htmltest

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	xhtml "golang.org/x/net/html"

	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// Node is an element of a page.
type Node struct{ n *xhtml.Node }

// Parse reads a page as a browser does and fails the test unless it is one that everybody can use and nobody can
// abuse: a language, a title, one h1, one main, a skip link that leads there; ids that are unique, references that
// lead somewhere, a name for every control; no script, handler or style attribute; its one style allowed by its hash.
func Parse(t testing.TB, doc html.Document) Node {
	t.Helper()
	n, err := xhtml.Parse(strings.NewReader(string(doc.Body)))
	require.NoError(t, err)
	root := Node{n}

	require.Contains(t, []string{"nl", "fr", "en"}, root.One(t, "html").Attr("lang"))
	require.NotEmpty(t, root.One(t, "title").Text())
	require.NotEmpty(t, root.One(t, "h1").Text())
	main := root.One(t, "main")
	require.Equal(t, "#"+main.Attr("id"), root.All("a")[0].Attr("href"), "the first link skips to the content")
	level := 1
	for _, h := range root.All("h1", "h2", "h3", "h4") {
		require.LessOrEqual(t, int(h.n.Data[1]-'0'), level+1, "a heading level is skipped before %q", h.Text())
		level = int(h.n.Data[1] - '0')
	}

	sum := sha256.Sum256([]byte(root.One(t, "style").Text()))
	policy := doc.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	require.Empty(t, root.All("script", "iframe", "object", "base"))

	ids, labelled := map[string]bool{}, map[string]bool{}
	for d := range n.Descendants() {
		for _, a := range d.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style", "%s=%q", a.Key, a.Val)
			if a.Key == "id" {
				require.False(t, ids[a.Val], "id %q stands twice", a.Val)
				ids[a.Val] = true
			}
		}
	}
	for _, label := range root.All("label") {
		require.NotEmpty(t, strings.TrimSpace(label.Text()))
		require.True(t, ids[label.Attr("for")], "a label for %q, which is not there", label.Attr("for"))
		labelled[label.Attr("for")] = true
	}
	for _, control := range root.All("input", "textarea", "select") {
		if control.Attr("type") != "hidden" {
			require.True(t, labelled[control.Attr("id")], "%q has no label", control.Attr("name"))
		}
	}
	for d := range n.Descendants() {
		for _, a := range d.Attr {
			if a.Key == "aria-describedby" || a.Key == "aria-labelledby" {
				for _, id := range strings.Fields(a.Val) {
					require.True(t, ids[id], "%s names %q, which is not there", a.Key, id)
				}
			}
			if id, ok := strings.CutPrefix(a.Val, "#"); ok && a.Key == "href" {
				require.True(t, ids[id], "a link to %q, which is not there", id)
			}
		}
	}
	for _, form := range root.All("form") {
		require.Equal(t, "post", strings.ToLower(form.Attr("method")))
	}
	for _, group := range root.All("fieldset") {
		require.NotEmpty(t, strings.TrimSpace(group.One(t, "legend").Text()))
	}
	return root
}

// All returns the elements with one of the tags, in document order.
func (n Node) All(tags ...string) (found []Node) {
	for d := range n.n.Descendants() {
		if d.Type == xhtml.ElementNode && slices.Contains(tags, d.Data) {
			found = append(found, Node{d})
		}
	}
	return found
}

// One returns the only element with the tag, or fails the test.
func (n Node) One(t testing.TB, tag string) Node {
	t.Helper()
	found := n.All(tag)
	require.Len(t, found, 1, "<%s>", tag)
	return found[0]
}

// With returns the elements whose attribute has the value.
func (n Node) With(key, value string) (found []Node) {
	for d := range n.n.Descendants() {
		if m := (Node{d}); d.Type == xhtml.ElementNode && m.Has(key) && m.Attr(key) == value {
			found = append(found, m)
		}
	}
	return found
}

// Attr returns an attribute's value, empty where it is absent.
func (n Node) Attr(key string) string {
	for _, a := range n.n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// Has reports whether the attribute is there at all.
func (n Node) Has(key string) bool {
	return slices.ContainsFunc(n.n.Attr, func(a xhtml.Attribute) bool { return a.Key == key })
}

// Text returns the text inside, as it stands in the source.
func (n Node) Text() string {
	var b strings.Builder
	for d := range n.n.Descendants() {
		if d.Type == xhtml.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
