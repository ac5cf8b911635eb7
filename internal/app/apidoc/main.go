// Command apidoc writes what stands under api/: the OpenAPI and AsyncAPI documents, and a schema and an example for each
// type of fact.
package main

import (
	"flag"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/switchingtalent/switchboard/internal/app"
)

func main() {
	root := flag.String("root", ".", "the root of the repository")
	flag.Parse()
	log.SetFlags(0)
	files, err := app.Files(*root)
	if err != nil {
		log.Fatal("apidoc: ", err)
	}
	events := filepath.Join(*root, "api", "events")
	if err := os.RemoveAll(events); err != nil { // a type that is gone leaves no schema behind
		log.Fatal(err)
	}
	if err := os.MkdirAll(events, 0o755); err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(*root, "api", name), files[name], 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
