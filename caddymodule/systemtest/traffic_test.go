package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// receiver is a server that deliveries go to. It counts them by the id in
// their body.
type receiver struct {
	*httptest.Server
	// status is what it answers with; 0 is 200.
	status atomic.Int64
	// block, if set, holds every request until it is closed.
	block atomic.Pointer[chan struct{}]

	mu       sync.Mutex
	arrived  map[string]int
	webhooks map[string]string // webhook-id by event id
	unstable int               // deliveries whose webhook-id differed from an earlier one's
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{arrived: make(map[string]int), webhooks: make(map[string]string)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var event struct{ ID string }
	if err != nil || json.Unmarshal(body, &event) != nil || event.ID == "" {
		http.Error(w, "not an event of the test", http.StatusBadRequest)
		return
	}
	if gate := r.block.Load(); gate != nil {
		select {
		case <-*gate:
		case <-req.Context().Done():
			return
		}
	}
	if status := int(r.status.Load()); status != 0 && status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived[event.ID]++
	id := req.Header.Get("Webhook-Id")
	if before, ok := r.webhooks[event.ID]; ok && before != id {
		r.unstable++
	}
	r.webhooks[event.ID] = id
}

// missing lists which of the ids have not arrived.
func (r *receiver) missing(ids []string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.arrived[id] == 0 {
			list = append(list, id)
		}
	}
	return list
}

// repeats counts the deliveries beyond the first of each event.
func (r *receiver) repeats() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.arrived {
		n += times - 1
	}
	return n
}

// token is the bearer token of the sites in these tests.
const token = "system-test-token-c0ffee"

// send offers an event and returns the status of the answer.
func send(client *http.Client, url, id string) (int, error) {
	body := fmt.Sprintf(`{"id":%q,"text":%q}`, id, strings.Repeat("x", 200))
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return resp.StatusCode, err
}

// load sends events from several connections until it is stopped.
type load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	accepted []string
	statuses map[int]int
	errors   int
}

func startLoad(t *testing.T, url, name string, connections int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, statuses: make(map[int]int)}
	for connection := range connections {
		l.wg.Go(func() {
			client := &http.Client{Transport: new(http.Transport), Timeout: patience}
			defer client.CloseIdleConnections()
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%s-%d-%d", name, connection, i)
				status, err := send(client, url, id)
				l.record(id, status, err)
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) record(id string, status int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errors++
		return
	}
	l.statuses[status]++
	if status == http.StatusAccepted {
		l.accepted = append(l.accepted, id)
	}
}

// count returns the number of events accepted so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
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
	}
	respond /alive 200`, token, strings.Join(destinations, " "))
}

// webhook is a destination with quick retries.
func webhook(name, url string) string {
	return fmt.Sprintf(`destination %s webhook %s {
		allow_private
		retry {
			attempts 100
			every 200ms
		}
	}
	`, name, url)
}

func requireArrived(t *testing.T, r *receiver, ids []string) {
	t.Helper()
	waitFor(t, "all accepted events to arrive", func() bool { return len(r.missing(ids)) == 0 })
	require.Zero(t, r.unstable, "a delivery changed its id")
}
