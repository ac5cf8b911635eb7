// Lints a document with Spectral and our own rules: node lint.mjs openapi.json prints what is wrong, and fails when anything is.
import { readFileSync } from "node:fs";
import core from "@stoplight/spectral-core";
import rules from "./rules.mjs";

// lint returns what is wrong with a document, given as text.
export async function lint(text) {
  const spectral = new core.Spectral();
  spectral.setRuleset(rules);
  return spectral.run(text);
}

if (process.argv[1] === import.meta.filename) {
  const found = await lint(readFileSync(process.argv[2], "utf8"));
  for (const f of found) console.log(`${f.path.join(" > ")}: ${f.message} [${f.code}]`);
  process.exitCode = found.length ? 1 : 0;
}
