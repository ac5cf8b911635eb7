package app

// Whoever coaches in the world of the demo has a question too, and whoever asks has something to show: over the years a medewerker is
// both (seed 001, section 2). Their leervragen and leerplekken wait for the round of the autumn.

// demoAsk is a leervraag of the leercoach of a journey.
type demoAsk struct {
	of              int // the journey's place
	vague           bool
	title, question string
	motive, goal    string
	topics          []string
}

// demoOffer is a leerplek at the employer of the switcher of a journey, who receives there.
type demoOffer struct {
	of           int // the journey's place
	draft        bool
	together     bool // both employers thought of it
	title, offer string
	topics       []string
}

var demoCareAsks = []demoAsk{
	{of: 0, title: "Hoe houdt een apotheek de voorraad bij?", question: "Hoe weet een apotheek wat er moet bijbesteld worden, en wat kan onze medicatiekamer daarvan overnemen?",
		motive: "Op vrijdag ontbreekt er geregeld iets.", goal: "Ik heb een bestelritme voor de afdeling", topics: []string{"medicatie", "voorraad"}},
	{of: 1, title: "Wat doet een bewoner met een schema van de kinesist?", question: "Hoe past een oefenschema in de dag van een woonzorgcentrum, en wie helpt erbij?",
		motive: "Na ontslag zien wij niemand nog terug.", goal: "Ik maak schema's die zonder kinesist kunnen", topics: []string{"revalidatie", "ouderenzorg"}},
	{of: 2, title: "Hoe eten mensen met slikproblemen toch lekker?", question: "Hoe bereidt een keuken gemixte maaltijden die er goed uitzien en smaken?",
		motive: "Gemixt eten komt vol terug naar de keuken.", goal: "Ik ken drie manieren om gemixt eten mooi op te dienen", topics: []string{"voeding", "ouderenzorg"}},
	{of: 3, title: "Hoe maak je een werkplek rustig voor wie snel overprikkeld is?", question: "Welke kleine aanpassingen nemen prikkels weg zonder dat het werk stilvalt?",
		motive: "Twee deelnemers haken af tegen de middag.", goal: "Ik heb een lijst van vijf aanpassingen voor ons atelier", topics: []string{"inclusie", "aangepast werk"}},
	{of: 4, title: "Hoe help je iemand veilig uit bed en zetel?", question: "Welke hefbewegingen leert een revalidatiecentrum aan, en wat kan in een smalle slaapkamer?",
		motive: "In ons team zijn er veel rugklachten.", goal: "Ik toon drie technieken aan mijn team", topics: []string{"heffen en tillen", "thuiszorg"}},
	{of: 5, title: "Hoe spreek je met ouders over de ontwikkeling van hun kind?", question: "Hoe breng je een zorg over een peuter aan zonder ouders af te schrikken?",
		motive: "Begeleiders stellen zulke gesprekken uit.", goal: "Ik heb een leidraad voor het eerste gesprek", topics: []string{"kinderopvang", "gesprekken voeren"}},
	{of: 6, title: "Hoe bereik je gezinnen die geen Nederlands lezen?", question: "Hoe leggen anderen met beelden uit wat er in een dag gebeurt, en wat werkt aan de poort?",
		motive: "Onze brieven blijven in de boekentas zitten.", goal: "Ik maak een onthaalmap in beelden", topics: []string{"onthaal", "ondersteunde communicatie"}},
	{of: 7, title: "Hoe begeleid je iemand die elke dag opnieuw uitleg nodig heeft?", question: "Hoe maakt een dagcentrum taken zo duidelijk dat niemand ernaast hoeft te staan?",
		motive: "Uitleg geven vraagt de helft van mijn voormiddag.", goal: "Ik maak van drie taken een stappenplan in beeld", topics: []string{"werkbegeleiding", "sociale economie"}},
	{of: 8, title: "Wat gebeurt er met hulpmiddelen eens ze thuis zijn?", question: "Welke hulpmiddelen worden thuis echt gebruikt, en welke staan na een maand in de kelder?",
		motive: "Wij horen zelden hoe het afloopt.", goal: "Ik weet welke vragen ik vooraf moet stellen", topics: []string{"hulpmiddelen", "thuiszorg"}},
	{of: 9, vague: true, title: "Beter leren plannen", question: "Ik wil de rondes van het team anders aanpakken, maar zie nog niet hoe.",
		motive: "De planning verandert elke ochtend.", topics: []string{"planning"}},
	{of: 12, title: "Hoe laat je kinderen van elk tempo samen spelen?", question: "Hoe richt een kinderopvang een ruimte in waar iedereen iets vindt om mee te spelen?",
		motive: "Op woensdag komen er kinderen in ons atelier.", goal: "Ik heb een plan voor één speelhoek", topics: []string{"inclusie", "kinderopvang"}},
	{of: 13, title: "Hoe praat je over eten met wie niet meer graag eet?", question: "Hoe volgt een woonzorgcentrum op wie te weinig eet, en wie spreekt daarover met de bewoner?",
		motive: "Wij zien borden, en geen mensen.", goal: "Ik ken de signalen van ondervoeding", topics: []string{"voeding", "ouderenzorg"}},
	{of: 14, title: "Hoe gaat een wijkteam om met te veel medicatie in huis?", question: "Wat doet een wijkteam met doosjes die zich opstapelen, en waar kan de apotheek helpen?",
		motive: "Klanten brengen zakken vol ongebruikte medicatie terug.", goal: "Ik heb een afspraak met één wijkteam", topics: []string{"medicatie", "thuiszorg"}},
	{of: 15, vague: true, title: "Kwaliteit meten zonder extra papier", question: "Ik zoek een lichtere manier om kwaliteit op te volgen.",
		motive: "Het team vult nu vier lijsten in.", topics: []string{"kwaliteit"}},
}

