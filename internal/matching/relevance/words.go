package relevance

import (
	"embed"
	"strings"
)

//go:embed words/*.txt thesaurus/*.txt
var shippedFiles embed.FS

var (
	stopWords    = wordSet("words/stop.txt")
	weakWords    = wordSet("words/weak.txt")
	blockedParts = wordSet("words/nopart.txt")
	boilerplate  = readPhrases("words/ask.txt")
)

// shippedLines are the lines of a file that is shipped, without comments and empty ones.
func shippedLines(name string) []string {
	text, err := shippedFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func wordsOf(text string) []string {
	var out []string
	eachWord(text, nil, func(w []byte) { out = append(out, string(w)) })
	return out
}

func wordSet(name string) map[string]bool {
	out := map[string]bool{}
	for _, line := range shippedLines(name) {
		for _, w := range wordsOf(line) {
			out[w] = true
		}
	}
	return out
}

// readPhrases gives phrases by their first word, longest first where they share it. "" stands for any one word.
func readPhrases(name string) map[string][][]string {
	out := map[string][][]string{}
	for _, line := range shippedLines(name) {
		var p []string
		for _, f := range strings.Fields(line) {
			if f == "*" {
				p = append(p, "")
				continue
			}
			p = append(p, wordsOf(f)...)
		}
		out[p[0]] = append(out[p[0]], p)
	}
	return out
}

// strip leaves out of the words of a question those with which people ask.
func strip(words []string) []string {
	var out []string
	for i := 0; i < len(words); {
		longest := 0
		for _, p := range boilerplate[words[i]] {
			if len(p) > longest && startsWith(words[i:], p) {
				longest = len(p)
			}
		}
		if longest == 0 {
			out = append(out, words[i])
			longest = 1
		}
		i += longest
	}
	return out
}

func startsWith(words, phrase []string) bool {
	if len(words) < len(phrase) {
		return false
	}
	for i, p := range phrase {
		if p != "" && p != words[i] {
			return false
		}
	}
	return true
}
