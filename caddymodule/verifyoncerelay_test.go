package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// newGuardedRelay returns a verifier that lets messages pass once in front of a
// relay handler, with a queue for both.
func newGuardedRelay(t *testing.T, respond Responses) (*Verify, *Relay, *collector) {
	t.Helper()
	handler, c := newTestRelay(t, &Relay{Respond: respond})
	h := newVerify(t, onceConfig)
	h.once.app = handler.app
	restart(h) // It may share what another one of the test remembers.
	return h, handler, c
}

// restart lets a verifier forget what it has in memory.
func restart(h *Verify) { h.once.guard = replay.New() }

func githubRequestWithID(body, id string) *http.Request {
	r := githubRequest(body)
	r.Header.Set("X-GitHub-Delivery", id)
	return r
}

// TestOnceWithRelay checks that a message is relayed once, whatever id somebody
// else sends it with.
func TestOnceWithRelay(t *testing.T) {
	h, handler, c := newGuardedRelay(t, Responses{})
	requireAnswer(t, githubRequestWithID("hello", "1"), http.StatusAccepted, false, h, handler)
	<-c.got
	for _, id := range []string{"1", "2"} {
		requireAnswer(t, githubRequestWithID("hello", id), http.StatusAccepted, true, h, handler)
		restart(h)
		requireAnswer(t, githubRequestWithID("hello", id), http.StatusAccepted, true, h, handler)
	}
	requireAnswer(t, githubRequestWithID("another", "1"), http.StatusAccepted, true, h, handler) // the relay handler knows the id
	restart(h)
	requireAnswer(t, githubRequestWithID("another", "3"), http.StatusAccepted, true, h, handler)
	requireAnswer(t, githubRequestWithID("new", "4"), http.StatusAccepted, false, h, handler)
	<-c.got
	require.Empty(t, c.got)
	require.Len(t, c.events, 2)
}

func TestOnceRepeatsWhatRelayIsToldTo(t *testing.T) {
	respond := Responses{
		Accepted:  &Response{Status: http.StatusCreated, Body: `{"id":"{event.id}"}`},
		Duplicate: &Response{Status: http.StatusOK, Body: `{"again":"{event.id}"}`},
	}
	h, handler, _ := newGuardedRelay(t, respond)
	w := requireAnswer(t, githubRequestWithID("hello", "1"), http.StatusCreated, false, h, handler)
	require.JSONEq(t, `{"id":"1"}`, w.Body.String())
	w = requireAnswer(t, githubRequestWithID("hello", "2"), http.StatusOK, true, h, handler)
	require.JSONEq(t, `{"again":"1"}`, w.Body.String())
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	restart(h)
	w = requireAnswer(t, githubRequestWithID("hello", "3"), http.StatusOK, true, h, handler)
	require.Empty(t, w.Body.String(), "only the status survives")

	respond.Duplicate = nil
	h, handler, _ = newGuardedRelay(t, respond)
	requireAnswer(t, githubRequestWithID("hello", "1"), http.StatusCreated, false, h, handler)
	w = requireAnswer(t, githubRequestWithID("hello", "2"), http.StatusCreated, true, h, handler)
	require.JSONEq(t, `{"id":"1"}`, w.Body.String())
}

// TestOnceMarkIsKeptWithTheEvent has the answer get lost after the event was
// kept, as in a crash.
func TestOnceMarkIsKeptWithTheEvent(t *testing.T) {
	h, handler, c := newGuardedRelay(t, Responses{})
	lost := &answering{with: func(_ int, w http.ResponseWriter, r *http.Request) error {
		return errors.Join(handler.ServeHTTP(w, r, nil), io.ErrClosedPipe)
	}}
	_, err := serve(newDiscardingWriter(), githubRequestWithID("hello", "1"), h, lost)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	<-c.got
	restart(h)
	requireAnswer(t, githubRequestWithID("hello", "2"), http.StatusAccepted, true, h, handler)
	require.Empty(t, c.got)
}

type discardingWriter struct{ header http.Header }

func newDiscardingWriter() discardingWriter          { return discardingWriter{make(http.Header)} }
func (w discardingWriter) Header() http.Header       { return w.header }
func (discardingWriter) WriteHeader(int)             {}
func (discardingWriter) Write(p []byte) (int, error) { return len(p), nil }

// TestOnceBeforeOtherHandlers checks that what others have accepted is
// remembered over a restart, too.
func TestOnceBeforeOtherHandlers(t *testing.T) {
	h, _, _ := newGuardedRelay(t, Responses{})
	next := &answering{with: func(call int, w http.ResponseWriter, _ *http.Request) error {
		if call == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return nil
		}
		w.WriteHeader(http.StatusCreated)
		_, err := io.WriteString(w, "thanks")
		return err
	}}
	requireAnswer(t, githubRequest("hello"), http.StatusBadGateway, false, h, next)
	restart(h)
	requireAnswer(t, githubRequest("hello"), http.StatusCreated, false, h, next)
	w := requireAnswer(t, githubRequest("hello"), http.StatusCreated, true, h, next)
	require.Equal(t, "thanks", w.Body.String())
	restart(h)
	w = requireAnswer(t, githubRequest("hello"), http.StatusCreated, true, h, next)
	require.Empty(t, w.Body.String())
	require.Equal(t, 2, next.calls)
}

