package app

// demoDetail is what each employer does in its own way, whatever its trade.
type demoDetail struct {
	site, street, meet string
	second             demoSite // without a name where there is one site
	colleague          demoColleague
	channels           []string
	sensitivity        string // to competition
	context, effect    string // of what it wants learnt
}

// demoSite is another site of an employer, in the same municipality.
type demoSite struct {
	name, street, kind string
	transport          bool
	park               string
}

// demoColleague shares the contact with who is spoken to: one decides, and the other follows up. Without a
// name one does both.
type demoColleague struct {
	name, function, profile string
	decides                 bool
}

// demoCareDetails are those of the employers of demoCare, in their order.
var demoCareDetails = []demoDetail{
	{site: "Apotheek aan het plein", street: "Modelplein 3", meet: "Aan de balie; zeg dat je komt switchen.", channels: []string{"werkoverleg op maandag"}, sensitivity: "high",
		context: "De titularis besprak het in het jaargesprek van elke medewerker.", effect: "minder telefoons heen en weer"},
	{site: "Woonzorgcentrum, hoofdgebouw", street: "Voorbeeldlaan 12", meet: "Onthaal van het hoofdgebouw", second: demoSite{"Assistentiewoningen De Lindetuin", "Voorbeeldlaan 14", "care", true, ""},
		colleague: demoColleague{"Rob Takkenbos", "hr-medewerker", "hr", false}, channels: []string{"briefing bij de dienstwissel", "prikbord in de refter", "personeelsblad"}, sensitivity: "none",
		context: "Staat in het opleidingsplan van dit jaar.", effect: "zorgkundigen die elkaar iets leren"},
	{site: "Opvang Het Nest", street: "Verzonnenpad 7", meet: "Bel aan het tuinpoortje aan.", colleague: demoColleague{"Sien Strohalm", "voorzitter van het bestuur", "director", true}, channels: []string{"berichtengroep van het team", "teamvergadering"}, sensitivity: "none",
		context: "De functie is nieuw; er is nog geen vorming voor gepland.", effect: "een netwerk van coaches in de buurt"},
	{site: "Opvang De Rups", street: "Demostraat 31", meet: "Onthaal naast de fietsenstalling", second: demoSite{"Buitenschoolse opvang De Vlinder", "Demostraat 45", "care", true, ""},
		colleague: demoColleague{"Mieke Cocon", "diensthoofd kinderopvang", "manager", true}, channels: []string{"intranet van de stad", "pedagogische studiedag"}, sensitivity: "none",
		context: "Vloeit voort uit het beleidsplan kinderopvang van de stad.", effect: "ouders die elkaar leren kennen"},
	{site: "Regiokantoor Noord", street: "Modelweg 88", meet: "Eerste verdieping, teamlokaal Noord", second: demoSite{"Uitleendienst hulpmiddelen", "Modelweg 90", "warehouse", false, "Demopark Noord"},
		channels: []string{"app op de diensttelefoon", "wijkoverleg om de twee weken"}, sensitivity: "some",
		context: "Kwam naar boven in de bevraging van het personeel.", effect: "minder verloop in de wijkteams"},
	{site: "Dagcentrum", street: "Zonnewijzerhof 5", meet: "In de inkomhal, bij de zonnewijzer", colleague: demoColleague{"Tilly Schaduwman", "directeur", "director", true}, channels: []string{"weekopening met deelnemers en begeleiders"}, sensitivity: "none",
		context: "Past bij de meerjarendoelen rond inclusie.", effect: "deelnemers die vaker buitenkomen"},
	{site: "Campus Beweging", street: "Revalidatiedreef 2", meet: "Onthaal van de campus; vraag naar Bewegingstherapie.", second: demoSite{"Oefenbad", "Revalidatiedreef 4", "care", true, ""},
		colleague: demoColleague{"Leon Stapsteen", "opleidingscoördinator", "training", false}, channels: []string{"nieuwsbrief voor therapeuten", "patiëntenoverleg"}, sensitivity: "some",
		context: "Is een verbeterpunt uit de laatste kwaliteitsmeting.", effect: "vlottere overdracht naar huis"},
	{site: "Productiekeuken", street: "Pollepelkaai 16", meet: "Laadkade 2; je krijgt er een haarnet.", second: demoSite{"Afhaalpunt De Kleine Pollepel", "Modelplein 9", "shop", true, ""},
		colleague: demoColleague{"Nico Soeplepel", "jobcoach", "other", false}, channels: []string{"scherm in de kleedkamer", "ploegbriefing om zeven uur"}, sensitivity: "high",
		context: "Er is geen opleidingsplan; de ploegbazen noteren wat ze missen.", effect: "trots in de ploeg"},
}

