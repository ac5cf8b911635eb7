package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/switchingtalent/switchboard/internal/platform/mail"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// Setting is one environment variable of the program.
type Setting struct {
	Name, Default, Doc string
}

// Settings lists every environment variable that the program reads; serve --help prints it.
var Settings = []Setting{
	{"DATABASE_URL", "", "the database, as the app role; without it a private PostgreSQL starts in the data directory"},
	{"MIGRATE_DATABASE_URL", "", "the same database, as the role that owns the schema; migrate and import use it"},
	{"SWITCHBOARD_MASTER_KEY", "", "32 random bytes in base64 that seal keys and secrets at rest; without it a file in the data directory holds one"},
	{"SWITCHBOARD_PUBLIC_URL", "http://<addr>", "what links, problem types and tokens start with"},
	{"SWITCHBOARD_TRUSTED_PROXIES", "", "addresses or networks of proxies whose word on who calls is believed, with commas"},
	{"SWITCHBOARD_FORWARDED_HEADER", "X-Forwarded-For", "the header in which those proxies say it: X-Forwarded-For or Forwarded (RFC 7239)"},
	{"SWITCHBOARD_INSECURE_WEBHOOKS", "false", "true allows webhooks to http and loopback; loopback allows those and no others; refused unless the server itself listens on loopback"},
	{"SWITCHBOARD_SMTP_URL", "", "smtps://user:password@host:465?from=address, or smtp:// with STARTTLS: the mail server for warnings; without it no mail is sent"},
	{"SWITCHBOARD_METRICS_ADDR", "", "where /metrics listens; without it on the main port, while that is loopback"},
	{"SWITCHBOARD_METRICS_ENDPOINTS", "0", "how many webhook endpoints /metrics tells apart, by their ids: at most 1000; the rest is told together"},
	{"SWITCHBOARD_CLIENT_LIMIT", "6000", "requests a minute for one client"},
	{"SWITCHBOARD_PUBLIC_LIMIT", "600", "requests a minute for one address without a token"},
	{"SWITCHBOARD_KEEP_EVENTS", "720h", "how long the feed keeps facts, and deliveries: at least 144h, so that they outlast an endpoint that fails until it is disabled"},
	{"SWITCHBOARD_KEEP_TRIES", "", "how long each try of a delivery is kept, with what was answered; as long as facts unless it says otherwise"},
	{"SWITCHBOARD_LOG", "info", "debug, info, warn or error"},
}

// Config is what the environment and the flags say.
type Config struct {
	Addr             string // host:port
	Data             string // directory of the embedded database and the keys
	DatabaseURL      string
	MigrateURL       string
	MasterKey        string
	PublicURL        string
	TrustedProxies   []string
	Forwarded        string
	InsecureWebhooks bool
	LoopbackOnly     bool // and no webhooks elsewhere
	Mail             *mail.Sender
	MetricsAddr      string
	MetricsEndpoints int
	ClientLimit      web.Limit
	PublicLimit      web.Limit
	KeepEvents       time.Duration
	KeepTries        time.Duration
	LogLevel         slog.Level
}

