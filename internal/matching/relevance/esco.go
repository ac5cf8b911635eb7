package relevance

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Acknowledgement is what whoever shows ESCO has to say (Decision 2011/833/EU).
const Acknowledgement = "This service uses the ESCO classification of the European Commission."

// ParseESCO reads the files of one language as the European Commission hands them out, from one folder: skills_*.csv,
// occupations_*.csv, skillGroups_*.csv, ISCOGroups_*.csv, skillsHierarchy_*.csv and broaderRelations*.csv, and the same
// names with .jsonl of one object per line. Files that are not there are passed over; a folder with none of them, and a
// file that lacks its columns, is an error. Concepts come in the order of their URIs, released ones only.
func ParseESCO(dir fs.FS) ([]Concept, error) {
	names, err := fs.Glob(dir, "*")
	if err != nil {
		return nil, err
	}
	p := escoParser{byURI: map[string]*Concept{}}
	read := 0
	for _, name := range names {
		parse := p.parser(path.Base(name))
		if parse == nil {
			continue
		}
		f, err := dir.Open(name)
		if err != nil {
			return nil, err
		}
		err = errors.Join(parse(f), f.Close())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		read++
	}
	if read == 0 {
		return nil, errors.New("no file of ESCO is here: skills_nl.csv, occupations_nl.csv, …")
	}
	var out []Concept
	for _, uri := range sortedKeys(p.byURI) {
		c := p.byURI[uri]
		slices.Sort(c.Broader)
		c.Broader = slices.DeleteFunc(slices.Compact(c.Broader), func(b string) bool { return b == uri || p.byURI[b] == nil })
		out = append(out, *c)
	}
	return out, nil
}

type escoParser struct{ byURI map[string]*Concept }

func (p *escoParser) parser(name string) func(io.Reader) error {
	lower := strings.ToLower(name)
	starts := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(s string) bool { return strings.HasPrefix(lower, s) })
	}
	switch {
	case strings.HasSuffix(lower, ".csv") && starts("broaderrelations"):
		return p.relations
	case strings.HasSuffix(lower, ".csv") && starts("skillshierarchy"):
		return p.hierarchy
	case strings.HasSuffix(lower, ".csv") && starts("skills_", "occupations_", "skillgroups_", "iscogroups_"):
		return p.concepts
	case strings.HasSuffix(lower, ".jsonl") && starts("skills_", "occupations_"):
		return p.objects
	}
	return nil
}

// table calls f with every row of a CSV file, by column. Columns that are not needed may be missing.
func table(r io.Reader, needed []string, f func(get func(column string) string)) error {
	b := bufio.NewReader(r)
	if bom, err := b.Peek(3); err == nil && bytes.Equal(bom, []byte("\ufeff")) {
		b.Discard(3)
	}
	rows := csv.NewReader(b)
	rows.FieldsPerRecord = -1
	rows.LazyQuotes = true
	header, err := rows.Read()
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, h := range header {
		at[strings.TrimSpace(h)] = i
	}
	for _, n := range needed {
		if _, ok := at[n]; !ok {
			return fmt.Errorf("the column %s is missing", n)
		}
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f(func(column string) string {
			if i, ok := at[column]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		})
	}
}

func (p *escoParser) concept(uri, label string, alts []string) {
	if uri == "" {
		return
	}
	c := p.byURI[uri]
	if c == nil {
		c = &Concept{ID: uri}
		p.byURI[uri] = c
	}
	if label != "" {
		c.Label = label
	}
	for _, t := range append([]string{label}, alts...) {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(c.Terms, t) {
			c.Terms = append(c.Terms, t)
		}
	}
}

func (p *escoParser) broader(uri, above string) {
	if c := p.byURI[uri]; c != nil && above != "" {
		c.Broader = append(c.Broader, above)
	} else if uri != "" && above != "" {
		p.byURI[uri] = &Concept{ID: uri, Broader: []string{above}}
	}
}

func (p *escoParser) concepts(r io.Reader) error {
	return table(r, []string{"conceptUri", "preferredLabel"}, func(get func(string) string) {
		if s := get("status"); s != "" && s != "released" {
			return
		}
		p.concept(get("conceptUri"), get("preferredLabel"), strings.Split(get("altLabels"), "\n"))
	})
}

func (p *escoParser) relations(r io.Reader) error {
	return table(r, []string{"conceptUri", "broaderUri"}, func(get func(string) string) { p.broader(get("conceptUri"), get("broaderUri")) })
}

func (p *escoParser) hierarchy(r io.Reader) error {
	return table(r, []string{"Level 0 URI", "Level 0 preferred term"}, func(get func(string) string) {
		above := ""
		for level := range 4 {
			uri := get(fmt.Sprintf("Level %d URI", level))
			if uri == "" {
				return
			}
			p.concept(uri, get(fmt.Sprintf("Level %d preferred term", level)), nil)
			p.broader(uri, above)
			above = uri
		}
	})
}

func (p *escoParser) objects(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var o struct {
			URI       string   `json:"uri"`
			Preferred string   `json:"preferred"`
			Alts      []string `json:"alts"`
			Broader   []string `json:"broader"`
			ISCO      string   `json:"isco"`
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		p.concept(o.URI, o.Preferred, o.Alts)
		for _, b := range o.Broader {
			p.broader(o.URI, b)
		}
		if o.ISCO != "" {
			group := "http://data.europa.eu/esco/isco/C" + o.ISCO
			p.concept(group, "", nil)
			p.broader(o.URI, group)
		}
	}
	return lines.Err()
}
