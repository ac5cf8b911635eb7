// Every rule of our own finds the fault that is planted for it, in an excerpt of openapi.json
// that is otherwise without.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { lint } from "./lint.mjs";
import { own } from "./rules.mjs";

const whole = JSON.parse(readFileSync("openapi.json", "utf8"));

// excerpt is a document of a few paths, with what they refer to: a rule that sees a fault there sees it in all.
function excerpt(...paths) {
  const doc = { ...whole, paths: Object.fromEntries(paths.map((p) => [p, whole.paths[p]])), webhooks: undefined, components: { securitySchemes: whole.components.securitySchemes } };
  const follow = (v) => {
    if (!v || typeof v !== "object") return;
    if (typeof v.$ref === "string") {
      const [section, name] = v.$ref.split("/").slice(2);
      doc.components[section] ??= {};
      if (!doc.components[section][name]) follow((doc.components[section][name] = whole.components[section][name]));
    }
    Object.values(v).forEach(follow);
  };
  follow(doc.paths);
  const used = new Set(Object.values(doc.paths).flatMap((item) => Object.values(item).flatMap((op) => op.tags)));
  doc.tags = doc.tags.filter((t) => used.has(t.name));
  return JSON.parse(JSON.stringify(doc));
}

const fresh = () => excerpt("/oauth/token", "/v1/leervragen", "/v1/leervragen/{id}", "/v1/leeruitwisselingen/{id}/days", "/v1/leerplekken",
  "/v1/medewerkers", "/v1/opleidingsregistraties/totals");
const one = "/v1/leervragen/{id}", list = "/v1/leervragen";
const sorting = (d) => d.paths[list].get.parameters.find((p) => p.name === "sort");
const drop = (items, name) => items.splice(items.findIndex((p) => p.name === name || p.$ref?.endsWith("/" + name)), 1);