var demoCareOffers = []demoOffer{
	{of: 0, title: "Een dag tussen balie en bereiding", offer: "Zien hoe een voorschrift binnenkomt, nagekeken wordt en de deur uitgaat, en zelf een weekdoos vullen.", topics: []string{"medicatie", "apotheek"}},
	{of: 1, title: "Bewegen in de leefgroep", offer: "Mee een beweegmoment voorbereiden en begeleiden, met wat er in de leefgroep al staat.", topics: []string{"bewegen", "ouderenzorg"}},
	{of: 2, title: "Koken voor driehonderd", offer: "Van levering tot karren: een dag meedraaien in de warme keuken, op het tempo van de ploeg.", topics: []string{"voeding", "grootkeuken"}},
	{of: 3, title: "Mee op ronde in de wijk", offer: "Een voormiddag mee met een verzorgende, en een namiddag met het team aan tafel.", topics: []string{"thuiszorg", "planning"}},
	{of: 4, title: "Hulpmiddelen aanpassen", offer: "In de werkplaats een hulpmiddel op maat maken, en het samen met een patiënt uitproberen.", topics: []string{"hulpmiddelen", "revalidatie"}},
	{of: 5, title: "Spelen met peuters", offer: "Een dag in de peutergroep: onthaal, vrij spel, eten en het gesprek met ouders aan de poort.", topics: []string{"kinderopvang", "onthaal"}},
	{of: 6, title: "Muziek in de leefgroep", offer: "Liedjes en klanken als houvast in de dag, samen met een begeleider die er elke week mee werkt.", topics: []string{"kinderopvang", "muziek"}},
	{of: 7, together: true, title: "Taken in stappen verdelen", offer: "Met de zorgkeuken bedacht: meewerken in het atelier en samen één taak uittekenen in stappen die iedereen begrijpt.", topics: []string{"aangepast werk", "inclusie"}},
	{of: 8, draft: true, title: "Luisteren aan de balie", offer: "Een rustige voormiddag aan de balie, met tijd om vragen van klanten na te bespreken.", topics: []string{"onthaal", "apotheek"}},
	{of: 9, title: "Moeilijke gesprekken voorbereiden", offer: "Een teamoverleg bijwonen en samen een gesprek voorbereiden dat al een tijd uitgesteld wordt.", topics: []string{"leidinggeven", "gesprekken voeren"}},
	{of: 11, title: "Rust bewaren in een drukke ploeg", offer: "Meelopen met een ploegverantwoordelijke, van de briefing om zeven uur tot de laatste kar.", topics: []string{"leidinggeven", "sociale economie"}},
	{of: 12, title: "Structuur voor wie snel de draad kwijt is", offer: "Zien hoe dagritme en pictogrammen helpen, en zelf een hoek van de groep inrichten.", topics: []string{"kinderopvang", "ondersteunde communicatie"}},
	{of: 13, title: "Proeven met kleine kinderen", offer: "Samen een tussendoortje bedenken, bereiden en voorleggen aan de strengste keurders.", topics: []string{"voeding", "kinderopvang"}},
	{of: 14, title: "Verpleging aan huis", offer: "Een dag op de baan met een thuisverpleegkundige, van de eerste inspuiting tot het avondverslag.", topics: []string{"thuiszorg", "verpleging"}},
	{of: 15, draft: true, title: "Diensten met elkaar verbinden", offer: "Een ontslagoverleg volgen en zien wie er allemaal moet weten dat iemand naar huis gaat.", topics: []string{"revalidatie", "overleg"}},
}

