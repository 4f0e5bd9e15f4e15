package webhook

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func testDelivery() *relay.Delivery {
	return &relay.Delivery{
		ID:          "q1_2f",
		Destination: "crm",
		Attempt:     3,
		Event: &relay.Event{
			ID:     "evt_1",
			Type:   "order.paid",
			Header: relay.Header(nil).Add("Content-Type", "application/json; charset=utf-8").Add("X-Other", "not sent"),
			Body:   []byte(`{"order":{"id":17}}`),
		},
	}
}

// newTest returns a destination for a server of this machine.
func newTest(t *testing.T, url string, change func(*Config)) *Destination {
	t.Helper()
	cfg := Config{URL: url, Guard: Guard{AllowPrivate: true}}
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	w, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(w.CloseIdleConnections)
	return w
}

func template(t *testing.T, text string) *relay.Template {
	t.Helper()
	tmpl, err := relay.ParseTemplate(text, nil)
	require.NoError(t, err)
	return tmpl
}

// capture is a server that keeps the last request and its body.
type capture struct {
	*httptest.Server
	request *http.Request
	body    []byte
}

func newCapture(t *testing.T) *capture {
	t.Helper()
	c := new(capture)
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.request = r
		c.body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(c.Close)
	return c
}

func TestDeliverRequest(t *testing.T) {
	c := newCapture(t)
	w := newTest(t, c.URL+"/hook?token=abc", func(cfg *Config) {
		cfg.SigningSecrets = []string{testSecret}
		cfg.BearerToken = "t0ken"
		cfg.Headers = map[string][]*relay.Template{
			"x-event":  {template(t, "{event.type}/{event.json.order.id}/{event.attempt}")},
			"X-Static": {template(t, "one"), template(t, "two")},
		}
	})
	require.Equal(t, relay.Result{Outcome: relay.Delivered, Status: 200}, w.Deliver(t.Context(), testDelivery()))

	r := c.request
	require.Equal(t, http.MethodPost, r.Method)
	require.Equal(t, "/hook?token=abc", r.RequestURI)
	require.Equal(t, c.Listener.Addr().String(), r.Host)
	require.EqualValues(t, len(c.body), r.ContentLength)
	require.Equal(t, `{"order":{"id":17}}`, string(c.body))

	reference, err := standardwebhooks.NewWebhook(testSecret)
	require.NoError(t, err)
	require.NoError(t, reference.Verify(c.body, r.Header))

	timestamp, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(timestamp, 0), time.Minute)
	r.Header.Del("webhook-timestamp")
	r.Header.Del("webhook-signature")
	require.Equal(t, http.Header{
		"Authorization":   {"Bearer t0ken"},
		"Content-Length":  {"19"},
		"Content-Type":    {"application/json; charset=utf-8"},
		"User-Agent":      {"caddy-relay"},
		"Webhook-Id":      {"q1_2f"},
		"Webhook-Attempt": {"3"},
		"X-Event":         {"order.paid/17/3"},
		"X-Static":        {"one", "two"},
	}, r.Header)
}