const faults = [
  ["operation-id", "a noun alone", (d) => (d.paths[one].get.operationId = "leervraag")],
  ["operation-id", "a list that does not say so", (d) => (d.paths[list].get.operationId = "getLeervragen")],
  ["operation-id", "one that says it is a list", (d) => (d.paths[one].get.operationId = "listLeervraag")],
  ["one-tag", "two tags", (d) => d.paths[one].get.tags.push("match")],
  ["one-tag", "a tag that nobody explains", (d) => delete d.tags[0].description],
  ["path", "camelCase in a path", (d) => (d.paths["/v1/leerVragen"] = d.paths[list])],
  ["path", "a path beside /v1", (d) => (d.paths["/leervragen"] = d.paths[list])],
  ["problems", "an error that nobody documented", (d) => delete d.paths[one].get.responses[404]],
  ["problems", "no default", (d) => delete d.paths[one].patch.responses.default],
  ["problems", "an error that is no problem", (d) => (d.paths[list].post.responses[409] = { ...d.components.responses.Problem409, content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } } })],
  ["security", "an operation that asks for no token", (d) => (d.paths[one].get.security = [])],
  ["security", "the token's own door, closed", (d) => (d.paths["/oauth/token"].post.security = [{ bearerAuth: [] }])],
  ["lists", "a list without has_more", (d) => delete d.components.schemas.LeervraagPage.properties.has_more],
  ["lists", "a list without limit", (d) => drop(d.paths[list].get.parameters, "Limit")],
  ["lists", "a list of a thousand", (d) => (d.components.parameters.Limit.schema.maximum = 1000)],
  ["lists", "a list that cannot go on", (d) => drop(d.paths[list].get.parameters, "Cursor")],
  ["lists", "a list without a Link", (d) => delete d.paths[list].get.responses[200].headers.Link],
  ["sync", "a sync whose cursors live for ever", (d) => delete d.paths[list].get.responses[410]],
  ["etag", "a revision without an ETag", (d) => delete d.paths[one].get.responses[200].headers.ETag],
  ["etag", "a change that asks for no ETag", (d) => drop(d.paths[one].patch.parameters, "IfMatchRequired")],
  ["etag", "a required If-Match that is never missed", (d) => delete d.paths[one].patch.responses[428]],
  ["idempotency", "a POST that happens twice", (d) => drop(d.paths[list].post.parameters, "IdempotencyKey")],
  ["headers", "an answer that hides the quota", (d) => delete d.paths[one].get.responses[200].headers["RateLimit"]],
  ["headers", "429 without a time", (d) => delete d.components.responses.Problem429.headers["Retry-After"]],
  ["location", "something made nowhere", (d) => delete d.paths[list].post.responses[201].headers.Location],
  ["language", "an operation of one language", (d) => drop(d.paths[one].get.parameters, "AcceptLanguage")],
  ["merge-patch", "a patch of one media type", (d) => delete d.paths[one].patch.requestBody.content["application/merge-patch+json"]],
  ["merge-patch", "a patch that requires a member", (d) => (d.components.schemas.LeervraagInputPatch.required = ["title"])],
  ["snake-case", "a member in camelCase", (d) => (d.components.schemas.LeervraagInput.properties.sharedText = { type: "string", maxLength: 9 })],
  ["snake-case", "a parameter in camelCase", (d) => d.paths[list].get.parameters.push({ name: "switcherId", in: "query", description: "whose", schema: { type: "string", examples: ["x"] } })],
  ["values", "a value in capitals", (d) => d.components.schemas.LeervraagInput.properties.clarity.enum.push("Very clear")],
  ["names", "a schema called after its package", (d) => (d.components.schemas["leervraag.Wire"] = { ...d.components.schemas.Leervraag })],
  ["dates", "an instant that is text", (d) => delete d.components.schemas.Leervraag.properties.created_at.format],
  ["dates", "a date that is called otherwise", (d) => (d.components.schemas.Leervraag.properties.closing_date = { type: "string", format: "date" })],
  ["dates", "an instant that is called otherwise", (d) => (d.components.schemas.Leervraag.properties.opened = { type: ["string", "null"], format: "date-time" })],
  ["hours", "hours of any precision", (d) => delete d.components.schemas.LeeruitwisselingDay.properties.hours.multipleOf],
  ["money", "an amount in euros", (d) => (d.components.schemas.OpleidingsregistratieTotals.properties.cost_meals = { type: ["number", "null"] })],
  ["money", "a part of a cent", (d) => (d.components.schemas.OpleidingsregistratieTotals.properties.net_cost_cents.type = ["number", "null"])],
  ["money", "a text of cents", (d) => (d.components.schemas.OpleidingsregistratieTotals.properties.net_cost_cents.type = "string")],
  ["money", "a parameter in euros", (d) => d.paths[list].get.parameters.push({ name: "max_price", in: "query", description: "at most", schema: { type: "integer", examples: [1] } })],
  ["sort", "any order", (d) => delete sorting(d).schema.enum],
  ["sort", "an order that nobody named", (d) => delete sorting(d).schema.default],
  ["sort", "an order by another name", (d) => d.paths[list].get.parameters.push({ name: "order_by", in: "query", description: "the order", schema: { type: "string", examples: ["x"] } })],
  ["comma-lists", "a parameter that repeats", (d) => (d.paths[list].get.parameters.find((p) => p.schema?.type === "array").explode = true)],
  ["comma-lists", "a parameter with spaces", (d) => (d.paths[list].get.parameters.find((p) => p.schema?.type === "array").style = "spaceDelimited")],
  ["external-ids", "external ids that are texts", (d) => (d.components.schemas.Medewerker.properties.external_ids = { type: "array", items: { type: "string" } })],
  ["external-ids", "an external id with more than that", (d) => (d.components.schemas.ExternalIDInput.properties.since = { type: "string", maxLength: 9 })],
  ["external-ids", "an external id without its system", (d) => d.components.schemas.ExternalIDInput.required.splice(0, 1)],
  ["external-ids", "a system of any characters", (d) => delete d.components.schemas.ExternalID.properties.system.pattern],
  ["external-ids", "a value of any length", (d) => (d.components.schemas.ExternalIDInput.properties.value.maxLength = 500)],
  ["external-ids", "an external id asked for without its system", (d) => delete d.paths["/v1/medewerkers"].get.parameters.find((p) => p.name === "external_id").schema.pattern],
  ["ids", "an id of anything", (d) => delete d.components.schemas.Leervraag.properties.switcher_id.pattern],
  ["named-objects", "an object inside another", (d) => (d.components.schemas.Leervraag.properties.extra = { type: "object", properties: { a: { type: "string" } } })],
  ["named-objects", "an object spelled out in an operation", (d) => (d.paths[list].post.requestBody.content["application/json"].schema = { type: "object", additionalProperties: false, properties: { a: { type: "integer" } } })],
  ["examples", "a schema without an example", (d) => delete d.components.schemas.Leervraag.examples],
  ["examples", "a parameter without an example", (d) => delete d.components.parameters.Cursor.schema.examples],
  ["examples", "a header without an example", (d) => delete d.components.headers.ETag.schema.examples],
  ["answers-whole", "a member that may be missing", (d) => d.components.schemas.Leervraag.required.pop()],
  ["answers-open", "an answer that cannot grow", (d) => (d.components.schemas.Leervraag.additionalProperties = false)],
  ["requests-closed", "a request that takes anything", (d) => delete d.components.schemas.LeervraagInput.additionalProperties],
  ["requests-closed", "a part of a request that takes anything", (d) => delete d.components.schemas.PeriodInput.additionalProperties],
  ["bounded", "a text without an end", (d) => delete d.components.schemas.LeervraagInput.properties.title.maxLength],
  ["bounded", "a list without an end", (d) => delete d.components.schemas.LeervraagInput.properties.goals.maxItems],
  ["bounded", "texts without an end in a list", (d) => delete d.components.schemas.LeerplekInput.properties.requirements.items.maxLength],
  ["fitting", "a pattern of a list", (d) => (d.components.schemas.LeerplekInput.properties.languages.pattern = "^[a-z]{2}$")],
  ["words-of-3.1", "nullable", (d) => (d.components.schemas.Leervraag.properties.motive.nullable = true)],
];

test("the excerpt is without fault", async () => {
  assert.deepEqual(await lint(JSON.stringify(fresh())), []);
});

test("every rule has a fault planted for it", () => {
  assert.deepEqual([...new Set(faults.map(([rule]) => rule))].sort(), [...own].sort());
});

for (const [rule, what, plant] of faults)
  test(`${rule}: ${what}`, async () => {
    const doc = fresh();
    plant(doc);
    const found = await lint(JSON.stringify(doc));
    assert.ok(found.some((f) => f.code === rule), `found ${JSON.stringify(found.map((f) => [f.code, f.message]))}`);
  });