var demoNetworkAsks = []demoAsk{
	{of: 0, title: "Hoe ziet een werf eruit waar onze mensen kunnen starten?", question: "Welke taken op een werf passen bij wie bij ons een opleiding volgt?",
		motive: "Doorstromen lukt maar bij enkelen.", goal: "Ik ken vijf taken die een starter aankan", topics: []string{"bouw", "sociale economie"}},
	{of: 1, title: "Hoe geef je feedback die blijft hangen?", question: "Hoe geeft een opleidingsadviseur feedback, en wat daarvan werkt op een luidruchtige werf?",
		motive: "Mijn opmerkingen gaan het ene oor in en het andere uit.", goal: "Ik probeer twee manieren uit op mijn ploeg", topics: []string{"feedback", "leidinggeven"}},
	{of: 2, title: "Hoe plan je buitenwerk dat van het weer afhangt?", question: "Hoe schuift een groenbedrijf ploegen en machines als het blijft regenen?",
		motive: "Onze planning kent geen plan B.", goal: "Ik maak een planning die twee scenario's heeft", topics: []string{"planning", "groen"}},
	{of: 3, title: "Hoe klinkt eenvoudige taal aan een loket?", question: "Hoe legt een stadsdienst een formulier uit aan wie nog maar pas Nederlands leert?",
		motive: "Onze medewerkers durven niet naar het loket.", goal: "Ik neem vijf zinnen mee voor de taalles", topics: []string{"Nederlands op de werkvloer", "onthaal"}},
	{of: 4, title: "Wat leert een verbruiksmeting over een gebouw?", question: "Hoe lees ik een meting van een energiebureau, en wat verandert ze aan onze plannen?",
		motive: "Wij krijgen rapporten die niemand op de werf leest.", goal: "Ik kan een rapport aan mijn ploeg uitleggen", topics: []string{"energie", "bouw"}},
	{of: 5, title: "Hoe loopt een vorming die je met de handen geeft?", question: "Hoe leert een instructeur iets aan zonder dia's, en wat neem ik daarvan mee?",
		motive: "Deelnemers vragen minder theorie.", goal: "Ik bouw één vorming om tot een oefening", topics: []string{"opleiding", "instructie"}},
	{of: 6, title: "Hoe krijg je een ploeg warm voor zuinig rijden?", question: "Hoe spreekt een logistiek bedrijf chauffeurs aan op hun verbruik zonder met het vingertje te zwaaien?",
		motive: "Ons advies stopt vaak bij het dak.", goal: "Ik ken drie argumenten die werken", topics: []string{"energie", "logistiek"}},
	{of: 7, title: "Hoe zorg je voor het groen rond een publiek gebouw?", question: "Wat vraagt onderhoud van een plein, en hoe verwittig je de buurt?",
		motive: "Bewoners bellen naar ons wanneer er gesnoeid wordt.", goal: "Ik kan vragen over groen zelf beantwoorden", topics: []string{"groen", "onthaal"}},
	{of: 8, vague: true, title: "Anders omgaan met papier", question: "Er ligt veel papier in ons magazijn; ik wil weten hoe het minder kan.",
		motive: "De pakbonnen gaan in drievoud mee.", topics: []string{"digitaal werken"}},
	{of: 9, title: "Hoe leest een aannemer een plan?", question: "Waar kijkt een werfleider eerst naar op een plan, en welke fouten ziet hij meteen?",
		motive: "Mijn aantekeningen worden niet altijd begrepen.", goal: "Ik teken details zoals de werf ze nodig heeft", topics: []string{"bouw", "plannen lezen"}},
	{of: 12, title: "Hoe zoekt een bedrijf mensen die niet solliciteren?", question: "Hoe bereikt een hr-dienst kandidaten die geen vacatures lezen, en wat mag een stad daarvan overnemen?",
		motive: "Op onze vacatures komen telkens dezelfde profielen af.", goal: "Ik heb twee nieuwe kanalen om uit te proberen", topics: []string{"rekrutering", "diversiteit"}},
	{of: 13, title: "Hoe werk je samen met een maatwerkbedrijf?", question: "Welk drukwerk kan een atelier voor ons afwerken, en hoe spreken we kwaliteit af?",
		motive: "In het najaar komen wij handen tekort.", goal: "Ik weet welke opdracht we kunnen uitbesteden", topics: []string{"samenwerken", "drukwerk"}},
	{of: 14, title: "Hoe vertel je een verhaal zonder woorden?", question: "Hoe maakt een drukkerij een affiche die iemand in drie tellen begrijpt?",
		motive: "Onze affiches staan vol tekst.", goal: "Ik maak een affiche van tien woorden", topics: []string{"communicatie", "drukwerk"}},
	{of: 15, vague: true, title: "Van adviseren naar zelf doen", question: "Ik wil weer eens zien hoe ons advies in een gewone werkweek landt.",
		motive: "Ik zit vooral nog achter een scherm.", topics: []string{"hr-beleid"}},
}

