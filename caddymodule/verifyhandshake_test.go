package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
)

// challenging is a verifier that answers GET and OPTIONS requests with what
// they ask for, and accepts everything else.
type challenging struct{ err error }

func (c challenging) Handshake(_ context.Context, r *verify.Request, _ time.Time) (*verify.Response, error) {
	switch {
	case c.err != nil:
		return nil, c.err
	case r.Method == http.MethodPost && !strings.HasPrefix(string(r.Body), "challenge="):
		return nil, nil
	case r.Method == http.MethodOptions:
		return &verify.Response{Header: http.Header{"Webhook-Allowed-Origin": {"example.com"}}}, nil
	}
	return &verify.Response{
		Status: http.StatusAccepted,
		Header: http.Header{"Content-Type": {"text/plain"}, "X-Content-Type-Options": {"nosniff"}},
		Body:   []byte(r.Query() + string(r.Body)),
	}, nil
}

func (challenging) Verify(context.Context, *verify.Request, time.Time) (verify.Identity, error) {
	return verify.Identity{Scheme: "challenging"}, nil
}

func newChallenging(t *testing.T, c challenging) *Verify {
	h := newVerify(t, githubConfig)
	h.verifier, h.handshaker = c, c
	return h
}

func TestHandshakes(t *testing.T) {
	for name, tt := range map[string]struct {
		method, target, body string
		status               int
		answer               string
	}{
		"GET":     {http.MethodGet, "/in?hub.challenge=1", "", http.StatusAccepted, "hub.challenge=1"},
		"OPTIONS": {http.MethodOptions, "/in", "", http.StatusOK, ""},
		"POST":    {http.MethodPost, "/in", "challenge=2", http.StatusAccepted, "challenge=2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newChallenging(t, challenging{})
			core, logs := zapobserver.New(zap.InfoLevel)
			h.logger = zap.New(core)
			before := counted(t, handshakesTotal.WithLabelValues("github"))
			w := httptest.NewRecorder()
			arrived, err := serve(w, newRequest(tt.method, tt.target, strings.NewReader(tt.body)), h)
			require.NoError(t, err)
			require.Nil(t, arrived, "it is no event")
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, tt.answer, w.Body.String())
			if tt.method == http.MethodOptions {
				require.Equal(t, "example.com", w.Header().Get("Webhook-Allowed-Origin"))
			} else {
				require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			}
			require.InDelta(t, before+1, counted(t, handshakesTotal.WithLabelValues("github")), 0)
			require.Equal(t, 1, logs.Len())
			require.Equal(t, map[string]any{"scheme": "github", "status": int64(tt.status), "client_ip": "192.0.2.1", "host": "example.com", "path": "/in"}, logs.All()[0].ContextMap())
		})
	}
}

func TestHandshakeIsNoEvent(t *testing.T) {
	arrived, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/in", strings.NewReader("event")), newChallenging(t, challenging{}))
	require.NoError(t, err)
	body, err := io.ReadAll(arrived.Body)
	require.NoError(t, err)
	require.Equal(t, "event", string(body))
}

// TestRefusalStatus checks what senders are told, whether a handshake is
// refused or an event.
func TestRefusalStatus(t *testing.T) {
	for err, status := range map[error]int{
		&verify.Error{Reason: verify.ReasonHandshake}:   http.StatusForbidden,
		&verify.Error{Reason: verify.ReasonForbidden}:   http.StatusForbidden,
		&verify.Error{Reason: verify.ReasonMismatch}:    http.StatusUnauthorized,
		&verify.Error{Reason: verify.ReasonCredentials}: http.StatusUnauthorized,
		errors.New("connection refused"):                http.StatusServiceUnavailable,
	} {
		for what, h := range map[string]*Verify{
			"handshake": newChallenging(t, challenging{err: err}),
			"event":     newVerify(t, githubConfig),
		} {
			if what == "event" {
				h.verifier = failing{err}
			}
			h.challenge = "Bearer"
			w := httptest.NewRecorder()
			arrived, got := serve(w, newRequest(http.MethodGet, "/in?hub.challenge=1", nil), h)
			require.Nil(t, arrived)
			requireStatus(t, status, got)
			require.Equal(t, status == http.StatusUnauthorized, w.Header().Get("WWW-Authenticate") != "", "%v", err)
			require.Equal(t, status == http.StatusServiceUnavailable, w.Header().Get("Retry-After") != "", "%v", err)
		}
	}
}

// failing is a verifier that always returns the same error.
type failing struct{ err error }

func (f failing) Verify(context.Context, *verify.Request, time.Time) (verify.Identity, error) {
	return verify.Identity{}, f.err
}
