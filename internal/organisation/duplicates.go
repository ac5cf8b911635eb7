package organisation

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

const (
	alike         = 70 // percent of two names that is the same, from which they count as one
	mostDuplicate = 20
)

// DuplicateWire is an employer that may be the same as another, with what speaks for it.
type DuplicateWire struct {
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Name           string            `json:"name" example:"WZC De Linde"`
	Reasons        []string          `json:"reasons" enums:"name,address,email_domain" example:"name"`
	NameAlike      int               `json:"name_alike" example:"82"` // percent of the names that is the same, legal forms apart
} // @name OrganisationDuplicate

// duplicates finds employers that may be the same as this one.
//
//	@Summary		Find likely duplicates of an employer
//	@Description	By a name that is alike, legal forms and accents apart; by a site at the same address; by contacts with addresses of the same domain, public mail providers apart. The most likely first, 20 at most, all on one page. Enterprise numbers need no look: two employers never have the same one.
//	@ID				listOrganisationDuplicates
//	@Tags			organisation
//	@Param			id	path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	page.Page[DuplicateWire]
//	@Router			/v1/organisations/{id}/duplicates [get]
func (s Service) duplicates(_ context.Context, tx *db.Tx, in byID) (page.Page[DuplicateWire], error) {
	out := page.Page[DuplicateWire]{Data: []DuplicateWire{}}
	o, err := db.Get[Organisation](tx, in.ID)
	if err != nil {
		return out, err
	}
	var others []struct {
		ID              id.OrganisationID
		Name            string
		Address, Domain bool
	}
	if err := tx.Select(&others, `with addresses as (
			select distinct s.organisation_id from sites s join sites own on own.tenant_id = s.tenant_id and own.postcode = s.postcode
				and regexp_replace(lower(own.street), '[^[:alnum:]]+', '', 'g') = regexp_replace(lower(s.street), '[^[:alnum:]]+', '', 'g')
			where own.tenant_id = @tenant and own.organisation_id = @own),
		domains as (
			select distinct c.organisation_id from contacts c where c.tenant_id = @tenant and lower(split_part(c.email, '@', 2)) in (
				select lower(split_part(email, '@', 2)) from contacts where tenant_id = @tenant and organisation_id = @own)
			and lower(split_part(c.email, '@', 2)) not in ('gmail.com', 'hotmail.com', 'hotmail.be', 'outlook.com', 'outlook.be', 'live.be', 'yahoo.com', 'icloud.com',
				'telenet.be', 'skynet.be', 'proximus.be', 'scarlet.be', 'pandora.be'))
		select o.id, o.name, o.id in (select organisation_id from addresses) as address, o.id in (select organisation_id from domains) as domain
		from organisations o where o.tenant_id = @tenant and o.former_id is null and o.id <> @own`,
		map[string]any{"tenant": tx.Scope.Tenant, "own": in.ID}); err != nil {
		return out, err
	}
	own := pairs(o.Name)
	for _, x := range others {
		d := DuplicateWire{OrganisationID: x.ID, Name: x.Name, Reasons: []string{}, NameAlike: similarity(own, pairs(x.Name))}
		for reason, holds := range map[string]bool{"name": d.NameAlike >= alike, "address": x.Address, "email_domain": x.Domain} {
			if holds {
				d.Reasons = append(d.Reasons, reason)
			}
		}
		slices.Sort(d.Reasons)
		if len(d.Reasons) > 0 {
			out.Data = append(out.Data, d)
		}
	}
	slices.SortFunc(out.Data, func(a, b DuplicateWire) int {
		return cmp.Or(len(b.Reasons)-len(a.Reasons), b.NameAlike-a.NameAlike, slices.Compare(a.OrganisationID[:], b.OrganisationID[:]))
	})
	out.Data = out.Data[:min(len(out.Data), mostDuplicate)]
	return out, nil
}

// legalForm is what a name ends or begins with, and says nothing of who it is.
var legalForm = regexp.MustCompile(`\b(vzw|ivzw|bv|bvba|nv|cv|cvba|commv|vof|asbl|srl|sprl|sa|sc|scrl)\b`)

// pairs are the pairs of neighbouring letters in the words of a name.
func pairs(name string) map[string]int {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 0x300 && r <= 0x36f: // a mark on the letter before
			return -1
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 0x7f:
			return r
		}
		return ' '
	}, norm.NFD.String(strings.ReplaceAll(strings.ToLower(name), ".", "")))
	out := map[string]int{}
	for word := range strings.FieldsSeq(legalForm.ReplaceAllString(plain, " ")) {
		letters := []rune(" " + word + " ")
		for i := range letters[1:] {
			out[string(letters[i:i+2])]++
		}
	}
	return out
}

// similarity is the Dice coefficient of two bags of pairs, in percent: twice what they share, of all that they hold.
func similarity(a, b map[string]int) int {
	shared, all := 0, 0
	for p, n := range a {
		shared += min(n, b[p])
		all += n
	}
	for _, n := range b {
		all += n
	}
	if all == 0 {
		return 0
	}
	return 200 * shared / all
}