// ReadConfig reads the environment. insecure is the default of SWITCHBOARD_INSECURE_WEBHOOKS.
func ReadConfig(addr, data string, insecure bool) (Config, error) {
	c := Config{Addr: addr, Data: data, DatabaseURL: os.Getenv("DATABASE_URL"), MigrateURL: os.Getenv("MIGRATE_DATABASE_URL"),
		MasterKey: os.Getenv("SWITCHBOARD_MASTER_KEY"), PublicURL: strings.TrimSuffix(os.Getenv("SWITCHBOARD_PUBLIC_URL"), "/"),
		MetricsAddr: os.Getenv("SWITCHBOARD_METRICS_ADDR"), Forwarded: os.Getenv("SWITCHBOARD_FORWARDED_HEADER"), InsecureWebhooks: insecure}
	for name, at := range map[string]string{"DATABASE_URL": c.DatabaseURL, "MIGRATE_DATABASE_URL": c.MigrateURL} {
		if err := decided(name, at); err != nil {
			return c, err
		}
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + addr
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c, fmt.Errorf("SWITCHBOARD_PUBLIC_URL is no URL: %q", c.PublicURL)
	}
	if s := os.Getenv("SWITCHBOARD_TRUSTED_PROXIES"); s != "" {
		for p := range strings.SplitSeq(s, ",") {
			c.TrustedProxies = append(c.TrustedProxies, strings.TrimSpace(p))
		}
	}
	var err error
	switch s := os.Getenv("SWITCHBOARD_INSECURE_WEBHOOKS"); s {
	case "":
	case "loopback":
		c.InsecureWebhooks, c.LoopbackOnly = true, true
	default:
		if c.InsecureWebhooks, err = strconv.ParseBool(s); err != nil {
			return c, fmt.Errorf("SWITCHBOARD_INSECURE_WEBHOOKS must be true, false or loopback, not %q", s)
		}
	}
	if c.InsecureWebhooks && !IsLoopback(addr) {
		return c, fmt.Errorf("SWITCHBOARD_INSECURE_WEBHOOKS needs a server that listens on loopback, not on %s", addr)
	}
	if s := os.Getenv("SWITCHBOARD_SMTP_URL"); s != "" {
		if c.Mail, err = mail.Open(s); err != nil {
			return c, fmt.Errorf("SWITCHBOARD_SMTP_URL: %w", err)
		}
	}
	if s := os.Getenv("SWITCHBOARD_METRICS_ENDPOINTS"); s != "" {
		if c.MetricsEndpoints, err = strconv.Atoi(s); err != nil || c.MetricsEndpoints < 0 || c.MetricsEndpoints > 1000 {
			return c, fmt.Errorf("SWITCHBOARD_METRICS_ENDPOINTS must be a whole number from 0 to 1000, not %q", s)
		}
	}
	if c.ClientLimit, err = perMinute("SWITCHBOARD_CLIENT_LIMIT", 6000); err != nil {
		return c, err
	}
	if c.PublicLimit, err = perMinute("SWITCHBOARD_PUBLIC_LIMIT", 600); err != nil {
		return c, err
	}
	if c.KeepEvents, err = keeping("SWITCHBOARD_KEEP_EVENTS", 30*24*time.Hour, webhook.LeastKept); err != nil {
		return c, err
	}
	if c.KeepTries, err = keeping("SWITCHBOARD_KEEP_TRIES", c.KeepEvents, time.Hour); err != nil {
		return c, err
	}
	for name, at := range map[string]string{"DATABASE_URL": c.DatabaseURL, "MIGRATE_DATABASE_URL": c.MigrateURL} {
		if err := decided(name, at); err != nil {
			return c, err
		}
	}
	if s := os.Getenv("SWITCHBOARD_LOG"); s != "" {
		if err := c.LogLevel.UnmarshalText([]byte(s)); err != nil {
			return c, fmt.Errorf("SWITCHBOARD_LOG must be debug, info, warn or error, not %q", s)
		}
	}
	return c, nil
}

// keeping reads how long something is kept, which is no shorter than least.
func keeping(name string, otherwise, least time.Duration) (time.Duration, error) {
	s := os.Getenv(name)
	if s == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > 10*365*24*time.Hour {
		return d, fmt.Errorf("%s must be a duration of at least %dh and at most ten years, like 720h, not %q", name, int(least.Hours()), s)
	}
	return d, nil
}

func perMinute(name string, otherwise int) (web.Limit, error) {
	n := otherwise
	if s := os.Getenv(name); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 || n > 10_000_000 {
			return web.Limit{}, fmt.Errorf("%s must be a whole number from 1 to 10000000, not %q", name, s)
		}
	}
	return web.Limit{Requests: n, Window: time.Minute}, nil
}

// IsLoopback reports whether host:port can be reached from this machine alone.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// decided refuses the address of a database on another machine that leaves it to chance whether its words are encrypted:
// PostgreSQL's own default, sslmode=prefer, falls back to plain text whenever the other side says so.
func decided(name, at string) error {
	if at == "" {
		return nil
	}
	c, err := pgconn.ParseConfig(at)
	if err != nil {
		return nil //nolint:nilerr // whoever connects says what is wrong with it
	}
	plain, encrypted := false, false
	for _, to := range append([]*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}, c.Fallbacks...) {
		if strings.HasPrefix(to.Host, "/") || IsLoopback(net.JoinHostPort(to.Host, "0")) {
			continue
		}
		plain, encrypted = plain || to.TLSConfig == nil, encrypted || to.TLSConfig != nil
	}
	if plain && encrypted {
		return fmt.Errorf("%s may fall back to plain text on its way to another machine: add sslmode=verify-full, or sslmode=disable where the network between is yours alone", name)
	}
	return nil
}