// demoNetworkDetails are those of the employers of demoNetwork, in their order.
var demoNetworkDetails = []demoDetail{
	{site: "Kantoor en magazijn", street: "Troffelweg 9", meet: "Aan het magazijn, bij de bestelwagens", second: demoSite{"Werf Voorbeeldkouter", "Voorbeeldkouter 1", "other", false, ""},
		colleague: demoColleague{"Jana Baksteen", "personeelsdienst", "hr", false}, channels: []string{"werfoverleg", "bericht op de gsm van de ploegbaas"}, sensitivity: "high",
		context: "Elk jaar vertrekt een derde van de nieuwe arbeiders.", effect: "meer rust op de werf"},
	{site: "Atelier Hout", street: "Werkbankstraat 21", meet: "Onthaal aan de straatkant", second: demoSite{"Atelier Montage", "Werkbankstraat 23", "workshop", true, "Demopark Oost"},
		colleague: demoColleague{"Axel Schroefman", "algemeen directeur", "ceo", true}, channels: []string{"prikbord met pictogrammen", "ploegoverleg"}, sensitivity: "none",
		context: "Staat in het opleidingsplan van dit jaar.", effect: "een lagere afvalfactuur"},
	{site: "Kantoor Kompas", street: "Windstreekplein 1", meet: "Onthaal, derde verdieping", channels: []string{"intranet", "maandagontbijt"}, sensitivity: "some",
		context: "Klanten gaven het aan in de laatste tevredenheidsmeting.", effect: "adviezen die langer meegaan"},
	{site: "Drukkerij", street: "Letterbakstraat 34", meet: "Door de poort, dan links", channels: []string{"bord naast de koffie"}, sensitivity: "high",
		context: "Er is geen hr-dienst; de zaakvoerder beslist wat kan.", effect: "een vervanger voor wie met verlof is"},
	{site: "Loods en kantoor", street: "Heggenpad 50", meet: "Aan het station; de ploeg heeft een groene bus.", second: demoSite{"Kwekerij", "Heggenpad 62", "production", false, ""},
		colleague: demoColleague{"Paula Snoeischaar", "planningsverantwoordelijke", "manager", false}, channels: []string{"briefing aan de bus", "flyer bij de loonbrief"}, sensitivity: "none",
		context: "Is een actiepunt van het ondernemingsplan.", effect: "minder brandstof"},
	{site: "Distributiecentrum", street: "Kadestraat 175", meet: "Portiersloge; breng je identiteitskaart mee.", second: demoSite{"Kruispunt Zuid", "Kadestraat 210", "warehouse", false, "Demopark Haven"},
		colleague: demoColleague{"Ben Kraanman", "sitemanager", "director", true}, channels: []string{"schermen boven de band", "toolboxmeeting", "personeelsapp"}, sensitivity: "some",
		context: "De taallessen na de uren lopen leeg.", effect: "minder misverstanden aan de kade"},
	{site: "Stadskantoor", street: "Loketplein 2", meet: "Balie 1 van het stadskantoor", second: demoSite{"Wijkloket", "Verzonnenplein 6", "office", true, ""},
		channels: []string{"intranet van de stad", "lunchgesprekken"}, sensitivity: "none",
		context: "Vloeit voort uit het bestuursakkoord over toegankelijkheid.", effect: "collega's die van dienst durven veranderen"},
	{site: "Kantoor De Windroos", street: "Kompaslaan 8", meet: "Bel aan bij nummer 8; de deur naast de fietsen.", colleague: demoColleague{"Tom Wiekslag", "teamcoach", "manager", false}, channels: []string{"stand-up op dinsdag", "gedeelde agenda"}, sensitivity: "some",
		context: "Twee aannemers vroegen om adviezen die beter passen.", effect: "minder herwerk"},
}

