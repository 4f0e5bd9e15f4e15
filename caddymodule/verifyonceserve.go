package caddymodule

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// reasonGuardFull counts requests that might be new, but would not be
// recognized when they come again.
const reasonGuardFull verify.Reason = "replay_guard_full"

// onceTag begins what the hash of a message is made of. Ids of events are
// hashed with their source in front, and no source begins like this.
const onceTag = "\x00caddy-relay once\x00"

// hash returns what a message is remembered by. accepted is the alternative of
// the scheme that accepted it: two senders may use the same ids.
func (o *once) hash(accepted int, replayKey [sha256.Size]byte) replay.Key {
	buf := make([]byte, 0, len(onceTag)+len(o.endpoint)+1+len(replayKey))
	buf = append(buf, onceTag...)
	buf = append(buf, o.endpoint[:]...)
	buf = append(buf, byte(accepted)) //nolint:gosec // It is below maxAlternatives.
	buf = append(buf, replayKey[:]...)
	sum := sha256.Sum256(buf)
	return replay.Key(sum[:len(replay.Key{})])
}

// serveMessage passes a message on unless it was accepted before.
func (h *Verify) serveMessage(
	w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, v *verification, identity *verify.Identity, accepted int,
) error {
	replayKey, ok := identity.ReplayKey()
	if !ok {
		return h.refuse(w, r, &verify.Error{Reason: verify.ReasonMissing, Field: "id"})
	}
	h.once.cover(identity.Expires, h.now())
	v.publish(r, *identity)
	key := h.once.hash(accepted, replayKey)
	repeat := func(answer replay.Answer) error { return h.repeat(w, answer) }
	if !identity.OfToken() {
		return h.serveOnce(w, r, next, v, key, repeat)
	}
	// The token passes once, but does not say with which message. A repeat is
	// one of both; what comes with the token of another message is refused, so
	// that nobody takes it for accepted.
	body, err := h.readBody(r)
	if err != nil {
		return err
	}
	withToken := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return h.serveOnce(w, r, next, v, key, func(replay.Answer) error {
			return h.refuse(w, r, &verify.Error{Reason: verify.ReasonReplayed, Field: "jti"})
		})
	})
	digest := sha256.Sum256(body)
	message := sha256.Sum256(append(replayKey[:], digest[:]...))
	return h.serveOnce(w, r, withToken, v, h.once.hash(accepted, message), repeat)
}

// serveOnce passes a message on unless it was accepted before, which is what
// repeat is for. It counts as accepted when the handlers behind have answered
// with 2xx.
func (h *Verify) serveOnce(
	w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, v *verification, key replay.Key, repeat func(replay.Answer) error,
) error {
	if v.expects(key) {
		// A handler before this one, of the same endpoint, has the turn: who
		// waits for that would wait for itself.
		return next.ServeHTTP(w, r)
	}
	turn, answer, err := h.once.guard.Begin(r.Context(), key)
	switch {
	case errors.Is(err, replay.ErrFull):
		return h.unavailable(w, r, reasonGuardFull, err)
	case err != nil:
		return h.unavailable(w, r, reasonUndecided, err)
	case turn == nil:
		return repeat(answer)
	}
	accepted, others := false, len(v.marks)
	defer func() {
		v.marks = v.marks[:others]
		if !accepted { // also if a handler panics
			h.once.guard.Release(turn)
		}
	}()
	answer, err = h.once.remembered(r.Context(), key)
	switch {
	case err != nil:
		return h.unavailable(w, r, reasonQueueUnavailable, err)
	case answer.Status != 0:
		return repeat(answer)
	}
	v.expect(h.once.mark(key, 0))
	recorder := &answerRecorder{ResponseWriter: w}
	if err := next.ServeHTTP(recorder, r); err != nil || !recorder.accepted() {
		return err
	}
	if recorder.status == 0 && r.Context().Err() != nil {
		return nil // It was given up, since the client has gone.
	}
	answer = recorder.answer()
	kept := v.kept || h.once.keep(key, answer.Status)
	if v.repeat != nil {
		answer = *v.repeat
	}
	h.once.guard.Accept(turn, answer, time.Duration(h.once.window.Load()), kept)
	accepted = true
	return nil
}

// repeat answers a message that was accepted before.
func (h *Verify) repeat(w http.ResponseWriter, answer replay.Answer) error {
	repeatsTotal.WithLabelValues(h.name).Inc()
	w.Header()["Relay-Duplicate"] = []string{"true"}
	if answer.ContentType != "" {
		w.Header().Set("Content-Type", answer.ContentType)
	}
	w.WriteHeader(answer.Status)
	if len(answer.Body) == 0 {
		return nil
	}
	_, err := w.Write(answer.Body)
	return err
}

// mark returns what the queue remembers of a message: its note is the status
// for repeats.
func (o *once) mark(key replay.Key, status int) relay.Mark {
	return relay.Mark{Hash: relay.MarkHash(key), For: time.Duration(o.window.Load()), Note: uint16(status)} //nolint:gosec // A status has three digits.
}

// remembered asks the queue, if there is one, for a message that was accepted
// before the last start. Without a status, the answer is that it was not.
func (o *once) remembered(ctx context.Context, key replay.Key) (replay.Answer, error) {
	if o.app == nil {
		return replay.Answer{}, nil
	}
	if err := o.app.wait(ctx); err != nil {
		return replay.Answer{}, err
	}
	status, ok, err := o.app.engine.Remembered(ctx, relay.MarkHash(key))
	if err != nil || !ok {
		return replay.Answer{}, err
	}
	return replay.Answer{Status: int(status)}, nil
}

// keep has the queue, if there is one, remember a message that others than the
// queue have accepted, and reports whether it does. A crash before that lets the
// message pass once more: it is better repeated than lost.
func (o *once) keep(key replay.Key, status int) bool {
	if o.app == nil {
		return false
	}
	engine := o.app.openedEngine()
	return engine != nil && engine.Remember(o.mark(key, status)) == nil
}
