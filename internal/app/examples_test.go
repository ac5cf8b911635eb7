//go:build examples

package app_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
)

// These tests run the examples of docs/webhooks/verify that are not in Go beside the official libraries of TypeScript (from npm) and
// Python (whose source comes with the module that is Go's), with the programs of those languages: `make examples`.

// drivers read parcels, one a line, and print yes or no for each. A line is six words in base64: secret, id, timestamp,
// signature, body, public key; an empty one is a hyphen.
var drivers = []struct {
	language, file string
	needed         bool // the others run where their programs are
	files          map[string]string
	build, run     []string
}{
	{"Python", "verify.py", true, map[string]string{"run.py": `
import base64, json, sys
sys.path.append(sys.argv[1])
from standardwebhooks import Webhook
from verify import verify
for line in sys.stdin:
    secret, mid, stamp, sig, body, _ = (b"" if w == "-" else base64.b64decode(w) for w in line.split())
    headers = {"webhook-id": mid.decode(), "webhook-timestamp": stamp.decode(), "webhook-signature": sig.decode()}
    ours, official = verify(secret.decode(), headers, body), True
    try:
        Webhook(secret.decode()).verify(body, headers)
    except json.JSONDecodeError:
        pass  # an empty body that was well signed is no JSON
    except Exception:
        official = False
    print(("yes" if ours else "no") if ours == official else f"example says {ours}, library says {official}")
`}, nil, []string{"python3", "-B", "run.py", official}},
	{"TypeScript", "verify.ts", true, map[string]string{"package.json": `{"type": "module", "private": true}`, "run.mjs": `
import { verify, verifyByKey } from "./verify.js";
import { Webhook } from "standardwebhooks";
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [secret, id, stamp, signature, body, key] = line.split(" ").map((w) => (w === "-" ? Buffer.alloc(0) : Buffer.from(w, "base64")));
  const headers = { "webhook-id": id.toString(), "webhook-timestamp": stamp.toString(), "webhook-signature": signature.toString() };
  const ours = verify(secret.toString(), headers, body);
  let official = true;
  try {
    new Webhook(secret.toString()).verify(body.toString(), headers, { jsonParse: false });
  } catch (e) {
    official = e.constructor.name === "SyntaxError"; // an empty body that was well signed is no JSON
  }
  const byKey = verifyByKey(key.toString(), headers, body);
  console.log(ours === official && ours === byKey ? (ours ? "yes" : "no") : "example says " + ours + ", by key " + byKey + ", library says " + official);
}
`}, []string{"npm exec --offline -- tsc --strict --module nodenext --moduleResolution nodenext --target es2022 --types node verify.ts"}, []string{"node", "run.mjs"}},
	{"Java", "Verify.java", false, map[string]string{"Run.java": `
import java.io.*;
import java.time.Instant;
import java.util.*;
public final class Run {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            byte[][] w = Arrays.stream(line.split(" ")).map(x -> x.equals("-") ? new byte[0] : Base64.getDecoder().decode(x)).toArray(byte[][]::new);
            Map<String, String> h = Map.of("webhook-id", new String(w[1]), "webhook-timestamp", new String(w[2]), "webhook-signature", new String(w[3]));
            System.out.println(Verify.verify(new String(w[0]), h, w[4], Instant.now()) ? "yes" : "no");
        }
    }
}
`}, []string{"javac Verify.java Run.java"}, []string{"java", "-cp", ".", "Run"}},
	{"PHP", "verify.php", false, map[string]string{"run.php": `<?php
require 'verify.php';
while (($line = fgets(STDIN)) !== false) {
    [$secret, $id, $stamp, $signature, $body, $key] = array_map(fn ($w) => $w === '-' ? '' : base64_decode($w), explode(' ', trim($line)));
    echo verify($secret, ['webhook-id' => $id, 'webhook-timestamp' => $stamp, 'webhook-signature' => $signature], $body) ? "yes\n" : "no\n";
}
`}, nil, []string{"php", "run.php"}},
	{"C#", "Verify.cs", false, map[string]string{"Run.cs": `
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
public static class Run
{
    public static void Main()
    {
        for (string line; (line = Console.In.ReadLine()) != null;)
        {
            var w = line.Split(' ').Select(x => x == "-" ? new byte[0] : Convert.FromBase64String(x)).ToArray();
            var h = new Dictionary<string, string> { { "webhook-id", Encoding.UTF8.GetString(w[1]) }, { "webhook-timestamp", Encoding.UTF8.GetString(w[2]) },
                { "webhook-signature", Encoding.UTF8.GetString(w[3]) } };
            Console.WriteLine(Verify.Delivery(Encoding.UTF8.GetString(w[0]), h, w[4], DateTimeOffset.UtcNow) ? "yes" : "no");
        }
    }
}
`}, []string{"mcs Verify.cs Run.cs -out:Run.exe"}, []string{"mono", "Run.exe"}},
}

