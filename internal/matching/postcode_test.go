package matching_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// line is one of a file as GeoNames hands them out; the places are made up.
func line(country, postcode, place string, latitude, longitude any) string {
	return fmt.Sprintf("%s\t%s\t%s\tVerzonnen gewest\tVER\tVerzonnen provincie\tVP\t\t\t%v\t%v\t4\n", country, postcode, place, latitude, longitude)
}

// importer imports files as the role that owns the schema of a house of its own.
func importer(t *testing.T, h *testkit.House) func(file string) (matching.Postcodes, error) {
	t.Helper()
	ctx := context.Background()
	owner, err := pgx.Connect(ctx, h.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, owner.Close(ctx)) })
	return func(file string) (p matching.Postcodes, err error) {
		err = pgx.BeginFunc(ctx, owner, func(tx pgx.Tx) (err error) {
			p, err = matching.ImportPostcodes(ctx, tx, strings.NewReader(file), time.Now())
			return err
		})
		return p, err
	}
}

func TestPostcodes_AreImportedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w, load := h.Tenant(t), importer(t, h)
	rows := func() int { return w.Count(`select count(*) from reference.postcodes`) }
	belgium := line("BE", "9000", "Dorp aan de Lei", 51.0, 3.6) + line("BE", "9000", "Dorp aan de Schelde", 51.2, 3.8) +
		line("BE", "3620", "Maasdorp", 50.88, 5.65) + line("BE", "3620", "Maasdorp", 50.88, 5.65) + line("BE", "3999", "Nergenshuizen", "", "")

	p, err := load("\ufeff" + belgium)
	require.NoError(t, err)
	require.Equal(t, matching.Postcodes{Countries: []string{"BE"}, Postcodes: 2, Passed: 2, Changed: true}, p)
	require.Equal(t, 1, w.Count(`select count(*) from reference.postcodes where postcode = '9000' and abs(latitude - 51.1) < 0.001 and abs(longitude - 3.7) < 0.001`),
		"places that share a postcode: the middle")
	p, err = load(strings.ReplaceAll(belgium, "\n", "\r\n"))
	require.NoError(t, err)
	require.False(t, p.Changed, "the same again, whatever ends its lines")

	good := line("BE", "1000", "Hoofddorp", 50.85, 4.35)
	for name, c := range map[string]struct{ file, says string }{
		"nothing":                {"", "no postcode is in this file"},
		"blank lines":            {"\n \n", "no postcode is in this file"},
		"places without a point": {line("BE", "3999", "Nergenshuizen", "", ""), "no postcode is in this file"},
		"another format":         {good + "BE;1000;Hoofddorp;50.85;4.35\n", "line 2 has 1 columns"},
		"the readme":             {"The data format is tab-delimited text in utf8 encoding\n", "line 1 has 1 columns"},
		"a zip file":             {"PK\x03\x04\x14\x00", "unpack it"},
		"another encoding":       {good + line("BE", "1001", "Li\xe8ge", 50.6, 5.6), "line 2 is not UTF-8"},
		"latitude 91":            {good + line("BE", "1001", "Pooldorp", 91, 4.35), `line 2: "91" is no latitude`},
		"longitude -181":         {good + line("BE", "1001", "Randdorp", 50, -181), `line 2: "-181" is no longitude`},
		"a latitude alone":       {good + line("BE", "1001", "Halfdorp", 50, ""), `line 2: "" is no longitude`},
		"not a number":           {good + line("BE", "1001", "Naandorp", "NaN", 4), `line 2: "NaN" is no latitude`},
		"a decimal comma":        {good + line("BE", "1001", "Kommadorp", "50,5", 4), `line 2: "50,5" is no latitude`},
		"no country":             {good + line("Belgium", "1001", "Dorp", 50, 4), "line 2 begins with"},
		"no postcode":            {good + line("BE", " - ", "Dorp", 50, 4), "is no postcode"},
		"a long postcode":        {good + line("BE", strings.Repeat("1", 21), "Dorp", 50, 4), "is no postcode"},
		"an endless line":        {good + strings.Repeat("x", 100_000), "line 2: "},
	} {
		_, err := load(c.file)
		require.ErrorContains(t, err, c.says, name)
		require.Equal(t, 2, rows(), name)
	}

	_, err = load(line("NL", "5611 AB", "Lichtstad", 51.44, 5.48) + line("NL", "9000", "Noorderdorp", 53.2, 6.5))
	require.NoError(t, err)
	require.Equal(t, 4, rows(), "another country stays")
	p, err = load(good)
	require.NoError(t, err)
	require.Equal(t, matching.Postcodes{Countries: []string{"BE"}, Postcodes: 1, Changed: true}, p)
	require.Equal(t, 3, rows(), "a country is replaced")
}

