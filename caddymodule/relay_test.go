package caddymodule

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
)

// collector is a destination that keeps the events it gets.
type collector struct {
	mu     sync.Mutex
	events []*relay.Event
	got    chan struct{}
}

func (c *collector) Deliver(_ context.Context, d *relay.Delivery) relay.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, d.Event)
	c.got <- struct{}{}
	return relay.Result{Outcome: relay.Delivered, Status: http.StatusOK}
}

// newTestRelay returns a handler with an engine of its own on a new queue,
// and the destination that its events go to.
func newTestRelay(tb testing.TB, h *Relay) (*Relay, *collector) {
	tb.Helper()
	store, err := sqlite.Open(tb.TempDir())
	require.NoError(tb, err)
	engine, err := relay.NewEngine(tb.Context(), relay.Options{Queue: store})
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, engine.Close(context.Background())) })
	c := &collector{got: make(chan struct{}, 1000)}
	attachment := engine.Attach(relay.Config{Destinations: []relay.DestinationConfig{{Name: "crm", Destination: c, Concurrency: 8}}})
	attachment.Activate()

	h.Source, h.destinations = "shop", []string{"crm"}
	h.app = &App{ready: make(chan struct{}), engine: &pooledEngine{Engine: engine}, attachment: attachment}
	close(h.app.ready)
	for text, into := range map[*string]*template{&h.ID: &h.id, &h.Type: &h.typ, &h.Key: &h.key} {
		*into, err = parseTemplate(*text, fromEnvironment)
		require.NoError(tb, err)
	}
	require.NoError(tb, h.Respond.provision())
	require.NoError(tb, h.Respond.validate())
	if h.Dedup == 0 {
		h.Dedup = caddy.Duration(time.Hour)
	}
	return h, c
}

func newEventRequest(body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in?a=1", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	ctx := context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddyhttp.NewTestReplacer(r))
	return r.WithContext(context.WithValue(ctx, caddyhttp.VarsCtxKey, make(map[string]any)))
}

func offer(h *Relay, r *http.Request) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	return w, h.ServeHTTP(w, r, nil)
}

func TestRelayAcceptsAnEvent(t *testing.T) {
	h, c := newTestRelay(t, &Relay{
		Type: "{http.request.header.X-Type}", Key: "{event.json.customer.id}",
		Respond: Responses{Accepted: &Response{Status: 200, Body: `{"id":"{event.id}","customer":"{event.json.customer.name}","kept":"{unknown}"}`}},
	})
	w, err := offer(h, newEventRequest(`{"customer":{"id":7,"name":"A \"B\" C"}}`,
		"Webhook-Id", "evt-1", "X-Type", "order.paid", "Content-Type", "application/json",
		"Authorization", "Bearer secret", "Cookie", "session=secret", "X-Twice", "a", "X-Twice", "b"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.JSONEq(t, `{"id":"evt-1","customer":"A \"B\" C","kept":"{unknown}"}`, w.Body.String())

	<-c.got
	e := c.events[0]
	assert.Equal(t, []string{"evt-1", "shop", "order.paid", "7", "a=1"}, []string{e.ID, e.Source, e.Type, e.Key, e.Query})
	assert.Equal(t, "application/json", e.Header.Get("content-type"))
	assert.Contains(t, string(e.Header), "X-Twice: a\nX-Twice: b\n")
	assert.NotContains(t, string(e.Header), "secret")
}

func TestRelayAnswersRepeats(t *testing.T) {
	h, c := newTestRelay(t, &Relay{})
	for i := range 3 {
		w, err := offer(h, newEventRequest("x", "Idempotency-Key", "k"))
		require.NoError(t, err)
		assert.Equal(t, http.StatusAccepted, w.Code)
		assert.Empty(t, w.Body.String())
		if i > 0 {
			assert.Equal(t, "true", w.Header().Get("Relay-Duplicate"))
		} else {
			assert.Empty(t, w.Header().Get("Relay-Duplicate"))
		}
	}
	h.Respond.Duplicate = &Response{Status: http.StatusOK}
	w, err := offer(h, newEventRequest("x", "Idempotency-Key", "k"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.Code)
	<-c.got
	assert.Empty(t, c.got)

	h.Dedup = 0 // off
	w, err = offer(h, newEventRequest("x", "Idempotency-Key", "k"))
	require.NoError(t, err)
	assert.Empty(t, w.Header().Get("Relay-Duplicate"))
	<-c.got
}

func TestRelayWithoutIDMakesOne(t *testing.T) {
	h, c := newTestRelay(t, &Relay{})
	for range 2 {
		w, err := offer(h, newEventRequest("x"))
		require.NoError(t, err)
		assert.Empty(t, w.Header().Get("Relay-Duplicate"))
		<-c.got
	}
	assert.NotEmpty(t, c.events[0].ID)
	assert.NotEqual(t, c.events[0].ID, c.events[1].ID)
}

func TestRelayRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		handler Relay
		request *http.Request
		status  int
	}{
		"empty id":               {Relay{ID: "{http.request.header.X-Id}"}, newEventRequest("x"), 400},
		"long id":                {Relay{}, newEventRequest("x", "Webhook-Id", strings.Repeat("i", 513)), 400},
		"id with a control char": {Relay{ID: "{event.json.id}"}, newEventRequest(`{"id":"a\nb"}`), 400},
		"large body":             {Relay{MaxBody: 3}, newEventRequest("four"), 413},
		"body cut short":         {Relay{}, cutShort(), 400},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newTestRelay(t, &tt.handler)
			w, err := offer(h, tt.request)
			var refused caddyhttp.HandlerError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, tt.status, refused.StatusCode)
			assert.Empty(t, w.Body.String())
			assert.Empty(t, c.got)
		})
	}
}

