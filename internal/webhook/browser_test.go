//go:build browser

package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A real browser shows the console: `make browser`. It asks no name server, and calls nothing but this machine.

// browse lets a browser draw a page, and returns the picture and what it said.
func browse(t *testing.T, url string, width, height int) (image.Image, string) {
	t.Helper()
	dir := t.TempDir()
	picture := filepath.Join(dir, "page.png")
	var said bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+picture, url)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, 5*time.Second // its children keep them open
	require.NoError(t, cmd.Run(), said.String())
	f, err := os.Open(picture)
	require.NoError(t, err, said.String())
	defer f.Close()
	drawn, err := png.Decode(f)
	require.NoError(t, err)
	return drawn, said.String()
}

// framing is somebody's page that shows another in a frame of this size, and the origin that it stands at.
func framing(t *testing.T, url string, width, height int) (origin string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Partner</title><body style="margin:0;background:#fff"><iframe src="%s" width="%d" height="%d" style="border:0;display:block"></iframe>`, url, width, height)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// differ is how many pixels of a corner of two pictures differ, of all that it has.
func differ(a, b image.Image, width, height int) (n int) {
	for y := range height {
		for x := range width {
			if a.At(x, y) != b.At(x, y) {
				n++
			}
		}
	}
	return n
}

// sticksOut is the first line where something reaches over the right edge of a page so wide: what stands at the left edge, the background
// or a bar, stands at the right edge too. It is -1 where nothing does.
func sticksOut(page image.Image, width, height int) int {
	for y := range height {
		if page.At(1, y) != page.At(width-2, y) {
			return y
		}
	}
	return -1
}

func TestBrowser_ShowsTheConsoleInAFrameThatTheTenantAllowsAndInNoOther(t *testing.T) {
	p := open(t)
	c := p.Admin()
	endpoint := c.Post(endpoints, object{"url": rude(t) + "/in?" + strings.Repeat("a-long-name-of-a-parameter&", 20), "event_types": []string{"organisation.*"}}).Is(201).Str("id")
	p.deliver()
	p.record()
	p.deliver()
	s := httptest.NewServer(p.App.Handler())
	t.Cleanup(s.Close)
	const phone, long, wide = 360, 1400, 900
	console := s.URL + link(c, nil) + "/endpoints/" + endpoint + "?lang=nl"
	allowed, refused := framing(t, console, phone, long), framing(t, console, phone, long)
	c.Patch("/v1/tenant", object{"frame_origins": []string{allowed}}, "If-Match", `"1"`).Is(200)

	shown, said := browse(t, allowed, wide, long)
	require.NotContains(t, said, "frame-ancestors")
	nothing, said := browse(t, refused, wide, long)
	require.Contains(t, said, "frame-ancestors", "the browser says why it shows nothing")
	require.Greater(t, differ(shown, nothing, phone, long), phone*long/100, "and shows something else")

	// It has the width of a phone, and nothing sticks out of it.
	require.Equal(t, -1, sticksOut(shown, phone, long))
	inked := 0
	for y := range long {
		for x := 2; x < phone-2; x++ {
			if shown.At(x, y) != shown.At(1, y) {
				inked++
				break
			}
		}
	}
	require.Greater(t, inked, long/4, "there is a lot to read")
	planted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Wide</title><p style="width:%dpx;background:#000">.`, 2*phone)
	}))
	t.Cleanup(planted.Close)
	broad, _ := browse(t, framing(t, planted.URL, phone, long), wide, long)
	require.Positive(t, sticksOut(broad, phone, long), "what does is seen")
}
