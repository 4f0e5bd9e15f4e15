package systemtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const signingSecret = "system-test-secret-decaf"

// sends numbers the requests, so that each has another id that is not signed.
var sends atomic.Int64

// signedRequest returns a request with an event whose body is signed, and
// nothing else of it.
func signedRequest(t *testing.T, url, id string) *http.Request {
	t.Helper()
	req := newRequest(url, id)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	req.Body, err = req.GetBody()
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte(signingSecret))
	mac.Write(body)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	delivery := strconv.FormatInt(sends.Add(1), 10)
	req.Header.Set("X-GitHub-Delivery", delivery)
	req.Header.Set("Idempotency-Key", delivery)
	return req
}

func requireSigned(t *testing.T, url, id string, status int, duplicate bool) answer {
	t.Helper()
	a, err := do(client, signedRequest(t, url, id))
	require.NoError(t, err)
	require.Equal(t, status, a.status)
	require.Equal(t, duplicate, a.duplicate())
	return a
}

// onceRoute is a route whose messages pass once.
func onceRoute(path, handler string) string {
	return fmt.Sprintf(`route %s {
		verify github %s {
			once 1h
		}
		%s
	}
	`, path, signingSecret, handler)
}

// onceSite is a site with a relay handler at /in, an application behind a proxy
// at /app, and another handler at /other.
func onceSite(app string) string {
	return onceRoute("/in/*", `relay test {
			to sink
			respond accepted 201 thanks
		}`) + onceRoute("/app", "reverse_proxy "+app) + onceRoute("/other", "respond 204")
}

// TestOnceOverKill sends the same signed messages again, with other ids, after
// Caddy was killed.
func TestOnceOverKill(t *testing.T) {
	c, sink, app := newCaddy(t), newReceiver(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), onceSite(app.URL))
	c.start(t)
	in, proxied, other := "http://"+c.site+"/in/a", "http://"+c.site+"/app", "http://"+c.site+"/other"
	require.Equal(t, "thanks", requireSigned(t, in, "event", http.StatusCreated, false).body)
	require.Equal(t, "thanks", requireSigned(t, "http://"+c.site+"/in/b", "event", http.StatusCreated, true).body)
	app.status.Store(http.StatusInternalServerError)
	requireSigned(t, proxied, "event", http.StatusInternalServerError, false)
	app.status.Store(http.StatusOK)
	requireSigned(t, proxied, "event", http.StatusOK, false)
	requireSigned(t, proxied, "event", http.StatusOK, true)
	requireSigned(t, other, "event", http.StatusNoContent, false)

	for range 2 {
		c.kill()
		c.start(t)
		requireSigned(t, in, "event", http.StatusCreated, true)
		requireSigned(t, proxied, "event", http.StatusOK, true)
		requireSigned(t, other, "event", http.StatusNoContent, true)
	}
	requireSigned(t, in, "last", http.StatusCreated, false)
	requireArrived(t, sink, []string{"event", "last"})
	requireOnce(t, c, "sink", sink)
	require.Len(t, app.of("event"), 2, "one that failed, and one that did not")
	require.InDelta(t, 3, c.metric(t, `caddy_relay_repeats_total{scheme="github"}`), 0)
	c.stop(t)
}

// TestOnceKilledUnderLoad kills Caddy while messages come in, and sends all of
// them again: whatever the moment, an event is kept with its mark or not at
// all.
func TestOnceKilledUnderLoad(t *testing.T) {
	const kills, senders = 5, 16
	c, sink, app := newCaddy(t), newReceiver(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), onceSite(app.URL))
	var ids []string
	for i := range kills {
		c.start(t)
		var mu sync.Mutex
		var accepted atomic.Int64
		var wg sync.WaitGroup
		for sender := range senders {
			wg.Go(func() {
				for n := 0; ; n++ {
					id := fmt.Sprintf("%d-%d-%d", i, sender, n)
					mu.Lock()
					ids = append(ids, id)
					mu.Unlock()
					a, err := do(client, signedRequest(t, "http://"+c.site+"/in/a", id))
					if err != nil {
						return // killed
					}
					if a.status != http.StatusCreated || a.duplicate() {
						t.Errorf("status %d, duplicate %v", a.status, a.duplicate())
						return
					}
					accepted.Add(1)
				}
			})
		}
		waitFor(t, "some events to be accepted", func() bool { return accepted.Load() > 200 })
		c.kill()
		wg.Wait()
	}
	c.start(t)
	for _, id := range ids {
		a, err := do(client, signedRequest(t, "http://"+c.site+"/in/a", id))
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, a.status)
	}
	// An event that was kept twice would be sent under two delivery ids.
	requireArrived(t, sink, ids)
	c.stop(t)
}

// TestOnceWithoutQueue checks that what is in memory outlives a reload.
func TestOnceWithoutQueue(t *testing.T) {
	c, app := newCaddy(t), newReceiver(t)
	configure := func(header string) {
		text := fmt.Sprintf(`{
	admin %s
	auto_https off
}

http://%s {
	header X-Config %s
	%s
}
`, c.admin, c.site, header, onceRoute("/app", "reverse_proxy "+app.URL))
		require.NoError(t, os.WriteFile(c.config, []byte(text), 0o600))
	}
	configure("first")
	c.start(t)
	url := "http://" + c.site + "/app"
	requireSigned(t, url, "event", http.StatusOK, false)
	configure("second")
	require.NoError(t, c.reload(t))
	waitFor(t, "the new config", func() bool {
		a, err := send(client, "http://"+c.site+"/", "x")
		return err == nil && a.header.Get("X-Config") == "second"
	})
	requireSigned(t, url, "event", http.StatusOK, true)
	c.kill()
	c.start(t)
	requireSigned(t, url, "event", http.StatusOK, false)
	require.Len(t, app.of("event"), 2)
	c.stop(t)
}
