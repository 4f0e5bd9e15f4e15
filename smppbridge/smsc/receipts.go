package smsc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// ReceiptConfig describes a [ReceiptDestination].
type ReceiptConfig struct {
	// Charset is what data_coding 0 means to ESMEs. Default: GSM 03.38.
	Charset coding.Charset
	// WaitTimeout is how long a delivery waits for room in the window of a session.
	// Default: 30 seconds.
	WaitTimeout time.Duration
	// Server returns the server that the messages were submitted to, or nil while
	// there is none.
	Server func() *Server
}

// ReceiptDestination delivers events that tell what became of messages, as the
// delivery receipts that ESMEs have asked for when they submitted these. It is safe
// for concurrent use.
type ReceiptDestination struct {
	cfg   ReceiptConfig
	coder *coding.Coder
}

// NewReceiptDestination returns a destination.
func NewReceiptDestination(c ReceiptConfig) (*ReceiptDestination, error) {
	switch {
	case c.WaitTimeout < 0:
		return nil, errors.New("the wait timeout must not be negative")
	case c.Server == nil:
		return nil, errors.New("no server")
	}
	var defaultAlphabet byte
	coder, err := coding.New(coding.Config{Default: c.Charset, DataCoding: &defaultAlphabet})
	if err != nil {
		return nil, err
	}
	c.WaitTimeout = cmp.Or(c.WaitTimeout, DefaultWaitTimeout)
	return &ReceiptDestination{cfg: c, coder: coder}, nil
}

// Deliver implements [relay.Destination]. An event that the ESME need not know of
// counts as delivered, with a detail that says why. If the message has several
// ids, the note remembers those of which the ESME has taken the receipt. What has
// no response is sent again, so it may get a receipt twice.
func (d *ReceiptDestination) Deliver(ctx context.Context, delivery *relay.Delivery) relay.Result {
	r, err := readReport(delivery.Event)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	server := d.cfg.Server()
	if server == nil {
		return notRunning
	}
	route := server.current.Load()
	if route == nil {
		return notRunning
	}
	m, err := server.lookUp(ctx, route.Store, r.eventID)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonCanceled, Detail: "cut short by a shutdown"}
	case err != nil:
		return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "can't look up the message: " + err.Error()}
	case m == nil:
		return unknownMessage(r.eventID)
	}
	ids, why := r.wanted(m)
	if len(ids) > 0 && r.final && !server.claims.take(r.eventID, delivery.ID, r.state) {
		ids, why = nil, "another receipt of the message is on its way"
	}
	if len(ids) == 0 {
		return relay.Result{Outcome: relay.Delivered, Detail: why}
	}
	result := d.tell(ctx, server, delivery, r, m, ids)
	if result.Outcome == relay.Delivered && r.final {
		link, err := server.toldLink(route, r.eventID, r.state)
		if err == nil {
			result.Links = []relay.Link{link}
		}
	}
	return result
}

// notRunning is the result while the SMSC is not there.
var notRunning = relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "the SMSC is not running"}

// unknownMessage returns the result if nothing is kept of a message.
func unknownMessage(id string) relay.Result {
	if a, ours := askedFor(id); ours && a == 0 {
		return relay.Result{Outcome: relay.Delivered, Detail: "no receipt was asked for"}
	}
	return relay.Result{
		Outcome: relay.Permanent, Reason: relay.ReasonBadRequest,
		Detail: fmt.Sprintf("no message %q is known: it was not submitted to this smsc, or longer ago than its receipt_expire", id),
	}
}

// wanted returns the message_ids of which a receipt is to be sent, or why there
// are none.
func (r *report) wanted(m *kept) (ids []string, why string) {
	switch {
	case r.partial:
		return nil, "the other parts of the message are on the way"
	case m.Told != nil && (!r.final || !news(*m.Told, r.state)):
		return nil, "the final state was told before"
	}
	for _, id := range m.IDs {
		if a, ok := askedFor(id); ok && a.wants(r.state, r.final) {
			ids = append(ids, id)
		}
	}
	return ids, fmt.Sprintf("no receipt was asked for if the state is %s", r.state)
}

// tell sends the receipts.
func (d *ReceiptDestination) tell(ctx context.Context, server *Server, delivery *relay.Delivery, r *report, m *kept, ids []string) relay.Result {
	to := recipient{server: server, account: server.accounts[m.SystemID], wait: d.cfg.WaitTimeout}
	if to.account == nil {
		return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: fmt.Sprintf("there is no account '%s' any more", m.SystemID)}
	}
	n := parseNote(delivery.Note)
	for _, id := range ids {
		if slices.Contains(n.Told, id) {
			continue
		}
		// Those of others are not to wait for an account that is not bound.
		if !to.account.receives() {
			return relay.Result{
				Outcome: relay.Retry, Reason: relay.ReasonConnect, Note: n.encode(),
				Detail: fmt.Sprintf("no receiver or transceiver of '%s' is bound", m.SystemID),
			}
		}
		p, err := d.request(r, m, id)
		if err != nil {
			return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
		}
		if result, ok := to.send(ctx, &n, func(s *session.Session) pdu.PDU { return understood(p, s.PeerVersion()) }); !ok {
			result.Note = n.encode()
			return result
		}
		n.Told = append(n.Told, id)
	}
	return relay.Result{Outcome: relay.Delivered, Note: n.encode(), Detail: fmt.Sprintf("'%s' was told: %s", m.SystemID, r.state)}
}

// request returns the receipt of a message.
func (d *ReceiptDestination) request(r *report, m *kept, id string) (*pdu.DeliverSM, error) {
	var encoded coding.Message
	if err := d.coder.Encode(&encoded, r.receiptText(id, time.Unix(m.Submitted, 0)), 0); err != nil {
		return nil, err
	}
	p, err := r.deliverSM(m, id)
	if err != nil {
		return nil, err
	}
	p.DataCoding, p.ShortMessage = pdu.DataCoding(encoded.DataCoding), encoded.Segments[0].Data
	return p, nil
}

// understood returns a receipt without TLVs for an ESME that knows none (3.4
// section 3.4).
func understood(p *pdu.DeliverSM, version pdu.InterfaceVersion) *pdu.DeliverSM {
	if version >= pdu.Version34 {
		return p
	}
	without := *p // Another session may know them.
	without.TLVs = pdu.TLVs{}
	return &without
}

// Interface guard
var _ relay.Destination = (*ReceiptDestination)(nil)
