// The rules of Spectral for our own conventions: how names, lists, answers, requests, problems and headers look is decided in
// one place, and every operation keeps it. rules.test.mjs plants a fault for each.
import { oas } from "@stoplight/spectral-rulesets";

const methods = ["get", "put", "post", "patch", "delete"];
const ref = (doc, v) => {
  for (; v?.$ref; ) v = v.$ref.slice(2).split("/").reduce((x, k) => x?.[k.replaceAll("~1", "/").replaceAll("~0", "~")], doc);
  return v ?? {};
};
const named = (v) => v?.$ref?.split("/").pop();
const secured = (op) => op.security?.length > 0;
const snake = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const json = (type) => /[/+]json$/.test(type);
// RFC 6749 says how a token is asked for, and what is answered when it is refused.
const byRFC6749 = (op) => op.operationId === "issueToken";

// operations lists every operation, with its path, method, parameters and where it stands.
function* operations(doc) {
  for (const [path, item] of Object.entries(doc.paths ?? {}))
    for (const method of methods) {
      const op = item[method];
      if (op) yield { path, method, op, at: ["paths", path, method], parameters: (op.parameters ?? []).map((p) => ref(doc, p)) };
    }
}

// answers lists every response of an operation, with its status as a number; the default is 0.
function* answers(doc, { op, at }) {
  for (const [status, raw] of Object.entries(op.responses ?? {}))
    yield { status: Number(status) || 0, key: status, response: ref(doc, raw), at: [...at, "responses", status] };
}

// schemas lists every schema at and below one that stands at a place, without following references.
function* schemas(schema, at, name) {
  if (!schema || typeof schema !== "object") return;
  yield { schema, at, name };
  for (const [m, s] of Object.entries(schema.properties ?? {})) yield* schemas(s, [...at, "properties", m], m);
  if (schema.items) yield* schemas(schema.items, [...at, "items"], name);
  if (schema.additionalProperties) yield* schemas(schema.additionalProperties, [...at, "additionalProperties"], undefined);
  for (const word of ["allOf", "anyOf", "oneOf"])
    for (const [i, s] of (schema[word] ?? []).entries()) yield* schemas(s, [...at, word, i], name);
}

// components lists every schema inside the named ones.
function* components(doc) {
  for (const [name, schema] of Object.entries(doc.components?.schemas ?? {}))
    for (const s of schemas(schema, ["components", "schemas", name])) yield { ...s, component: name };
}

// reached names the components that JSON bodies of requests or of answers are made of.
function reached(doc, side) {
  const found = new Set();
  const follow = (schema) => {
    for (const { schema: s } of schemas(schema, [])) {
      const name = named(s);
      if (name && !found.has(name)) {
        found.add(name);
        follow(doc.components.schemas[name]);
      }
    }
  };
  for (const o of operations(doc)) {
    const bodies = side === "requests" ? [o.op.requestBody] : [...answers(doc, o)].map((a) => a.response);
    for (const body of bodies)
      for (const [type, media] of Object.entries(body?.content ?? {})) if (json(type)) follow(media.schema);
  }
  return found;
}

function* inside(doc, side) {
  const of = reached(doc, side);
  for (const s of components(doc)) if (of.has(s.component)) yield s;
}

const types = (s) => [s.type ?? []].flat();
const fault = (message, at) => ({ message, path: at });

