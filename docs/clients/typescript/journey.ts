// The whole journey with a generated client: from a tenant that does not exist yet to hours in an HR system and a
// leerbewijs in an LMS. See docs/clients.md.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./switchboard.js";

type Schemas = components["schemas"];
type API = Client<paths>;

const demo = JSON.parse(readFileSync(process.argv[2] ?? "demo.json", "utf8")) as { base_url: string; platform: Credentials };
interface Credentials {
  client_id: string;
  client_secret: string;
}

// is gives the answer of a call, or tells what went wrong as the API did.
function is<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.status} ${answer.response.url}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

// signIn gets a token with the credentials of a client, and calls with it. A token lives for ten minutes: longer programs ask
// for another in a middleware of openapi-fetch.
async function signIn({ client_id, client_secret }: Credentials): Promise<API> {
  const { access_token } = is(
    await createClient<paths>({ baseUrl: demo.base_url }).POST("/oauth/token", {
      body: { grant_type: "client_credentials", client_id, client_secret },
      bodySerializer: (form) => new URLSearchParams(form as Record<string, string>),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
  );
  return createClient<paths>({ baseUrl: demo.base_url, headers: { Authorization: `Bearer ${access_token}`, "Accept-Language": "nl" } });
}

// receiver is a server of our own that takes webhooks. A real one checks their signatures: docs/webhooks/verify/verify.ts.
async function receiver<T extends { type: string }>() {
  const waiting = new Map<string, (body: T) => void>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (c: Buffer) => chunks.push(c));
    req.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as T;
      res.writeHead(204).end();
      waiting.get(body.type)?.(body);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    next: (type: T["type"]) =>
      new Promise<T>((done, fail) => {
        setTimeout(() => fail(new Error(`no ${type} came`)), 30_000).unref();
        waiting.set(type, done);
      }),
    close: () => server.close(),
  };
}

// 1. The operator opens a tenant; its administrator makes clients.
const operator = await signIn(demo.platform);
const tenant = is(await operator.POST("/v1/tenants", { body: { slug: `reis-ts-${Date.now()}`, name: "Proefnetwerk", sandbox: true } }));
const admin = await signIn(tenant.admin_client);
const client = async (body: Schemas["ClientInput"]) => signIn(is(await admin.POST("/v1/clients", { body })));
const partner = await client({ name: "Frontend", role: "coordinator" });
console.log("1. a tenant with clients");

// 2. Two employers, their people, a leervraag of one and a leerplek of the other.
const organisation = async (name: string, sector: string) => is(await partner.POST("/v1/organisations", { body: { name, kind: "non_profit", sector } })).id;
const sending = await organisation("Apotheek Zonneveld", "apotheek");
const receiving = await organisation("Woonzorgcentrum De Linde", "ouderenzorg");
const site = is(
  await partner.POST("/v1/organisations/{id}/sites", {
    params: { path: { id: receiving } },
    body: { name: "Hoofdgebouw", street: "Dorpsstraat 1", postcode: "9000", municipality: "Gent", latitude: 51.05, longitude: 3.66, public_transport: true },
  }),
);
const person = async (organisation_id: string, given_name: string, value: string) =>
  is(
    await partner.PUT("/v1/medewerkers/by-external-id/{system}/{value}", {
      params: { path: { system: "sdworx", value } },
      body: { organisation_id, given_name, family_name: "Voorbeeld", job_title: "apotheker", employment: "employee", language: "nl" },
    }),
  );
const switcher = await person(sending, "Sam", "1001");
const coach = await person(receiving, "Noor", "1001");
if (switcher.id === coach.id) throw new Error("two employers both have an employee 1001");
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const available: Schemas["PeriodInput"][] = [{ from_on: day(-30), until_on: day(90) }];
const draft = is(
  await partner.POST("/v1/leervragen", {
    body: { switcher_id: switcher.id, title: "Medicatie", question: "Hoe verloopt de medicatiebedeling in een woonzorgcentrum?", goals: ["zelf een schema opmaken"], topics: ["medicatie"], clarity: "clear", reach: "team", available },
  }),
);
const leervraag = is(await partner.POST("/v1/leervragen/{id}/open", { params: { path: { id: draft.id } } }));
const place = is(
  await partner.POST("/v1/leerplekken", {
    body: { organisation_id: receiving, site_id: site.id, title: "Medicatie in het woonzorgcentrum", description: "Meelopen met de apotheker die de medicatie klaarzet.", topics: ["medicatie"], leercoach_ids: [coach.id], available },
  }),
);
is(await partner.PUT("/v1/leerplekken/{id}/coaches/{medewerker_id}", { params: { path: { id: place.id, medewerker_id: coach.id } }, body: { voluntary: true, has_time: true } }));
const leerplek = is(await partner.POST("/v1/leerplekken/{id}/publish", { params: { path: { id: place.id } } }));
console.log(`2. a leervraag is ${leervraag.status}, a leerplek ${leerplek.status}`);

const hr = await client({ name: "HR", role: "integration", scopes: ["opleidingsregistratie:read", "event:read", "webhook:write"], organisation_id: sending });
const lms = await client({ name: "LMS", role: "integration", scopes: ["leerbewijs:read", "event:read", "webhook:write"] });
const hours = await receiver<Schemas["OpleidingsregistratieRecordedEvent"]>();
const certificates = await receiver<Schemas["LeerbewijsIssuedEvent"]>();
is(await hr.POST("/v1/webhook-endpoints", { body: { url: hours.url, event_types: ["opleidingsregistratie.*"] } }));
is(await lms.POST("/v1/webhook-endpoints", { body: { url: certificates.url, event_types: ["leerbewijs.*"] } }));
const recorded = hours.next("opleidingsregistratie.recorded");
const issued = certificates.next("leerbewijs.issued");