// official stands for the folder of the official library in the arguments of a driver.
const official = "{official}"

// officialPython is where the source of the official Python library is: its repository is one Go module, with all languages in it.
func officialPython(t *testing.T) string {
	t.Helper()
	dir := strings.TrimSpace(command(t, root, nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/standard-webhooks/standard-webhooks/libraries"))
	require.FileExists(t, filepath.Join(dir, "python", "standardwebhooks", "webhooks.py"))
	return filepath.Join(dir, "python")
}

// npmInstall gets packages of npm into a folder.
func npmInstall(t *testing.T, dir string, packages ...string) {
	t.Helper()
	command(t, dir, nil, "npm", append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"}, packages...)...)
}

func command(t *testing.T, dir string, stdin []byte, name string, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &out, &said
	require.NoError(t, cmd.Run(), "%s %v: %s%s", name, args, out.String(), said.String())
	return out.String()
}

func TestExamples_TakeWhatWeSendAndNothingElse(t *testing.T) {
	t.Parallel()
	all := parcels(t)
	var lines bytes.Buffer
	var want []string
	for _, p := range all {
		var words []string
		for _, w := range [][]byte{[]byte(p.Secret), []byte(p.Headers["webhook-id"]), []byte(p.Headers["webhook-timestamp"]), []byte(p.Headers["webhook-signature"]), p.Body, []byte(p.Public)} {
			word := "-"
			if len(w) > 0 {
				word = base64.StdEncoding.EncodeToString(w)
			}
			words = append(words, word)
		}
		lines.WriteString(strings.Join(words, " ") + "\n")
		want = append(want, p.Why+": "+map[bool]string{true: "yes", false: "no"}[p.Genuine])
	}
	for _, d := range drivers {
		t.Run(d.language, func(t *testing.T) {
			if _, err := exec.LookPath(d.run[0]); err != nil && !d.needed {
				t.Logf("%s is left out: there is no %s here", d.language, d.run[0])
				return
			}
			dir := t.TempDir()
			source, err := os.ReadFile(filepath.Join(root, "docs", "webhooks", "verify", d.file))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, d.file), source, 0o600))
			for name, text := range d.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			if d.language == "TypeScript" {
				npmInstall(t, dir, "standardwebhooks@1.1.1", "typescript@5.9.3", "@types/node@22.20.5")
			}
			for _, b := range d.build {
				words := strings.Fields(b)
				command(t, dir, nil, words[0], words[1:]...)
			}
			run := slices.Clone(d.run)
			if i := slices.Index(run, official); i >= 0 {
				run[i] = officialPython(t)
			}
			var got []string
			for i, line := range strings.Split(strings.TrimSpace(command(t, dir, lines.Bytes(), run[0], run[1:]...)), "\n") {
				require.Less(t, i, len(all))
				got = append(got, all[i].Why+": "+line)
			}
			require.Equal(t, want, got)
		})
	}
}

// The document is what AsyncAPI's own schema says that one is.
func TestExamples_AsyncAPIIsValid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	npmInstall(t, dir, "@asyncapi/specs@6.8.0")
	schema, err := os.ReadFile(filepath.Join(dir, "node_modules", "@asyncapi", "specs", "schemas", "3.0.0-without-$id.json"))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("asyncapi-3.0.0.json", doc))
	s, err := c.Compile("asyncapi-3.0.0.json")
	require.NoError(t, err)
	ours, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.AsyncAPI))
	require.NoError(t, err)
	require.NoError(t, s.Validate(ours))
	delete(ours.(map[string]any), "info")
	require.Error(t, s.Validate(ours))
}