func TestPostcodes_SayHowFarAHomeIs(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := sceneIn(t, h.Tenant(t))
	c := s.Coordinator()
	why := func() *testkit.Answer { return c.Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200) }
	s.run(`update sites set latitude = 50.85, longitude = 5.69 where id = ?`, s.site)
	s.run(`update medewerkers set home_postcode = ' be-3620' where id = ?`, s.switcher)
	require.Equal(t, "too_far", why().Str("why_not.reason"), "nobody knows yet where 3620 is")

	_, err := importer(t, h)(line("BE", "3620", "Maasdorp", 50.88, 5.65) + line("BE", "9000", "Leidorp", 51.05, 3.72) + line("BE", "8400", "Zeedorp", 51.22, 2.92) + line("BE", "3630", "Bosdorp", 50.97, 5.70))
	require.NoError(t, err)
	near := why()
	require.Equal(t, []string{s.leerplek.String()}, suggested(near), "somebody who lives near may go there, however far the own work is")
	require.InDelta(t, 4.4, near.Num("why_not.parts.1.detail.km"), 0.2)

	// A home far away rules out, where nobody knows the workplace; work nearby lets in again.
	s.run(`update medewerkers set home_postcode = '8400', site_id = null where id = ?`, s.switcher)
	far := why()
	require.Equal(t, "too_far", far.Str("why_not.reason"))
	require.InDelta(t, 197, far.Num("why_not.detail.km"), 3)
	s.run(`update medewerkers set work_postcode = '3620' where id = ?`, s.switcher)
	require.Equal(t, []string{s.leerplek.String()}, suggested(why()))
	// The own employer's site with that postcode says better where somebody works than its middle; another employer's does not.
	s.run(`update sites set postcode = '3620' where id = ?`, s.site)
	require.InDelta(t, 4.4, why().Num("why_not.parts.1.detail.km"), 0.2)
	own := s.Site(s.sending, 50.97, 5.70, true)
	s.run(`update sites set postcode = '3620' where id = ?`, own)
	require.InDelta(t, 13.4, why().Num("why_not.parts.1.detail.km"), 0.2)
	// A medewerker's site without coordinates is where its postcode is.
	s.run(`update sites set postcode = '3630', latitude = null, longitude = null where id = ?`, own)
	s.run(`update medewerkers set work_postcode = null, home_postcode = null, site_id = ? where id = ?`, own, s.switcher)
	require.InDelta(t, 13.4, why().Num("why_not.parts.1.detail.km"), 0.2)
	s.run(`update medewerkers set site_id = null, home_postcode = '12345' where id = ?`, s.switcher)
	require.Nil(t, why().At("why_not.parts.1.detail.km"), "a postcode that nobody knows rules nothing out")
}

// Who lives in the Netherlands says four digits and two letters; GeoNames' file has the digits alone, another may have both.
func TestPostcodes_OfTheNetherlandsAreKnownByTheirDigits(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s, load := sceneIn(t, h.Tenant(t)), importer(t, h)
	c := s.Coordinator()
	km := func(postcode string) any {
		s.run(`update medewerkers set home_postcode = ? where id = ?`, postcode, s.switcher)
		return c.Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200).At("why_not.parts.1.detail.km")
	}
	s.run(`update sites set latitude = 51.44, longitude = 5.48 where id = ?`, s.site)
	s.run(`update medewerkers set max_travel_km = null, site_id = null where id = ?`, s.switcher)
	_, err := load(line("BE", "5611", "Maasvallei", 51.05, 4.58) + line("BE", "3620", "Maasdorp", 50.88, 5.65))
	require.NoError(t, err)
	require.Nil(t, km("5611 AB"), "this is none of Belgium's")
	_, err = load(line("NL", "5611", "Lichtstad", 51.45, 5.48) + line("NL", "5612", "Lichtstad", 51.54, 5.48))
	require.NoError(t, err)
	for postcode, far := range map[string]float64{"5611 AB": 1.1, "5611ab": 1.1, "NL-5611 AB": 1.1, "5612 ZZ": 11.1, "nl 5612": 11.1} {
		require.InDelta(t, far, km(postcode), 0.1, postcode)
	}
	for _, none := range []string{"5613 AB", "BE-5611 AB", "5611 A", "5611 ABC", "5611 A1", "0611 AB", "3620 AB", "NLNL5611AB"} {
		require.Nil(t, km(none), none)
	}
	_, err = load(line("NL", "5611", "Lichtstad", 51.45, 5.48) + line("NL", "5611 AB", "Lichtstad", 51.63, 5.48))
	require.NoError(t, err)
	require.InDelta(t, 21.1, km("5611 AB"), 0.1, "the longest that is known")
	require.InDelta(t, 21.1, km("NL-5611 AB"), 0.1)
	require.InDelta(t, 1.1, km("5611 AC"), 0.1)
}

