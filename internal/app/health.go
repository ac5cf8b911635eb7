package app

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/migrations"
)

// The clocks of the application and the database must agree: times are compared across both.
const maxSkew = 5 * time.Second

// maxQueueAge is how long a delivery may be due before somebody should look.
const maxQueueAge = 10 * time.Minute

func (a *App) health() []web.Route {
	routes := []web.Route{
		web.Open(http.MethodGet, "/livez", http.StatusOK, a.live, web.Undocumented, web.CountedBy(web.ByNobody)),
		web.Open(http.MethodGet, "/readyz", http.StatusOK, a.ready, web.Undocumented, web.CountedBy(web.ByNobody)),
	}
	if a.options.MetricsHere {
		routes = append(routes, web.Open(http.MethodGet, "/metrics", http.StatusOK, a.scrape, web.Undocumented, web.CountedBy(web.ByNobody)))
	}
	return routes
}

// live says that the process answers; it asks nobody else.
func (a *App) live(context.Context, *db.DB, struct{}) (web.HTML, error) {
	return web.HTML{Status: http.StatusOK, Type: "text/plain; charset=utf-8", Bytes: []byte("ok\n")}, nil
}

// ready says whether this process can serve: database, schema, the order of changes, clocks.
func (a *App) ready(ctx context.Context, _ *db.DB, _ struct{}) (web.HTML, error) {
	checks := a.readiness.look(context.WithoutCancel(ctx), time.Now(), a.Check)
	status := http.StatusOK
	for _, c := range checks {
		if !c.OK {
			status = http.StatusServiceUnavailable
		}
	}
	b, err := json.Marshal(map[string]any{"ready": status == http.StatusOK, "checks": checks})
	return web.HTML{Status: status, Type: "application/json", Bytes: append(b, '\n')}, err
}

// readyFor is how long an answer of /readyz is given again: strangers may ask, and the database is not theirs to keep busy.
const readyFor = time.Second

// readiness is what was last found, by one caller for all.
type readiness struct {
	mu    sync.Mutex
	at    time.Time
	found []Check
}

func (r *readiness) look(ctx context.Context, now time.Time, check func(context.Context) []Check) []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found == nil || now.Sub(r.at) >= readyFor {
		r.found, r.at = check(ctx), now
	}
	return r.found
}

// Check is one thing that must be right before serving.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Say  string `json:"say,omitempty"` // what is wrong, without data
}

// Check looks at everything that serving needs.
func (a *App) Check(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var (
		version int
		same    bool
		now     time.Time
	)
	before := time.Now()
	err := a.DB.Platform(ctx, "readiness", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select (select max(version) from public.schema_migrations),
			(select c.system_identifier = s.system_identifier from platform.cluster c, pg_control_system() s),
			clock_timestamp()`).Scan(&version, &same, &now)
	})
	asked := time.Since(before)
	var age time.Duration
	if err == nil {
		age, err = a.Webhooks.QueueAge(ctx)
	}
	if err != nil {
		return []Check{{"database", false, "it does not answer"}}
	}
	skew := now.Sub(before.Add(asked / 2)).Abs()
	out := []Check{{"database", true, ""}, {"migrations", version == migrations.Count(), ""}, {"positions", same, ""}, {"clocks", skew < maxSkew, ""},
		{"queue", true, ""}}
	if !out[1].OK {
		out[1].Say = "run switchboard migrate"
	}
	if !same {
		out[2].Say = "the database was restored on another cluster: run switchboard migrate"
	}
	if !out[3].OK {
		out[3].Say = "the clocks of application and database differ by " + skew.Round(time.Second).String()
	}
	if age > maxQueueAge {
		out[4].Say = "deliveries are late: is a worker running?" // late deliveries do not make a server unfit
	}
	return out
}