func TestDeliverRequestVariants(t *testing.T) {
	c := newCapture(t)
	deliver := func(change func(*Config), d *relay.Delivery) http.Header {
		w := newTest(t, c.URL, change)
		require.Equal(t, relay.Delivered, w.Deliver(t.Context(), d).Outcome)
		return c.request.Header
	}

	plain := deliver(nil, testDelivery())
	require.NotContains(t, plain, "Authorization")
	require.NotContains(t, plain, "Webhook-Signature")
	require.NotContains(t, plain, "Accept-Encoding")
	require.NotContains(t, plain, "Idempotency-Key")

	deliver(func(cfg *Config) { cfg.Username, cfg.Password = "me", "pa:ss" }, testDelivery())
	user, password, ok := c.request.BasicAuth()
	require.True(t, ok)
	require.Equal(t, "me pa:ss", user+" "+password)

	replaced := deliver(func(cfg *Config) {
		cfg.Headers = map[string][]*relay.Template{
			"content-type":  {template(t, "application/cloudevents+json")},
			"User-Agent":    {template(t, "acme/{event.destination}")},
			"Authorization": {template(t, "Token abc")},
		}
	}, testDelivery())
	require.Equal(t, []string{"application/cloudevents+json"}, replaced["Content-Type"])
	require.Equal(t, []string{"acme/crm"}, replaced["User-Agent"])
	require.Equal(t, []string{"Token abc"}, replaced["Authorization"])

	compressed := testDelivery()
	compressed.Event.Header = relay.Header(nil).Add("content-encoding", "gzip")
	compressed.Event.Body = []byte("\x1f\x8b not really")
	got := deliver(nil, compressed)
	require.Equal(t, "gzip", got.Get("Content-Encoding"))
	require.NotContains(t, got, "Content-Type")
	require.Equal(t, compressed.Event.Body, c.body)

	empty := testDelivery()
	empty.Event.Body = nil
	deliver(nil, empty)
	require.Empty(t, c.body)
	require.EqualValues(t, 0, c.request.ContentLength)
	require.Empty(t, c.request.TransferEncoding)
}

func TestDeliverLargeBody(t *testing.T) {
	c := newCapture(t)
	d := testDelivery()
	d.Event.Body = []byte(strings.Repeat("0123456789abcdef", 64<<10))
	w := newTest(t, c.URL, nil)
	require.Equal(t, relay.Delivered, w.Deliver(t.Context(), d).Outcome)
	require.Equal(t, d.Event.Body, c.body)
}

func TestDeliverBadRequest(t *testing.T) {
	var hits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer s.Close()
	w := newTest(t, s.URL, func(cfg *Config) {
		cfg.Headers = map[string][]*relay.Template{"X-Text": {template(t, "{event.json.text}")}}
	})
	tests := []struct {
		name   string
		change func(*relay.Delivery)
		detail string
	}{
		{
			"line break", func(d *relay.Delivery) { d.Event.Body = []byte(`{"text":"a\r\nX-Evil: s3cret"}`) },
			"the value of the header field X-Text has a line break or another control character",
		},
		{
			"too long", func(d *relay.Delivery) { d.Event.Body = []byte(`{"text":"` + strings.Repeat("x", 8193) + `"}`) },
			"the value of the header field X-Text has 8193 bytes, the limit is 8192",
		},
		{
			"content type", func(d *relay.Delivery) { d.Event.Header = relay.Header("Content-Type: a\x00b\n") },
			"the value of the header field Content-Type has a line break or another control character",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := testDelivery()
			tt.change(d)
			want := relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: tt.detail}
			require.Equal(t, want, w.Deliver(t.Context(), d))
		})
	}
	require.Zero(t, hits.Load())
}