func cutShort() *http.Request {
	r := newEventRequest("x")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), &failingReader{}))
	return r
}

type failingReader struct{}

func (*failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRelayWithoutQueueAsksToComeBack(t *testing.T) {
	h, _ := newTestRelay(t, &Relay{})
	require.NoError(t, h.app.engine.Close(t.Context()))
	w, err := offer(h, newEventRequest("x"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, retryAfter, w.Header().Get("Retry-After"))

	h.Respond.Full = &Response{Status: http.StatusBadGateway, Body: "later"}
	require.NoError(t, h.Respond.provision())
	w, err = offer(h, newEventRequest("x"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadGateway, w.Code)
	assert.Equal(t, "later", w.Body.String())
	assert.Equal(t, retryAfter, w.Header().Get("Retry-After"))
}

func TestRelayWaitsForItsApp(t *testing.T) {
	app := &App{ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, app.wait(ctx), context.Canceled)

	go func() {
		app.engine = new(pooledEngine)
		close(app.ready)
	}()
	require.NoError(t, app.wait(t.Context()))
	assert.NotNil(t, app.engine)
}

func TestRelayCutsLongTypesAndKeys(t *testing.T) {
	h, c := newTestRelay(t, &Relay{Key: "{event.json.key}", Type: "{event.json.type}"})
	_, err := offer(h, newEventRequest(`{"key":"`+strings.Repeat("ü", 400)+`","type":"t"}`))
	require.NoError(t, err)
	<-c.got
	assert.Equal(t, strings.Repeat("ü", 256), c.events[0].Key)
	assert.Equal(t, "t", c.events[0].Type)
}

// FuzzEventID offers any id and body, and checks that what is accepted can be
// logged, stored and sent on.
func FuzzEventID(f *testing.F) {
	for _, id := range []string{"evt-1", "", " ", "a\nb", "ü", "\x00", strings.Repeat("i", 600), "{event.json}", `{"id":1}`} {
		f.Add(id, `{"id":"`+id+`"}`)
	}
	f.Fuzz(func(t *testing.T, id, body string) {
		for _, h := range []*Relay{{Source: "s"}, {Source: "s", ID: "{event.json.id}", id: template{parts: []templatePart{{event: "json.id"}}}}} {
			r := newEventRequest(body)
			r.Header["Webhook-Id"] = []string{id}
			event, repeatable, err := h.event(r, []byte(body))
			if err != nil {
				continue
			}
			if event.ID == "" || len(event.ID) > relay.MaxIDLength || strings.ContainsAny(event.ID, "\r\n\x00") {
				t.Fatalf("accepted id %q", event.ID)
			}
			if h.ID == "" && repeatable != (id != "") {
				t.Fatalf("id %q: repeatable is %v", id, repeatable)
			}
		}
	})
}

// BenchmarkRelay is the accept path of the handler with the queue on disk,
// from 64 goroutines. It counts what the test's request and recorder allocate
// too; BenchmarkRelayRequest has only these.
func BenchmarkRelay(b *testing.B) {
	h, _ := newTestRelay(b, &Relay{})
	h.destinations = []string{"elsewhere"} // nothing is delivered
	benchmarkRequests(b, func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, nil) })
}

func BenchmarkRelayRequest(b *testing.B) {
	benchmarkRequests(b, func(http.ResponseWriter, *http.Request) error { return nil })
}

func benchmarkRequests(b *testing.B, serve func(http.ResponseWriter, *http.Request) error) {
	body := strings.Repeat("x", 1024)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := newEventRequest(body, "Content-Type", "application/json", "User-Agent", "bench", "Webhook-Id", strconv.FormatInt(n.Add(1), 36))
			if err := serve(httptest.NewRecorder(), r); err != nil {
				b.Error(err)
			}
		}
	})
}
