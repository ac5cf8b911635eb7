package matching

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// PostcodesAcknowledgement is what whoever shows what stands on GeoNames' postcodes has to say (CC BY 4.0, section 3).
const PostcodesAcknowledgement = "Distances use postal codes of GeoNames (https://www.geonames.org), licensed under CC BY 4.0; " +
	"places that share a postcode were averaged."

// Postcodes are what an import of postcodes came to.
type Postcodes struct {
	Countries []string // ISO 3166-1, in the order of the alphabet
	Postcodes int      // in the file
	Passed    int      // lines passed over: said twice, or without coordinates
	Changed   bool     // false: all of it was there already
}

// centre is the middle of a postcode.
type centre struct {
	country, postcode   string
	latitude, longitude float64 // degrees, five decimals: about a metre
}

// ImportPostcodes puts the postcodes of a file of GeoNames in the place of those of the same countries, in a transaction of
// the role that owns the schema. Countries that the file does not name stay. Questions and runs read it when they are asked
// next.
func ImportPostcodes(ctx context.Context, tx pgx.Tx, file io.Reader, now time.Time) (p Postcodes, err error) {
	centres, passed, err := parsePostcodes(file)
	if err != nil {
		return p, err
	}
	for _, c := range centres {
		if n := len(p.Countries); n == 0 || p.Countries[n-1] != c.country {
			p.Countries = append(p.Countries, c.country)
		}
	}
	p.Postcodes, p.Passed = len(centres), passed
	// One import at a time; readers go on with what was there.
	if _, err := tx.Exec(ctx, `lock table reference.postcode_countries in exclusive mode`); err != nil {
		return p, err
	}
	there, err := tx.Query(ctx, `select country, postcode, latitude, longitude from reference.postcodes where country = any ($1)
		order by country collate "C", postcode collate "C"`, p.Countries)
	if err != nil {
		return p, err
	}
	before, err := pgx.CollectRows(there, func(r pgx.CollectableRow) (c centre, err error) {
		return c, r.Scan(&c.country, &c.postcode, &c.latitude, &c.longitude)
	})
	if err != nil || slices.Equal(before, centres) {
		return p, err
	}
	p.Changed = true
	if _, err := tx.Exec(ctx, `delete from reference.postcodes where country = any ($1)`, p.Countries); err != nil {
		return p, err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"reference", "postcodes"}, []string{"country", "postcode", "latitude", "longitude"},
		pgx.CopyFromSlice(len(centres), func(i int) ([]any, error) {
			c := centres[i]
			return []any{c.country, c.postcode, c.latitude, c.longitude}, nil
		})); err != nil {
		return p, err
	}
	_, err = tx.Exec(ctx, `insert into reference.postcode_countries (country, imported_at, first_imported_at) select c, $2, $2 from unnest($1::text[]) c
		on conflict (country) do update set imported_at = excluded.imported_at`, p.Countries, now)
	return p, err
}

const (
	geoNamesColumns = 12 // country code, postal code, place name, three times name and code of an administration, latitude, longitude, accuracy
	maxPostcode     = 20
)

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

