package systemtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver is a server that deliveries go to. It knows events by the id in
// their body.
type receiver struct {
	*httptest.Server
	// status is what it answers with; 0 is 200.
	status atomic.Int64
	// retryAfter, if set, is the Retry-After of answers other than 200.
	retryAfter atomic.Pointer[string]
	// gate, if set, holds every request until it is closed.
	gate atomic.Pointer[chan struct{}]
	// held counts the requests at the gate.
	held atomic.Int64

	mu    sync.Mutex
	tries map[string][]try // by event id
}

// try is a request that a receiver has answered.
type try struct {
	at     time.Time
	path   string
	header http.Header
	status int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{tries: make(map[string][]try)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.CloseClientConnections() // They may be at the gate.
		r.Close()
	})
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var event struct{ ID string }
	if err != nil || json.Unmarshal(body, &event) != nil || event.ID == "" {
		http.Error(w, "not an event of the test", http.StatusBadRequest)
		return
	}
	if gate := r.gate.Load(); gate != nil && !r.pass(*gate, req) {
		return
	}
	status := int(r.status.Load())
	if status == 0 {
		status = http.StatusOK
	}
	if wait := r.retryAfter.Load(); wait != nil && status != http.StatusOK {
		w.Header().Set("Retry-After", *wait)
	}
	w.WriteHeader(status)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries[event.ID] = append(r.tries[event.ID], try{time.Now(), req.URL.Path, req.Header, status})
}

// block holds requests from now on, until the function it returns is called.
func (r *receiver) block() (unblock func()) {
	gate := make(chan struct{})
	r.gate.Store(&gate)
	return func() {
		r.gate.Store(nil)
		close(gate)
	}
}

// pass waits at the gate. It returns false if the client went away.
func (r *receiver) pass(gate chan struct{}, req *http.Request) bool {
	r.held.Add(1)
	defer r.held.Add(-1)
	select {
	case <-gate:
		return true
	case <-req.Context().Done():
		return false
	}
}

// of returns the answered requests for an event.
func (r *receiver) of(id string) []try {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]try(nil), r.tries[id]...)
}

// taken counts the requests for an event that were answered with 200.
func taken(tries []try) (n int) {
	for _, t := range tries {
		if t.status == http.StatusOK {
			n++
		}
	}
	return n
}

// missing lists which of the ids have not arrived.
func (r *receiver) missing(ids []string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if taken(r.tries[id]) == 0 {
			list = append(list, id)
		}
	}
	return list
}

// arrived counts the events that have arrived, and repeats the deliveries
// beyond the first of each.
func (r *receiver) arrived() (events, repeats int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tries := range r.tries {
		if n := taken(tries); n > 0 {
			events++
			repeats += n - 1
		}
	}
	return events, repeats
}

func (r *receiver) repeats() int {
	_, n := r.arrived()
	return n
}

// reached reports whether there was a request for a path.
func (r *receiver) reached(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tries := range r.tries {
		for _, t := range tries {
			if t.path == path {
				return true
			}
		}
	}
	return false
}

// requireArrived waits until all events have arrived, and checks that each was
// sent under one delivery id only.
func requireArrived(t *testing.T, r *receiver, ids []string) {
	t.Helper()
	missing := ids
	waitFor(t, "all accepted events to arrive", func() bool {
		missing = r.missing(missing)
		return len(missing) == 0
	})
	for _, id := range ids {
		tries := r.of(id)
		for _, again := range tries[1:] {
			require.Equal(t, tries[0].header.Get("Webhook-Id"), again.header.Get("Webhook-Id"), "the delivery of %s changed its id", id)
		}
	}
}