var demoNetworkOffers = []demoOffer{
	{of: 0, title: "Een dag met de werfleider", offer: "Van de startvergadering tot de opkuis: zien wie wat beslist op een werf, en waarom.", topics: []string{"bouw", "leidinggeven"}},
	{of: 1, title: "Een opleidingsplan uittekenen", offer: "Een gesprek met een klant volgen en daarna samen een plan op één bladzijde maken.", topics: []string{"opleiding", "hr-beleid"}},
	{of: 2, title: "Met de groenploeg op pad", offer: "Snoeien, maaien en overleggen met de buurt, met een ploegbaas die iedereen meekrijgt.", topics: []string{"groen", "leidinggeven"}},
	{of: 3, title: "Overzicht houden in het magazijn", offer: "Een ochtendploeg volgen langs het bord, de rekken en de laadkade.", topics: []string{"logistiek", "planning"}},
	{of: 4, title: "Rekenen aan een gebouw", offer: "Mee op huisbezoek, meten wat er verloren gaat, en het verslag in gewone woorden schrijven.", topics: []string{"energie", "advies"}},
	{of: 5, title: "Orde op een klein kantoor", offer: "Zien hoe bestellingen, facturen en vragen van de drukkers op één plek samenkomen.", topics: []string{"administratie", "drukwerk"}},
	{of: 6, title: "Hout dat een tweede leven krijgt", offer: "In het houtatelier uit resten iets nieuws maken, en tellen wat er niet meer in de container gaat.", topics: []string{"duurzaamheid", "sociale economie"}},
	{of: 7, title: "Ideeën vormgeven met burgers", offer: "Een namiddag mee met een team dat plannen uitprobeert aan een keukentafel in de wijk.", topics: []string{"innovatie", "participatie"}},
	{of: 8, draft: true, title: "Alles terugvinden", offer: "Een klein magazijn opnieuw indelen, van de meest gebruikte rol tot het oudste papier.", topics: []string{"voorraad", "drukwerk"}},
	{of: 9, title: "Vooruitdenken op een werf", offer: "Samen een werf voorbereiden: materiaal, volgorde, buren en het weer van volgende week.", topics: []string{"bouw", "planning"}},
	{of: 11, title: "Geduld aan het loket", offer: "Een dag achter het loket, waar elke vraag een andere is en niemand met een kluitje in het riet gaat.", topics: []string{"onthaal", "dienstverlening"}},
	{of: 12, title: "Een eerlijk sollicitatiegesprek", offer: "Gesprekken voorbereiden, bijwonen en nabespreken, met oog voor wie niet vlot over zichzelf praat.", topics: []string{"rekrutering", "gesprekken voeren"}},
	{of: 13, together: true, title: "Fouten zien voor ze vertrekken", offer: "Met de drukkerij bedacht: steekproeven nemen aan de kade, en met de ploeg bekijken waar het misliep.", topics: []string{"kwaliteit", "logistiek"}},
	{of: 14, title: "Tekenen wat je wilt zeggen", offer: "Van een lange nota naar een tekening die op de bestelwagen kan hangen.", topics: []string{"communicatie", "groen"}},
	{of: 15, draft: true, title: "Alles regelen op een klein bureau", offer: "Meedraaien met wie de agenda's, de bestellingen en de eerste werkdag van een nieuwe collega regelt.", topics: []string{"administratie", "onthaal"}},
}