// parsePostcodes reads the format of GeoNames' postal code files (readme.txt in https://download.geonames.org/export/zip/):
// lines of 12 columns, separated by tabs, in UTF-8. Several places may share a postcode: its middle is theirs. It returns
// them by country and postcode, and how many lines it passed over: those that say again what another said, and those of a
// place of which nobody knows where it is.
func parsePostcodes(file io.Reader) (out []centre, passed int, err error) {
	type place struct{ country, postcode, name, latitude, longitude string }
	type middle struct{ x, y, z float64 }
	seen := map[place]bool{}
	sums := map[centre]middle{}
	lines := bufio.NewScanner(file)
	n := 0
	for lines.Scan() {
		n++
		b := lines.Bytes()
		if n == 1 {
			if bytes.HasPrefix(b, []byte("PK\x03\x04")) {
				return nil, 0, errors.New("this is a zip file: unpack it, and name the file of postcodes in it")
			}
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		if !utf8.Valid(b) {
			return nil, 0, fmt.Errorf("line %d is not UTF-8", n)
		}
		column := strings.Split(string(b), "\t")
		if len(column) != geoNamesColumns {
			return nil, 0, fmt.Errorf("line %d has %d columns, where GeoNames' postal code files have %d, separated by tabs", n, len(column), geoNamesColumns)
		}
		p := place{strings.TrimSpace(column[0]), plainPostcode(column[1]), strings.TrimSpace(column[2]), strings.TrimSpace(column[9]), strings.TrimSpace(column[10])}
		if !countryCode.MatchString(p.country) {
			return nil, 0, fmt.Errorf("line %d begins with %.20q, which is no country of ISO 3166-1, like BE", n, column[0])
		}
		if p.postcode == "" || utf8.RuneCountInString(p.postcode) > maxPostcode {
			return nil, 0, fmt.Errorf("line %d: %.40q is no postcode", n, column[1])
		}
		if p.latitude == "" && p.longitude == "" || seen[p] {
			passed++
			continue
		}
		seen[p] = true
		latitude, ok := degrees(p.latitude, 90)
		if !ok {
			return nil, 0, fmt.Errorf("line %d: %.20q is no latitude: degrees from -90 to 90", n, column[9])
		}
		longitude, ok := degrees(p.longitude, 180)
		if !ok {
			return nil, 0, fmt.Errorf("line %d: %.20q is no longitude: degrees from -180 to 180", n, column[10])
		}
		key, at := centre{country: p.country, postcode: p.postcode}, pointAt(latitude, longitude)
		m := sums[key]
		sums[key] = middle{m.x + at.x, m.y + at.y, m.z + at.z} // on the sphere: the mean of 179° and -179° is not 0°
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(sums) == 0 {
		return nil, 0, errors.New("no postcode is in this file")
	}
	for key, m := range sums {
		key.latitude = round5(math.Atan2(m.z, math.Hypot(m.x, m.y)) * 180 / math.Pi)
		key.longitude = round5(math.Atan2(m.y, m.x) * 180 / math.Pi)
		out = append(out, key)
	}
	slices.SortFunc(out, func(a, b centre) int {
		return cmp.Or(cmp.Compare(a.country, b.country), cmp.Compare(a.postcode, b.postcode))
	})
	return out, passed, nil
}

// degrees reads a number of degrees, at most so many from 0.
func degrees(s string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && math.Abs(n) <= most // not so for NaN
}

func round5(n float64) float64 { return math.Round(n*1e5) / 1e5 }

// plainPostcode is a postcode as it is looked up: letters and digits alone, in capitals.
func plainPostcode(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, s)
}

// whereabouts joins to a medewerker m where they live and where they work, as far as that is known: home, and work. A
// workplace is the own employer's site with its postcode, which says best where somebody goes; else the middle of that postcode;
// else another employer's site with it. One that nobody named is the medewerker's site. A home is the middle of its postcode,
// and a site with the same one while no reference knows it.
const whereabouts = `
left join sites own on own.tenant_id = m.tenant_id and own.organisation_id = m.organisation_id and own.id = m.site_id
left join lateral (select latitude, longitude from (
		select 1 as rank, latitude, longitude from sites where tenant_id = m.tenant_id and organisation_id = m.organisation_id
			and postcode = btrim(m.work_postcode) and latitude is not null
		union all select 2, x.* from (` + middleOf + `m.work_postcode` + middle + `) x
		union all (select 3, latitude, longitude from sites where tenant_id = m.tenant_id and postcode = btrim(m.work_postcode)
			and latitude is not null order by id limit 1)
		union all select 4, own.latitude, own.longitude where own.latitude is not null
		union all select 5, x.* from (` + middleOf + `own.postcode` + middle + `) x
	) known order by rank, latitude, longitude limit 1) work on true
left join lateral (select latitude, longitude from (
		select 1 as rank, x.* from (` + middleOf + `m.home_postcode` + middle + `) x
		union all (select 2, latitude, longitude from sites where tenant_id = m.tenant_id and postcode = btrim(m.home_postcode)
			and latitude is not null order by id limit 1)
	) known order by rank limit 1) home on true`

// middleOf and what follows, around a postcode, look its middle up; a postcode may begin with its country (NL-5611). Of a Dutch one
// the four digits will do, which is all that the files have: where there is more, the longest counts. Of countries that
// share one, that counts which is nearest to the site where somebody works; where nobody knows that, the one imported first.
const (
	middleOf = `select p.latitude, p.longitude from (select upper(regexp_replace(`
	inMiddle = `, '[^A-Za-z0-9]', '', 'g')) as plain) said
		cross join lateral (select case when said.plain ~ '^(NL|)[1-9][0-9]{3}[A-Z]{2}$' then left(right(said.plain, 6), 4) end as digits) dutch
		join reference.postcodes p on p.postcode = any (array[said.plain, substr(said.plain, 3), dutch.digits])
			and (p.postcode = said.plain or p.country = left(said.plain, 2) or p.country = 'NL' and p.postcode = dutch.digits)
		join reference.postcode_countries c on c.country = p.country
		order by length(p.postcode) desc, `
	middle = inMiddle + `(p.latitude - own.latitude) ^ 2 + ((p.longitude - own.longitude) * cos(radians(own.latitude))) ^ 2,
			c.first_imported_at, c.country limit 1`
	firstMiddle = inMiddle + `c.first_imported_at, c.country limit 1`
)

// unplaced joins where a site s without coordinates is, as far as its postcode says: near.
const unplaced = `
left join lateral (select x.* from (` + middleOf + `s.postcode` + firstMiddle + `) x where s.latitude is null) near on true`
