// Package webhook is the HTTP destination: it POSTs each event to a URL and
// judges the answer.
//
// A delivery is never sent to an address that the [Guard] refuses, follows no
// redirect, and has one deadline that covers everything from the look-up of
// the name to the last byte of the answer. The package may import relay, and
// must not import Caddy.
package webhook

import (
	"context"
	"net/http"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Destination delivers events to one URL. It is safe for concurrent use.
type Destination struct {
	deadlines deadlines
	transport *http.Transport
	base      *http.Request // what all requests share; never sent itself
	header    headerSet
	signer    signer
	permanent statusSet
}

// New returns the destination that cfg describes. It opens no connection.
func New(cfg Config) (*Destination, error) {
	w, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	w.transport, err = cfg.transport()
	return w, err
}

// Deliver implements [relay.Destination]: it sends the event once.
func (w *Destination) Deliver(ctx context.Context, d *relay.Delivery) relay.Result {
	attempt := w.deadlines.start(ctx)
	defer w.deadlines.stop(attempt)
	req, err := w.request(attempt.ctx, d)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	// The transport is used without an http.Client, which would cost more and
	// add only what a delivery must not do: redirects, cookies.
	resp, err := w.transport.RoundTrip(req) //nolint:bodyclose // answer closes it.
	if err != nil {
		return w.failure(ctx, err)
	}
	return w.answer(ctx, resp)
}

// CloseIdleConnections closes the connections that no delivery is using, and
// lets go of what is kept for later deliveries. The destination stays usable.
func (w *Destination) CloseIdleConnections() {
	w.deadlines.release()
	w.transport.CloseIdleConnections()
}

// Interface guard
var _ relay.Destination = (*Destination)(nil)
