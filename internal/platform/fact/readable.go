package fact

import (
	"maps"
	"slices"
	"strings"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
)

// readers says whose permission to read opens the facts of a noun that has none of its own name.
var readers = map[string]auth.Permission{
	"kennismakingsgesprek": "leeruitwisseling:read", // a part of the exchange
	"webhook_endpoint":     "webhook:read",
}

// Readable lists the nouns, sorted, whose facts a holder of these permissions may follow: those that it may read.
func Readable(perms []auth.Permission) []string {
	nouns := map[string]bool{}
	for _, n := range auth.ReadableNouns(perms) {
		nouns[n] = true
	}
	for n, p := range readers {
		if slices.Contains(perms, p) {
			nouns[n] = true
		}
	}
	return slices.Sorted(maps.Keys(nouns))
}

// Matching are the types of facts that are asked for by their name, by their noun (leerbewijs.*), or all together (*).
func Matching(asked []string) []*Type {
	return slices.DeleteFunc(Types(), func(t *Type) bool {
		return !slices.Contains(asked, "*") && !slices.Contains(asked, t.Name) && !slices.Contains(asked, t.Noun()+".*")
	})
}

// Pattern reads what a caller asks for: the name of a type, all types of a noun (leerbewijs.*), or all (*). It returns
// the pattern for SQL's LIKE and the noun, which is empty for all, or reports that no type of fact is called so.
func Pattern(asked string) (like, noun string, known bool) {
	if asked == "*" {
		return "%", "", true
	}
	noun, what, _ := strings.Cut(asked, ".")
	known = slices.ContainsFunc(Types(), func(t *Type) bool { return t.Name == asked || what == "*" && t.Noun() == noun })
	// An underscore stands for any character in LIKE.
	like = strings.ReplaceAll(noun, "_", `\_`) + "."
	if what == "*" {
		return like + "%", noun, known
	}
	return like + strings.ReplaceAll(what, "_", `\_`), noun, known
}