func TestDeliverStatuses(t *testing.T) {
	var header http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), header)
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = io.WriteString(w, "because")
		}
	}))
	defer s.Close()

	permanent := []string{"404", "409", "429", "501"}
	class := []string{"4xx"}
	tests := []struct {
		status    int
		permanent []string
		outcome   relay.Outcome
		reason    relay.Reason
	}{
		{200, nil, relay.Delivered, ""},
		{201, nil, relay.Delivered, ""},
		{202, class, relay.Delivered, ""},
		{204, nil, relay.Delivered, ""},
		{299, nil, relay.Delivered, ""},
		{300, nil, relay.Retry, relay.ReasonRedirect},
		{304, nil, relay.Retry, relay.ReasonRedirect},
		{301, []string{"3xx"}, relay.Permanent, relay.ReasonRedirect},
		{400, nil, relay.Retry, relay.ReasonStatus},
		{401, nil, relay.Retry, relay.ReasonStatus},
		{404, nil, relay.Retry, relay.ReasonStatus},
		{404, permanent, relay.Permanent, relay.ReasonStatus},
		{410, nil, relay.Permanent, relay.ReasonStatus},
		{410, permanent, relay.Permanent, relay.ReasonStatus},
		{400, class, relay.Permanent, relay.ReasonStatus},
		{499, class, relay.Permanent, relay.ReasonStatus},
		{408, class, relay.Retry, relay.ReasonStatus},
		{425, class, relay.Retry, relay.ReasonStatus},
		{429, class, relay.Retry, relay.ReasonStatus},
		{429, permanent, relay.Permanent, relay.ReasonStatus},
		{500, class, relay.Retry, relay.ReasonStatus},
		{501, permanent, relay.Permanent, relay.ReasonStatus},
		{503, nil, relay.Retry, relay.ReasonStatus},
		{599, nil, relay.Retry, relay.ReasonStatus},
		{599, []string{"5xx"}, relay.Permanent, relay.ReasonStatus},
		{600, nil, relay.Retry, relay.ReasonStatus},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.permanent), func(t *testing.T) {
			header = http.Header{"Retry-After": {"90"}}
			w := newTest(t, fmt.Sprintf("%s/%d", s.URL, tt.status), func(cfg *Config) { cfg.Permanent = tt.permanent })
			got := w.Deliver(t.Context(), testDelivery())
			require.Equal(t, tt.outcome, got.Outcome)
			require.Equal(t, tt.reason, got.Reason)
			require.Equal(t, tt.status, got.Status)
			if tt.status != 204 && tt.status != 304 {
				require.Equal(t, "because", string(got.Response))
			}
			if tt.outcome == relay.Retry {
				require.Equal(t, 90*time.Second, got.RetryAfter)
			} else {
				require.Zero(t, got.RetryAfter)
			}
			if tt.outcome == relay.Delivered {
				require.Empty(t, got.Detail)
			} else {
				require.Contains(t, got.Detail, fmt.Sprintf("answered %d", tt.status))
			}
		})
	}
}

func TestDeliverFollowsNoRedirect(t *testing.T) {
	var followed atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/target" {
			followed.Add(1)
			return
		}
		status, _ := strconv.Atoi(r.URL.RawQuery)
		http.Redirect(w, r, "/target", status)
	}))
	defer s.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		w := newTest(t, fmt.Sprintf("%s/?%d", s.URL, status), nil)
		got := w.Deliver(t.Context(), testDelivery())
		require.Equal(t, relay.Retry, got.Outcome)
		require.Equal(t, relay.ReasonRedirect, got.Reason)
		require.Equal(t, fmt.Sprintf("answered %d %s; redirects are not followed", status, http.StatusText(status)), got.Detail)
	}
	require.Zero(t, followed.Load())
}

func TestDeliverResponseLimits(t *testing.T) {
	var size int
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("r", size))
	}))
	connections := countConnections(s)
	s.Start()
	defer s.Close()
	w := newTest(t, s.URL, nil)
	for _, tt := range []struct {
		size, kept  int
		connections int32
	}{
		{0, 0, 1},
		{1, 1, 1},
		{maxResponse, maxResponse, 1},
		{maxResponse + 1, maxResponse, 1},
		{maxResponse + maxDrain, maxResponse, 1},
		// Too much to drain: the next delivery needs another connection.
		{maxResponse + 2*maxDrain, maxResponse, 1},
		{1, 1, 2},
	} {
		size = tt.size
		got := w.Deliver(t.Context(), testDelivery())
		require.Equal(t, relay.Delivered, got.Outcome, tt.size)
		require.Len(t, got.Response, tt.kept)
		require.Equal(t, tt.connections, connections.Load(), tt.size)
	}
}

func TestDeliverReusesConnections(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	connections := countConnections(s)
	s.Start()
	defer s.Close()
	w := newTest(t, s.URL, nil)
	for range 20 {
		require.Equal(t, relay.Delivered, w.Deliver(t.Context(), testDelivery()).Outcome)
	}
	require.EqualValues(t, 1, connections.Load())

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if r := w.Deliver(context.Background(), testDelivery()); r.Outcome != relay.Delivered {
					t.Error(r.Detail)
				}
			}
		})
	}
	wg.Wait()
	// A few more than eight can be dialed while others are being given back.
	require.Less(t, connections.Load(), int32(100))
}

func countConnections(s *httptest.Server) *atomic.Int32 {
	var n atomic.Int32
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	return &n
}