// 3. What fits?
const { data: suggestions } = is(await partner.GET("/v1/leervragen/{id}/suggestions", { params: { path: { id: leervraag.id }, query: { limit: 10 } } }));
const best = suggestions[0];
if (best?.leerplek_id !== leerplek.id || best.parts.reduce((sum, p) => sum + p.points, 0) !== best.score) throw new Error("the parts of a score add up");
console.log("3. the leerplek is suggested, with the parts of its score");

// 4. Both employers decide.
const match = is(await partner.POST("/v1/matches", { body: { leervraag_id: leervraag.id, leerplek_id: leerplek.id, leercoach_ids: [coach.id] } }));
is(await partner.POST("/v1/matches/{id}/accept", { params: { path: { id: match.id } }, body: { party: "sending", given_by: "de zaakvoerder", channel: "phone" } }));
const accepted = is(await partner.POST("/v1/matches/{id}/accept", { params: { path: { id: match.id } }, body: { party: "receiving", channel: "mail" } }));
if (accepted.leeruitwisseling_id === null) throw new Error("an accepted match has a leeruitwisseling");
const id = accepted.leeruitwisseling_id;
console.log(`4. a match is ${accepted.status}`);

// 5. The first talk, the plan, the days, the agreement, the checks.
const at = { params: { path: { id } } };
const early = await partner.POST("/v1/leeruitwisselingen/{id}/plan", at);
if (early.error?.code !== "leeruitwisseling-not-ready") throw new Error("it says what is missing");
is(await partner.PUT("/v1/leeruitwisselingen/{id}/kennismakingsgesprek", { ...at, body: { starts_at: `${day(-3)}T13:00:00Z`, minutes: 20, location: "onthaal", participants: [{ kind: "medewerker", id: switcher.id }] } }));
is(await partner.PUT("/v1/leeruitwisselingen/{id}/leeractieplan", { ...at, body: { goals: ["zelf een schema opmaken"], activities: ["rondleiding"], people_to_meet: ["hoofdverpleegkundige"] } }));
const date = is(await partner.POST("/v1/leeruitwisselingen/{id}/days", { ...at, body: { date_on: day(-1), starts: "09:00", ends: "16:30", break_minutes: 30 } }));
for (const party of ["sending", "receiving", "switcher"] as const)
  is(await partner.POST("/v1/leeruitwisselingen/{id}/agreement/sign", { ...at, body: { party, signed_by: "An Voorbeeld", method: "recorded" } }));
is(await partner.PUT("/v1/leeruitwisselingen/{id}/checks", { ...at, body: { insurance: { work_accident: true, commute: true, liability: true }, safety_information_exchanged: true } }));
const planned = is(await partner.POST("/v1/leeruitwisselingen/{id}/plan", at));
console.log(`5. ${early.error.code}, and then ${planned.status}`);

// 6. The day is attended, the exchange is complete.
is(await partner.POST("/v1/leeruitwisselingen/{id}/days/{day_id}/attend", { params: { path: { id, day_id: date.id } }, body: { attended: true, safety_briefed: true } }));
const done = is(await partner.POST("/v1/leeruitwisselingen/{id}/complete", at));
console.log(`6. ${date.hours} hours: the exchange is ${done.status}, with ${done.survey_ids.length} surveys`);

// 7. A leerbewijs, and the page on which anybody can check it.
const leerbewijs = is(await partner.POST("/v1/leerbewijzen", { body: { leeruitwisseling_id: id, medewerker_id: switcher.id } }));
const pdf = is(await partner.GET("/v1/leerbewijzen/{id}/pdf", { params: { path: { id: leerbewijs.id } }, parseAs: "arrayBuffer" })) as ArrayBuffer;
const check = is(await createClient<paths>({ baseUrl: demo.base_url }).GET("/check/{id}", { params: { path: { id: leerbewijs.id } }, headers: { Accept: "application/json" } })) as Schemas["LeerbewijsCheck"]; // a browser gets a page
console.log(`7. a leerbewijs is ${leerbewijs.status}, its PDF ${pdf.byteLength > 1000 ? "there" : "missing"}, and ${check.status} for who checks it`);

// 8. HR and LMS hear of it; HR pulls the same, and follows the cursor from there on.
const told = [(await recorded).data.subject_id, (await issued).data.subject_id];
if (told[0] !== done.opleidingsregistratie_ids[0] || told[1] !== leerbewijs.id) throw new Error("each is told of what became true");
const mirror: Schemas["Opleidingsregistratie"][] = [];
let query: { updated_since?: string; cursor?: string } = { updated_since: `${day(-1)}T00:00:00Z` };
for (let tries = 0; mirror.length === 0 && tries < 100; tries++) {
  const page = is(await hr.GET("/v1/opleidingsregistraties", { params: { query } }));
  mirror.push(...page.data);
  if (page.next_cursor === null) throw new Error("a sync always goes on");
  query = { cursor: page.next_cursor };
  if (!page.has_more && mirror.length === 0) await new Promise((r) => setTimeout(r, 100)); // caught up: come back
}
const { data: surveys } = is(await partner.GET("/v1/surveys", { params: { query: { leeruitwisseling_id: id } } }));
const closed = is(await partner.POST("/v1/leervragen/{id}/close", { params: { path: { id: leervraag.id } }, body: { outcome: "answered" } }));
console.log(`8. HR has ${mirror[0]?.hours} hours, ${surveys.length} surveys wait, the leervraag is ${closed.status}`);
hours.close();
certificates.close();
