package app

// The world of the demo: the examples of the method (seed 001, 2023 guide: a pharmacist in a residential care centre, a
// builder at a social-economy firm, two childcare centres, HR people), with names that are plainly made up.

type demoTenant struct {
	slug, name string
	employers  []demoEmployer
	journeys   []demoJourney
	hr         int // whose HR software gets a client, by its place in employers
}

type demoEmployer struct {
	name, kind, sector, workforce string
	headcount                     int
	postcode, municipality        string
	latitude, longitude           float64
	department                    string
	contact, function             string
}

type demoPerson struct{ given, family, job, number string }

type demoJourney struct {
	from, to         int // places in employers
	switcher, coach  demoPerson
	title, question  string
	motive, shared   string
	goals, topics    []string
	place, offer     string
	needs            []string
	safety           string
	activities, meet []string
	talk             string
	complete         bool // else half-way: the days are provisional
}

var demoWorld = []demoTenant{
	{
		slug: "demo-zorg", name: "Demo Sectornetwerk Zorg",
		employers: []demoEmployer{
			{"Demo Apotheek De Vijzel", "profit", "apotheek", "white_collar", 9, "9000", "Gent", 51.0543, 3.7174, "Balie en bereidingen", "Ada Voorbeeld", "apotheker-titularis"},
			{"Demo Woonzorgcentrum De Linde", "non_profit", "ouderenzorg", "mixed", 140, "9050", "Gentbrugge", 51.0353, 3.7598, "Zorg en verpleging", "Bo Voorbeeld", "directeur"},
			{"Demo Kinderopvang Het Nest", "non_profit", "kinderopvang", "mixed", 22, "9040", "Sint-Amandsberg", 51.0606, 3.7547, "Peutergroep", "Cas Voorbeeld", "verantwoordelijke"},
			{"Demo Kinderopvang De Rups", "public", "kinderopvang", "mixed", 31, "9030", "Mariakerke", 51.0703, 3.6793, "Leefgroepen", "Dani Voorbeeld", "pedagogisch coach"},
		},
		journeys: []demoJourney{
			{
				from: 0, to: 1, switcher: demoPerson{"Sam", "Voorbeeld", "apotheker", "1001"}, coach: demoPerson{"Noor", "Voorbeeld", "hoofdverpleegkundige", "2001"},
				title:    "Hoe loopt het medicatieproces in een woonzorgcentrum?",
				question: "Wat gebeurt er met de medicatie nadat wij ze geleverd hebben, en waar kan de apotheek helpen om fouten te vermijden?",
				motive:   "Ik ken het woonzorgcentrum alleen van aan de telefoon.", shared: "Een apotheker wil de weg van de medicatie op de afdeling volgen.",
				goals:  []string{"Ik ken de weg van een voorschrift tot bij de bewoner", "Ik heb BelRAI in het echt zien gebruiken"},
				topics: []string{"medicatie", "ouderenzorg", "BelRAI"},
				place:  "Meelopen met de medicatieronde", offer: "Twee dagen op de afdeling, met de hoofdverpleegkundige, bij de medicatieronde en het multidisciplinair overleg.",
				needs: []string{"gesloten schoenen"}, safety: "Handen ontsmetten bij het binnenkomen van elke kamer.",
				activities: []string{"rondleiding", "medicatieronde", "multidisciplinair overleg"}, meet: []string{"hoofdverpleegkundige", "ergotherapeut"},
				talk: "Tweede dag met het overleg over BelRAI.", complete: true,
			},
			{
				from: 2, to: 3, switcher: demoPerson{"Jo", "Voorbeeld", "kinderbegeleider", "1002"}, coach: demoPerson{"Lou", "Voorbeeld", "pedagogisch coach", "2002"},
				title:    "Hoe vul ik de nieuwe functie van pedagogisch coach in?",
				question: "Hoe geef ik invulling aan deze nieuwe functie, die ik als enige opneem in onze organisatie?",
				motive:   "Vanaf het najaar word ik pedagogisch coach.", shared: "Een beginnende pedagogisch coach wil een ervaren coach een dag volgen.",
				goals:  []string{"Ik heb drie manieren gezien om collega's te coachen op de vloer"},
				topics: []string{"pedagogische coaching", "kinderopvang"},
				place:  "Een dag met de pedagogisch coach", offer: "Meelopen bij observaties in de leefgroepen en bij de nabespreking.",
				needs: []string{"uittreksel uit het strafregister"}, safety: "Bezoekers melden zich bij het onthaal en dragen een badge.",
				activities: []string{"observatie", "nabespreking"}, meet: []string{"kinderbegeleiders"},
				talk: "We kiezen de datum na de herfstvakantie.",
			},
		},
		hr: 0,
	},
	{
		slug: "demo-werkgevers", name: "Demo Werkgeversnetwerk",
		employers: []demoEmployer{
			{"Demo Bouwbedrijf De Troffel", "profit", "bouw", "mixed", 85, "9031", "Drongen", 51.0499, 3.6635, "Werven", "Eli Proefman", "zaakvoerder"},
			{"Demo Maatwerkbedrijf De Werkbank", "social_economy", "sociale economie", "blue_collar", 210, "9041", "Oostakker", 51.1014, 3.7660, "Houtatelier", "Fien Proefman", "hr-verantwoordelijke"},
			{"Demo Hr-dienst Kompas", "profit", "hr-dienstverlening", "white_collar", 60, "9052", "Zwijnaarde", 51.0057, 3.7159, "Opleidingsadvies", "Gil Proefman", "teamleider"},
			{"Demo Drukkerij De Letterbak", "profit", "drukkerij", "mixed", 34, "9032", "Wondelgem", 51.0889, 3.7131, "Administratie", "Han Proefman", "zaakvoerder"},
		},
		journeys: []demoJourney{
			{
				from: 0, to: 1, switcher: demoPerson{"Robin", "Proefman", "werfleider", "3001"}, coach: demoPerson{"Mika", "Proefman", "instructeur", "4001"},
				title:    "Hoe begeleid je mensen met een afstand tot de arbeidsmarkt?",
				question: "Hoe geeft een maatwerkbedrijf uitleg en feedback op de werkvloer, en wat kunnen wij daarvan op de werf gebruiken?",
				motive:   "Nieuwe collega's haken af in hun eerste maand.", shared: "Een werfleider wil zien hoe instructeurs nieuwe mensen onthalen.",
				goals:  []string{"Ik ken twee aanpakken om Nederlands op de werkvloer te oefenen", "Ik heb een onthaal van begin tot einde gezien"},
				topics: []string{"inclusie", "onthaal", "Nederlands op de werkvloer"},
				place:  "Meelopen met een instructeur in het houtatelier", offer: "Een onthaal bijwonen, meewerken aan de band, en nabespreken met de jobcoach.",
				needs: []string{"veiligheidsschoenen"}, safety: "Gehoorbescherming ligt klaar bij de ingang van het atelier.",
				activities: []string{"onthaal", "meewerken in het atelier"}, meet: []string{"jobcoach"},
				talk: "Robin brengt eigen veiligheidsschoenen mee.", complete: true,
			},
			{
				from: 3, to: 2, switcher: demoPerson{"Alex", "Proefman", "administratief medewerker", "3002"}, coach: demoPerson{"Kim", "Proefman", "opleidingsadviseur", "4002"},
				title:    "Hr-taken zonder hr-opleiding: hoe pak ik dat aan?",
				question: "Ik neem enkele hr-taken op maar volgde nooit een hr-opleiding. Hoe pak je dat aan in een kleine organisatie?",
				motive:   "Sinds dit jaar doe ik de opleidingen van ons team.", shared: "Wie er alleen voor staat, wil zien hoe een hr-team opleidingsnoden in kaart brengt.",
				goals:  []string{"Ik heb een eenvoudig opleidingsplan dat bij ons past"},
				topics: []string{"hr", "opleidingsplan"},
				place:  "Een dag bij de opleidingsadviseurs", offer: "Meeluisteren bij gesprekken over opleidingsnoden en samen een plan opstellen.",
				needs: []string{}, safety: "Meld je aan bij het onthaal.",
				activities: []string{"gesprek over opleidingsnoden"}, meet: []string{"opleidingsadviseur"},
				talk: "Alex bezorgt vooraf een lijst van functies.",
			},
		},
		hr: 0,
	},
}