// A leerplek's site has coordinates where somebody filled them in; else it is where its postcode is.
func TestPostcodes_SayWhereASiteIs(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := sceneIn(t, h.Tenant(t))
	c := s.Coordinator()
	why := func() *testkit.Answer { return c.Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200) }
	s.run(`update sites set latitude = null, longitude = null, postcode = '3620' where id = ?`, s.site)
	require.Nil(t, why().At("why_not.parts.1.detail.km"))
	require.Equal(t, []string{s.leerplek.String()}, suggested(why()), "what is not known rules nothing out")
	load := importer(t, h)
	_, err := load(line("BE", "3620", "Maasdorp", 50.88, 5.65))
	require.NoError(t, err)
	got := why()
	require.Empty(t, suggested(got), "an index that was there takes it up")
	require.Equal(t, "too_far", got.Str("why_not.reason"))
	require.InDelta(t, 137, got.Num("why_not.detail.km"), 2)
	_, err = load(line("BE", "3620", "Maasdorp", 51.05, 3.90))
	require.NoError(t, err)
	require.InDelta(t, 12.6, why().Num("why_not.parts.1.detail.km"), 0.1)
	s.run(`update sites set latitude = 51.05, longitude = 3.72 where id = ?`, s.site)
	require.Zero(t, why().Num("why_not.parts.1.detail.km"), "coordinates say more")
}

func TestPostcodes_ThatCountriesShareAreTheNearestToWork(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s, load := sceneIn(t, h.Tenant(t)), importer(t, h)
	c := s.Coordinator()
	km := func() float64 {
		return c.Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200).Num("why_not.parts.1.detail.km")
	}
	s.run(`update sites set latitude = 51.05, longitude = 4.72 where id = ?`, s.site) // 70 km from work
	s.run(`update medewerkers set home_postcode = '5611', max_travel_km = null where id = ?`, s.switcher)
	for _, file := range []string{line("NL", "5611", "Lichtstad", 51.44, 5.48), line("BE", "5611", "Maasvallei", 51.05, 4.58)} {
		_, err := load(file)
		require.NoError(t, err)
	}
	require.InDelta(t, 9.8, km(), 0.3, "nearest to where they work")
	s.run(`update medewerkers set home_postcode = 'NL-5611' where id = ?`, s.switcher)
	require.InDelta(t, 68, km(), 2, "as they say; work is no nearer")
	s.run(`update medewerkers set home_postcode = '5611', site_id = null where id = ?`, s.switcher)
	require.InDelta(t, 68, km(), 2, "nobody knows: the first that was imported")
}

func TestRun_KnowsWhereAHomeIs(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	r := newRoundIn(t, h.Tenant(t))
	settle := func(l id.LeervraagID, postcode string) {
		r.run(`update medewerkers set home_postcode = ?, max_travel_km = 20 where id = (select switcher_id from leervragen where id = ?)`, postcode, l)
	}
	one, two := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	place := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	r.run(`update leerplekken set site_id = ? where id = ?`, r.Site(r.org("Woonzorgcentrum De Linde"), 50.85, 5.69, true), place)
	settle(one, "8400")
	settle(two, "3620")
	before := r.match(nil)
	require.Len(t, r.went(before), 1, "nobody knows how far: it goes to either")

	_, err := importer(t, h)(line("BE", "3620", "Maasdorp", 50.88, 5.65) + line("BE", "8400", "Zeedorp", 51.22, 2.92))
	require.NoError(t, err)
	after := r.match(body{"based_on": before[len("/v1/matching-runs/"):]})
	require.Equal(t, map[string]string{two.String(): place.String()}, r.went(after), "the one who lives near; the other is ruled out")
	left := r.c.Get(after + "/unmatched").Is(200)
	require.Equal(t, []any{one.String(), "no_candidates", "too_far"}, []any{left.At("data.0.leervraag_id"), left.At("data.0.reason"), left.At("data.0.ruled_out.0.reason")})
	require.NotEqual(t, r.c.Get(before).Str("input_hash"), r.c.Get(after).Str("input_hash"))
}