// demoFooting is on what footing somebody works who is not on the payroll, by what they do.
var demoFooting = map[string]string{
	"diëtist": "freelance", "teamcoach": "outsourced", "orthopedisch adviseur": "self_employed", "kwaliteitscoördinator": "seconded", "apotheekassistent": "agency",
	"taalcoach": "freelance", "energiedeskundige": "outsourced", "gebouwdeskundige": "self_employed", "selectieverantwoordelijke": "seconded", "communicatiemedewerker": "agency",
}

// demoSpeaks is the language of those of a tenant who would rather not learn or coach in Dutch, by their number.
var demoSpeaks = map[int]string{9: "fr", 26: "en", 30: "fr"}

// demoHomes are where people live, and demoReaches how far they would go from there.
var (
	demoHomes   = []string{"9000", "9050", "9031", "9041", "9052", "9030", "9040"}
	demoReaches = []int{40, 15, 25, 60, 20}
)

// demoMotives are why people take part: of a tenant's sixteen who learn, and then of those who coach. A few never said.
var demoMotives = []string{
	"Ik wil zien wat er gebeurt met het werk dat ik afgeef.",
	"Na jaren in hetzelfde team wil ik eens elders binnenkijken.",
	"Een cursus heb ik al gevolgd; nu wil ik het zien gebeuren.",
	"Mijn leidinggevende stelde het voor, en het maakte mij nieuwsgierig.",
	"Ik leer het best door mee te doen.",
	"Ik neem een nieuwe rol op en sta er alleen voor.",
	"",
	"Ik wil weten of wij het moeilijker maken dan nodig.",
	"Een collega ging vorig jaar en blijft erover vertellen.",
	"Ik wil ideeën meebrengen voor mijn hele ploeg.",
	"Cijfers zeggen mij pas iets als ik weet wie ze gebruikt.",
	"Ik denk na over een volgende stap in mijn loopbaan.",
	"Bij ons is er niemand aan wie ik het kan vragen.",
	"Ik wil mensen leren kennen die met hetzelfde bezig zijn.",
	"",
	"Ik wil iets nieuws leren zonder van werk te veranderen.",
	"Ik toon graag hoe wij hier werken.",
	"Door uit te leggen zie ik zelf wat beter kan.",
	"Ooit nam iemand voor mij de tijd; nu is het mijn beurt.",
	"Wie van buiten komt, stelt vragen die wij niet meer stellen.",
	"Ik wil groeien als coach.",
	"",
	"Ons werk is te weinig bekend; een bezoek verandert dat.",
	"Ik hoop dat we nadien makkelijker naar elkaar bellen.",
	"Stagiairs begeleid ik al; een ervaren vakvrouw of vakman is weer anders.",
	"Het geeft kleur aan een gewone werkdag.",
	"Ik geef mijn kennis door voor ik met pensioen ga.",
	"",
	"Ons team krijgt zin om zelf ook op pad te gaan.",
	"Ik leer graag over een andere sector.",
	"Het kennismakingsgesprek nam mijn twijfel weg.",
	"Ik vind dat goede ideeën niet binnen één gebouw moeten blijven.",
}

// demoMeanings are what answers would mean to those who ask, in the order of the journeys of a tenant.
var demoMeanings = []string{
	"Dat ik met kennis van zaken kan meepraten.",
	"Dat ik elke dag iets kan doen, en niet alleen op dinsdag.",
	"Dat er minder verloren gaat van wat wij met zorg maken.",
	"Dat ik niet meer moet gissen.",
	"Dat mijn advies ook na een maand nog gebruikt wordt.",
	"Dat ik met vertrouwen aan mijn nieuwe rol begin.",
	"Dat mensen zich vanaf de eerste dag welkom voelen.",
	"Dat er voor iedereen een taak is die lukt.",
	"Dat wie hulp vraagt, iets krijgt dat past.",
	"Dat het team mij niet meer nodig heeft om te plannen.",
	"Dat ik de cijfers zelf kan uitleggen.",
	"Dat ik weet waar ik wil beginnen.",
	"Dat niemand aan de kant blijft staan.",
	"Dat wat goed is ook graag gekozen wordt.",
	"Dat ik op tijd zie wanneer het misgaat.",
	"Dat mijn collega's meteen mee kunnen.",
}
