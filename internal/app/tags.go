package app

import "github.com/switchingtalent/switchboard/internal/platform/openapi"

// tags are the groups of operations in the document, in the order of the journey; docs/glossary.md knows the nouns.
var tags = []openapi.Tag{
	{Name: "access", Description: "Who calls: clients, their secrets and tokens, and the keys that tokens are signed with."},
	{Name: "tenant", Description: "A tenant is an ST-partner: the operator opens it, its administrator changes its settings."},
	{Name: "organisation", Description: "An organisation is an employer, with its sites, departments and contacts."},
	{Name: "conversation", Description: "A conversation is what was said with an employer, and when to come back to it; only the ST-partner reads it."},
	{Name: "medewerker", Description: "A medewerker is an employee: switcher, leercoach, or both over time."},
	{Name: "leervraag", Description: "A leervraag is the learning question of a switcher, from vague to sharp, in versions."},
	{Name: "leerplek", Description: "A leerplek is a place to learn, with the leercoaches who receive."},
	{Name: "cohort", Description: "A cohort is a round of the method: who takes part, with which leervragen and leerplekken, and what they prefer."},
	{Name: "matching", Description: "Which leerplekken fit a leervraag, how much each criterion counts, and runs that assign a whole cohort."},
	{Name: "match", Description: "A match puts a leervraag to a leerplek; the parties decide."},
	{Name: "leeruitwisseling", Description: "A leeruitwisseling is the exchange: the first talk, the leeractieplan, the agreement, the days."},
	{Name: "opleidingsregistratie", Description: "An opleidingsregistratie is training hours of one employee; it is corrected, never changed."},
	{Name: "survey", Description: "A survey asks one respondent, in one role, how an exchange went."},
	{Name: "leerbewijs", Description: "A leerbewijs is the certificate, with a page on which anybody can check it."},
	{Name: "event", Description: "An event is a fact: the feed tells them in order, and each type has its schema."},
	{Name: "webhook", Description: "Where facts are sent, each delivery and its tries, and sending again what was missed."},
}