// TestOnceTwice has two verifiers in a row that both let messages pass once.
func TestOnceTwice(t *testing.T) {
	outer, handler, c := newGuardedRelay(t, Responses{})
	inner := newVerify(t, `{"scheme":{"name":"hmac","secrets":["inner"],"signature":{"headers":["X-Inner"]}},"once":3600000000000}`)
	inner.once.app = handler.app
	request := func(id string) *http.Request {
		r := githubRequestWithID("hello", id)
		r.Header.Set("X-Inner", sign("inner", "hello"))
		return r
	}
	requireAnswer(t, request("1"), http.StatusAccepted, false, outer, inner, handler)
	<-c.got
	restart(outer)
	restart(inner)
	requireAnswer(t, request("2"), http.StatusAccepted, true, outer, inner, handler)
	requireAnswer(t, request("3"), http.StatusAccepted, true, inner, handler)
	requireAnswer(t, request("4"), http.StatusAccepted, true, outer, handler)
	require.Empty(t, c.got)
}

// TestOnceWithoutQueue checks that a message that might have been accepted is
// not let pass when that can't be found out.
func TestOnceWithoutQueue(t *testing.T) {
	h, handler, _ := newGuardedRelay(t, Responses{})
	require.NoError(t, handler.app.engine.Close(t.Context()))
	before := rejections(t, reasonQueueUnavailable)
	next := answeringWith(http.StatusOK)
	w := requireAnswer(t, githubRequest("hello"), http.StatusServiceUnavailable, false, h, next)
	require.Equal(t, retryAfter, w.Header().Get("Retry-After"))
	require.Zero(t, next.calls)
	require.InDelta(t, before+1, rejections(t, reasonQueueUnavailable), 0)

	h.once.app = &App{ready: make(chan struct{})}
	r := githubRequest("hello")
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	requireAnswer(t, r.WithContext(ctx), http.StatusServiceUnavailable, false, h, next)
	require.Zero(t, next.calls)
}

// TestOnceReleasesWhatRelayRefuses has the queue closed between verifier and
// relay handler.
func TestOnceReleasesWhatRelayRefuses(t *testing.T) {
	h, handler, _ := newGuardedRelay(t, Responses{})
	closed, _ := newTestRelay(t, &Relay{})
	require.NoError(t, closed.app.engine.Close(t.Context()))
	requireAnswer(t, githubRequestWithID("hello", "1"), http.StatusServiceUnavailable, false, h, closed)
	requireAnswer(t, githubRequestWithID("hello", "1"), http.StatusAccepted, false, h, handler)
}

// TestOnceLeavesNoMarks checks that a handler of an error route does not keep
// the mark of a message that was not accepted.
func TestOnceLeavesNoMarks(t *testing.T) {
	h, handler, _ := newGuardedRelay(t, Responses{})
	r := githubRequestWithID("hello", "1")
	requireAnswer(t, r, http.StatusBadGateway, false, h, answeringWith(http.StatusBadGateway))
	require.Nil(t, expectedMarks(r))
	requireAnswer(t, r, http.StatusAccepted, false, handler)
	restart(h)
	requireAnswer(t, githubRequestWithID("hello", "2"), http.StatusAccepted, false, h, handler)
}

func TestOnceFindsTheApp(t *testing.T) {
	ctx := newTestContext(t)
	h := newVerify(t, onceConfig)
	require.Nil(t, h.once.app, "no app is configured")
	_, err := ctx.AppIfConfigured("relay")
	require.ErrorIs(t, err, caddy.ErrNotConfigured)
}

func newTestContext(t testing.TB) caddy.Context {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	return ctx
}

// BenchmarkVerifyOnce is what a guard with a queue costs a new message, which
// the relay handler would keep, and a repeat.
func BenchmarkVerifyOnce(b *testing.B) {
	relayHandler, _ := newTestRelay(b, &Relay{})
	h := newVerify(b, onceConfig)
	h.once.app = relayHandler.app
	next := caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		expectedMarks(r).kept = true
		return nil
	})
	r := githubRequest("hello")
	v := newVerification(r)
	w := newDiscardingWriter()
	b.Run("new", func(b *testing.B) {
		var replayKey [sha256.Size]byte
		b.ReportAllocs()
		for n := uint64(0); b.Loop(); n++ {
			binary.BigEndian.PutUint64(replayKey[:], n)
			if err := h.serveOnce(w, r, next, v, h.once.hash(0, replayKey), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("repeat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := h.serveOnce(w, r, next, v, h.once.hash(0, [sha256.Size]byte{}), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
