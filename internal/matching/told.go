package matching

import "slices"

// Told is what speaks for a leervraag and a leerplek, in codes that each side may read; docs/matching.md says what they mean.
// Nothing in it follows from what a switcher prefers. How far they live and what they wish is not for the other employer.
type Told struct {
	Sending   []string // for the switcher and their employer
	Receiving []string // for the leercoaches and theirs
}

// tell says what speaks for a pair; answers says whether the words of the place answer the question.
func tell(q *question, p *place, m measure, answers bool) Told {
	t := Told{Sending: []string{}, Receiving: []string{}}
	both := []*[]string{&t.Sending, &t.Receiving}
	add := func(is bool, code string, readers ...*[]string) {
		for _, r := range readers {
			if is {
				*r = append(*r, code)
			}
		}
	}
	reach := halfway // what is near for who named no limit
	if q.MaxTravelKM != nil {
		reach = 10 * *q.MaxTravelKM
	}
	a, b := q.Employer, p.employer
	own := a.id == b.id
	add(answers, "content", both...)
	add(m.hectometres != unknown && m.hectometres <= reach, "within_reach", &t.Sending)
	add(q.NeedsPublicTransport && p.site != nil && p.site.publicTransport, "public_transport", &t.Sending)
	add(m.days != unknown && m.days >= q.DaysNeeded, "days_in_common", both...)
	add(slices.Contains(p.languages, q.Language), "language", &t.Sending)
	add(len(p.requirements) > 0 && q.Meets != nil && unmet(q, p) == "", "requirements_met", &t.Sending)
	add(!own && a.band != unknown && a.band == b.band, "same_size", &t.Sending)
	add(!own && a.workforce != "" && a.workforce == b.workforce, "same_workforce", &t.Sending)
	add(!own && q.SectorWish != "" && (a.sector == b.sector) == (q.SectorWish == "same"), "sector_wish", &t.Sending)
	add(p.free > 0, "room", &t.Receiving)
	return t
}
