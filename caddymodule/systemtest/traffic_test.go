package systemtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// token is the bearer token of the sites in these tests.
const token = "system-test-token-c0ffee"

// client sends what does not come from a load.
var client = &http.Client{Timeout: patience}

// newRequest returns a request that offers an event.
func newRequest(url, id string) *http.Request {
	body := fmt.Sprintf(`{"id":%q,"text":%q}`, id, strings.Repeat("x", 200))
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err) // The URL is the test's own.
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	// With this field net/http knows that the request may be sent again if the
	// server has just closed the connection, as any server may between two
	// requests (RFC 9112, section 9.3.1).
	req.Header.Set("Idempotency-Key", id)
	return req
}

// answer is what a sender gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) duplicate() bool { return a.header.Get("Relay-Duplicate") == "true" }

func do(client *http.Client, req *http.Request) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// send offers an event.
func send(client *http.Client, url, id string) (answer, error) {
	return do(client, newRequest(url, id))
}

// load sends events from several connections until it is stopped.
type load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	dials  atomic.Int64 // connections made
	// resets counts the requests that were sent again since their connection
	// was reset. Caddy opens another socket on the address when it reloads,
	// and the kernel resets what waits at the old one to be accepted.
	resets atomic.Int64

	mu         sync.Mutex
	accepted   []string
	statuses   map[int]int
	duplicates int
	unhelpful  int // 503 without Retry-After
	errors     []error
}

// refusedPause keeps a load from spinning while nothing is accepted.
const refusedPause = 10 * time.Millisecond

func startLoad(t *testing.T, url, name string, connections int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, statuses: make(map[int]int)}
	for connection := range connections {
		l.wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DialContext: l.dial}, Timeout: patience}
			defer client.CloseIdleConnections()
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%s-%d-%d", name, connection, i)
				a, err := send(client, url, id)
				if errors.Is(err, syscall.ECONNRESET) {
					l.resets.Add(1)
					a, err = send(client, url, id)
				}
				l.record(id, a, err)
				if err != nil || a.status != http.StatusAccepted {
					time.Sleep(refusedPause)
				}
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.dials.Add(1)
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (l *load) record(id string, a answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errors = append(l.errors, err)
		return
	}
	l.statuses[a.status]++
	switch {
	case a.status == http.StatusAccepted:
		l.accepted = append(l.accepted, id)
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		l.unhelpful++
	}
	if a.duplicate() {
		l.duplicates++
	}
}

// count returns the number of answers with a status so far.
func (l *load) count(status int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statuses[status]
}

// stop ends the load and waits for the answers that are due.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// relaySite is a site that accepts events for the given destinations.
func relaySite(destinations ...string) string {
	return fmt.Sprintf(`route /in {
		verify bearer %s
		relay test {
			to %s
		}
	}`, token, strings.Join(destinations, " "))
}

// webhook is a destination with quick retries.
func webhook(name, url string, options ...string) string {
	return fmt.Sprintf(`destination %s webhook %s {
		allow_private
		retry {
			attempts 100
			every 200ms
		}
		%s
	}
	`, name, url, strings.Join(options, "\n\t\t"))
}