// rules: what each demands, and how it finds what does not meet it.
const rules = {
  "operation-id": ["operationIds are a verb and a noun like getLeervraag; what answers a list begins with list, and nothing else does", function* (doc) {
    for (const o of operations(doc)) {
      const id = o.op.operationId ?? "";
      const list = o.method === "get" && ref(doc, o.op.responses?.[200]?.content?.["application/json"]?.schema).properties?.data?.type === "array";
      if (!/^[a-z]+([A-Z][a-z0-9]*)+$/.test(id)) yield fault(`"${id}" is not a verb and a noun`, o.at);
      else if (list !== id.startsWith("list")) yield fault(`${id} ${list ? "answers" : "does not answer"} a list`, o.at);
    }
  }],
  "one-tag": ["every operation has one tag, which is described", function* (doc) {
    for (const o of operations(doc)) if (o.op.tags?.length !== 1) yield fault("has not exactly one tag", o.at);
    for (const [i, tag] of (doc.tags ?? []).entries()) if (!tag.description) yield fault(`tag ${tag.name} is not described`, ["tags", i]);
  }],
  "path": ["paths are kebab-case under /v1, their parameters snake_case; what the public meets stands beside it", function* (doc) {
    for (const path of Object.keys(doc.paths ?? {})) {
      if (!/^\/(v1|oauth|check|s|\.well-known)\//.test(path)) yield fault("is not under /v1", ["paths", path]);
      for (const part of path.split("/").slice(2))
        if (!/^([a-z0-9]+(-[a-z0-9]+)*|\{[a-z][a-z0-9_]*\}|[a-z-]+\.json)$/.test(part)) yield fault(`${part} is not kebab-case`, ["paths", path]);
    }
  }],
  "problems": ["every error of every operation is a problem (RFC 9457), and those that can occur are documented", function* (doc) {
    for (const o of operations(doc)) {
      if (byRFC6749(o.op)) continue;
      const want = ["400", "429", "500", "503", "default"];
      if (secured(o.op)) want.push("401", "403");
      if (o.path.includes("{")) want.push("404");
      if (o.method !== "get") want.push("409", "413", "422");
      if (o.op.requestBody) want.push("415");
      for (const status of want) if (!o.op.responses?.[status]) yield fault(`does not say what ${status} is`, o.at);
      for (const a of answers(doc, o))
        if ((a.status === 0 || a.status >= 400) && named(a.response.content?.["application/problem+json"]?.schema) !== "Problem")
          yield fault(`${a.key} is not application/problem+json`, a.at);
    }
  }],
  "security": ["every operation under /v1 asks for a token, by oauth2 with its scope or as a bearer; elsewhere it says that it asks for none", function* (doc) {
    for (const o of operations(doc)) {
      const schemes = (o.op.security ?? []).flatMap(Object.keys).sort().join();
      if (o.path.startsWith("/v1/") ? schemes !== "bearerAuth,oauth2" : o.op.security?.length !== 0) yield fault("says otherwise who may call it", o.at);
    }
  }],
  "lists": ["a list answers data, has_more and next_cursor, and a Link header; it takes limit and cursor, of 100 rows at most and 25 by default", function* (doc) {
    for (const o of operations(doc)) {
      if (!o.op.operationId?.startsWith("list") || whole.has(o.op.operationId)) continue;
      const answer = ref(doc, o.op.responses?.[200]);
      const { properties: p = {} } = ref(doc, answer.content?.["application/json"]?.schema);
      if (p.data?.type !== "array" || p.has_more?.type !== "boolean" || !types(p.next_cursor ?? {}).includes("string"))
        yield fault("does not answer data, has_more and next_cursor", o.at);
      if (!answer.headers?.Link) yield fault("has no Link header", o.at);
      const limit = o.parameters.find((q) => q.name === "limit")?.schema;
      if (limit?.maximum !== 100 || limit?.default !== 25) yield fault("does not take limit, 25 by default and 100 at most", o.at);
      if (!o.parameters.some((q) => q.name === "cursor")) yield fault("does not take cursor", o.at);
    }
  }],
  "sync": ["what can be followed by updated_since says with 410 when a cursor is too old", function* (doc) {
    for (const o of operations(doc)) {
      if (!o.parameters.some((q) => q.name === "updated_since")) continue;
      if (!o.op.responses?.[410]) yield fault("does not say what 410 is", o.at);
    }
  }],
  "etag": ["what answers one resource has an ETag; what changes one takes If-Match, and answers 412, and 428 where If-Match is required", function* (doc) {
    for (const o of operations(doc)) {
      const headers = ref(doc, o.op.responses?.[200]).headers;
      const of = ref(doc, ref(doc, o.op.responses?.[200]).content?.["application/json"]?.schema).properties ?? {};
      if ("revision" in of && !headers?.ETag) yield fault("answers a revision and no ETag", o.at);
      const match = o.parameters.find((q) => q.name === "If-Match");
      if (o.method === "patch" && !match) yield fault("does not take If-Match", o.at);
      if (match && !o.op.responses?.[412]) yield fault("takes If-Match and does not say what 412 is", o.at);
      if (match?.required && !o.op.responses?.[428]) yield fault("requires If-Match and does not say what 428 is", o.at);
    }
  }],
  "idempotency": ["every POST that needs a token takes an Idempotency-Key", function* (doc) {
    for (const o of operations(doc))
      if (o.method === "post" && secured(o.op) && !o.parameters.some((q) => q.name === "Idempotency-Key")) yield fault("takes no Idempotency-Key", o.at);
  }],
  "headers": ["every answer says what is left of the quota, and its request; 429 says when to come back", function* (doc) {
    for (const o of operations(doc))
      for (const a of answers(doc, o)) {
        const want = ["RateLimit", "RateLimit-Policy", "Request-Id", ...(a.status === 429 ? ["Retry-After"] : [])];
        for (const h of want) if (!a.response.headers?.[h]) yield fault(`${a.key} has no ${h}`, a.at);
      }
  }],
  "location": ["what makes something says where it is", function* (doc) {
    for (const o of operations(doc))
      for (const a of answers(doc, o))
        if ((a.status === 201 || a.status === 202) && !a.response.headers?.Location) yield fault(`${a.key} has no Location`, a.at);
  }],
  "language": ["every operation takes Accept-Language", function* (doc) {
    for (const o of operations(doc)) if (!o.parameters.some((q) => q.name === "Accept-Language")) yield fault("takes no Accept-Language", o.at);
  }],
  "merge-patch": ["a PATCH is a JSON merge patch (RFC 7396), under both its media types, and no member of it is required", function* (doc) {
    for (const o of operations(doc)) {
      if (o.method !== "patch") continue;
      const content = o.op.requestBody?.content ?? {};
      if (Object.keys(content).sort().join() !== "application/json,application/merge-patch+json") yield fault("is not a merge patch", o.at);
      for (const media of Object.values(content)) if (ref(doc, media.schema).required?.length) yield fault("requires members", o.at);
    }
  }],
  "snake-case": ["members and parameters are snake_case", function* (doc) {
    for (const s of components(doc))
      for (const m of Object.keys(s.schema.properties ?? {})) if (!foreign.has(s.component) && !snake.test(m)) yield fault(`${m} is not snake_case`, [...s.at, "properties", m]);
    for (const o of operations(doc))
      for (const p of o.parameters) if (p.in !== "header" && !snake.test(p.name)) yield fault(`${p.name} is not snake_case`, o.at);
  }],
  "values": ["values of enums are lower case: snake_case, kebab-case, noun:verb or noun.verb; an order may begin with -", function* (doc) {
    for (const s of components(doc))
      for (const v of s.schema.enum ?? [])
        if (typeof v === "string" && !foreign.has(s.component) && !/^[a-z0-9]+([_-][a-z0-9]+)*([:.][a-z0-9_]+)?$/.test(v)) yield fault(`${v} is spelled otherwise`, s.at);
  }],
  "names": ["schemas are called in one word, like LeervraagPage: no package, no hyphen", function* (doc) {
    for (const name of Object.keys(doc.components?.schemas ?? {}))
      if (!/^([A-Z][a-z0-9]*)+$/.test(name)) yield fault(`${name} is spelled otherwise`, ["components", "schemas", name]);
  }],
  "dates": ["what ends in _at is an instant and in _on a date; an instant may also say since, before, after, from or until when", function* (doc) {
    for (const s of components(doc)) {
      const { schema } = s;
      if (!s.name || !types(schema).includes("string") || schema.pattern || schema.enum) continue;
      const instant = schema.format === "date-time", date = schema.format === "date";
      if (/_at$/.test(s.name) && !instant) yield fault(`${s.name} is no instant`, s.at);
      if (/_on$/.test(s.name) && !date) yield fault(`${s.name} is no date`, s.at);
      if (instant && !/^timestamp$|(^|_)(at|since|before|after|from|until)$/.test(s.name)) yield fault(`${s.name} is an instant`, s.at);
      if (date && !/_on$/.test(s.name)) yield fault(`${s.name} is a date`, s.at);
    }
  }],
  "hours": ["hours are numbers of two decimals at most", function* (doc) {
    for (const s of components(doc))
      if (/(^|_)hours$/.test(s.name ?? "") && types(s.schema).includes("number") && s.schema.multipleOf !== 0.01) yield fault(`${s.name} may have more decimals`, s.at);
  }],
  "money": ["money is whole cents, in members and parameters that end in _cents", function* (doc) {
    const judge = function* (name, schema, at) {
      const cents = /(^|_)cents$/.test(name);
      if (!cents && /(^|_)(amount|budget|costs?|euros?|fee|grants?|money|paid|prices?|salary|wages?)(_|$)/.test(name) && types(schema).some((t) => t === "number" || t === "integer"))
        yield fault(`${name} is an amount and not called ${name}_cents`, at);
      if (cents && types(schema).filter((t) => t !== "null").join() !== "integer") yield fault(`${name} is no whole number`, at);
    };
    for (const s of components(doc)) if (s.name && !unpaid.has(s.component)) yield* judge(s.name, s.schema, s.at);
    for (const o of operations(doc)) for (const p of o.parameters) yield* judge(p.name, ref(doc, p.schema), o.at);
  }],
  "sort": ["an order is asked for by sort, which lists the orders that there are and says which one holds without it", function* (doc) {
    for (const o of operations(doc))
      for (const p of o.parameters) {
        if (p.in === "query" && /^(order|order_by|sort_by|sorting|direction|asc|desc)$/.test(p.name)) yield fault(`${p.name} is not called sort`, o.at);
        const s = ref(doc, p.schema);
        if (p.name === "sort" && !(s.enum?.length > 0 && s.enum.includes(s.default))) yield fault("sort lists no orders, or not the one that holds without it", o.at);
      }
  }],
  "comma-lists": ["several values of one parameter stand in it with commas", function* (doc) {
    for (const o of operations(doc))
      for (const p of o.parameters)
        if (types(ref(doc, p.schema)).includes("array") && (p.in !== "query" || p.style !== "form" || p.explode !== false)) yield fault(`${p.name} repeats instead of taking commas`, o.at);
  }],
  "external-ids": ["an external id is a system of 32 characters and a value of 128 at most; external_ids are a list of them, and external_id asks for one as system:value", function* (doc) {
    const system = /^\^\[a-z0-9_-\]\+/;
    for (const s of components(doc)) {
      if (!/(^|_)external_ids?$/.test(s.name ?? "") || !Object.keys(s.schema).length) continue;
      if (s.at.at(-1) === "items") continue; // it is judged with its list
      const one = ref(doc, s.schema.items), { system: of, value } = one.properties ?? {};
      if (!types(s.schema).includes("array") || Object.keys(one.properties ?? {}).sort().join() !== "system,value" || [...(one.required ?? [])].sort().join() !== "system,value")
        yield fault(`${s.name} is no list of system and value`, s.at);
      else if (named(s.schema.items) !== "FactExternalId" && (of.maxLength !== 32 || of.minLength !== 1 || !system.test(of.pattern ?? "") || value.maxLength !== 128 || value.minLength !== 1)) // a fact tells what was taken
        yield fault(`${s.name} takes other systems or values`, s.at);
    }
    for (const o of operations(doc))
      for (const p of o.parameters) {
        const s = ref(doc, p.schema);
        if (p.name === "external_id" && !(system.test(s.pattern ?? "") && s.pattern.startsWith("^[a-z0-9_-]+:") && s.maxLength === 161)) yield fault("external_id is not system:value", o.at);
      }
  }],
  "ids": ["ids say of what they are: a prefix of three letters, an underscore and 26 digits of base32", function* (doc) {
    for (const s of components(doc)) {
      if (!/(^|_)ids?$/.test(s.name ?? "") || !types(s.schema).includes("string") || /external_id|^subject_id$/.test(s.name)) continue;
      if (!/^\^(\(?[a-z|]+\)?|\[a-z\]\{3\})_\[0-7\]\[0-9a-hjkmnp-tv-z\]\{25\}\$$/.test(s.schema.pattern ?? "") && !foreign.has(s.component)) yield fault(`${s.name} has no prefix`, s.at);
    }
  }],
  "named-objects": ["every object has a name: nothing is spelled out in an operation or inside another", function* (doc) {
    for (const s of components(doc)) if (s.at.length > 3 && s.schema.properties) yield fault("is an object without a name", s.at);
    for (const o of operations(doc)) {
      const bodies = [[o.op.requestBody, [...o.at, "requestBody"]], ...[...answers(doc, o)].map((a) => [a.response, a.at])];
      for (const [body, at] of bodies)
        for (const [type, media] of Object.entries(body?.content ?? {}))
          for (const s of schemas(media.schema, [...at, "content", type, "schema"])) if (s.schema.properties) yield fault("is an object without a name", s.at);
    }
  }],
  "examples": ["every schema, parameter and header shows an example", function* (doc) {
    for (const [name, s] of Object.entries(doc.components?.schemas ?? {})) if (!s.examples?.length) yield fault(`${name} shows none`, ["components", "schemas", name]);
    for (const o of operations(doc))
      for (const p of o.parameters) if (!p.schema?.examples?.length) yield fault(`${p.name} shows none`, o.at);
    for (const [name, h] of Object.entries(doc.components?.headers ?? {})) if (!h.schema?.examples?.length) yield fault(`${name} shows none`, ["components", "headers", name]);
  }],
  "answers-whole": ["answers carry every member, null where there is nothing; a problem says what it can", function* (doc) {
    for (const s of inside(doc, "answers"))
      for (const m of Object.keys(s.schema.properties ?? {}))
        if (!s.component.startsWith("Problem") && !s.schema.required?.includes(m)) yield fault(`${m} may be missing`, s.at);
  }],
  "answers-open": ["answers are open: members may be added", function* (doc) {
    for (const s of inside(doc, "answers")) if (s.schema.additionalProperties === false) yield fault("is closed", s.at);
  }],
  "requests-closed": ["requests are closed: members that nobody knows are refused", function* (doc) {
    for (const s of inside(doc, "requests")) if (s.schema.properties && s.schema.additionalProperties !== false) yield fault("is open", s.at);
  }],
  "bounded": ["texts and lists in requests have a length", function* (doc) {
    for (const s of inside(doc, "requests")) {
      const { schema } = s;
      if (types(schema).includes("string") && !schema.enum && !schema.const && !schema.maxLength && !(schema.pattern && !endless.test(schema.pattern)) && !/^date/.test(schema.format ?? "")) yield fault("may be of any length", s.at);
      if (types(schema).includes("array") && !schema.maxItems) yield fault("may hold any number", s.at);
    }
  }],
  "fitting": ["what is said of a text is said of a text, and of a list of a list", function* (doc) {
    const of = { string: ["pattern", "minLength", "maxLength"], array: ["minItems", "maxItems", "uniqueItems"] };
    for (const s of components(doc))
      for (const [type, words] of Object.entries(of))
        for (const w of words) if (w in s.schema && s.schema.type && !types(s.schema).includes(type)) yield fault(`${w} means nothing here`, s.at);
  }],
  "words-of-3.1": ["nullable and example are words of OpenAPI 3.0", function* (doc) {
    for (const s of components(doc)) for (const w of ["nullable", "example"]) if (w in s.schema) yield fault(`says ${w}`, s.at);
  }],
};

// endless patterns bound nothing: they repeat something without end.
const endless = /[*+]|\{\d+,\}/;

// whole are lists that are computed or short, and answered whole.
const whole = new Set(["listEventTypes", "listLeerplekCoaches", "listSuggestions", "listTopics", "listOrganisationDuplicates"]);
// unpaid are schemas that tell a price in points.
const unpaid = new Set(["MatchingRunExplanation"]);
// foreign are schemas whose words others chose: RFC 6749 and 7517, the receiver of a webhook, whoever wrote a questionnaire.
const foreign = new Set(["Token", "Key", "WebhookOAuth", "WebhookOAuthShown", "SurveyQuestion", "SubmitSurveyForm"]);

export const own = Object.keys(rules);

export default {
  extends: [oas],
  rules: {
    // Whom a caller asks is the ST-partner of its tenant.
    "info-contact": "off",
    // It takes the examples of /v1/event-types, which are schemas with examples of their own, for parts of the document; a Go
    // test holds every example to its schema.
    "oas3-valid-schema-example": "off",
    "oas3-valid-media-example": "off",
    ...Object.fromEntries(
      Object.entries(rules).map(([name, [description, check]]) => [
        name,
        { description, message: "{{error}}", severity: "error", resolved: false, given: "$", then: { function: (doc) => [...check(doc)] } },
      ]),
    ),
  },
};
