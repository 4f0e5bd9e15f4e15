package smsc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// DefaultWaitTimeout is how long a delivery waits for a session unless a
// [DestinationConfig] says otherwise.
const DefaultWaitTimeout = 30 * time.Second

// DestinationConfig describes a [Destination]. The templates are executed for
// each delivery; a nil one is empty.
type DestinationConfig struct {
	// SystemID is the account whose sessions get the messages.
	SystemID string
	// SourceAddr is the sender: a number, with or without "+", or text.
	SourceAddr *relay.Template
	// DestAddr is the recipient, as SourceAddr.
	DestAddr *relay.Template
	// Text is the message. Hex is a binary one instead, in hexadecimal digits;
	// its data_coding is 4 unless Coding has another.
	Text, Hex *relay.Template
	// Coding says what the ESME understands, and how long messages are cut.
	Coding coding.Config
	// WaitTimeout is how long a delivery waits for a session that receives and has
	// room in its window. Default: 30 seconds.
	WaitTimeout time.Duration
	// Server returns the server whose accounts these are, or nil while there is
	// none.
	Server func() *Server
}

// Destination delivers events to the sessions that an account has bound as
// receiver or transceiver. It is safe for concurrent use.
type Destination struct {
	cfg        DestinationConfig
	coder      *coding.Coder
	references *coding.References
}

// NewDestination returns a destination.
func NewDestination(c DestinationConfig) (*Destination, error) {
	switch {
	case c.SystemID == "":
		return nil, errors.New("no system_id of the account to deliver to")
	case c.DestAddr == nil:
		return nil, errors.New("no dest_addr")
	case c.Text != nil && c.Hex != nil:
		return nil, errors.New("a message has either a text or hex")
	case c.WaitTimeout < 0:
		return nil, errors.New("the wait timeout must not be negative")
	case c.Server == nil:
		return nil, errors.New("no server")
	}
	if c.Hex != nil && c.Coding.DataCoding == nil {
		octets := byte(pdu.DataCodingOctet)
		c.Coding.DataCoding = &octets
	}
	coder, err := coding.New(c.Coding)
	if err != nil {
		return nil, err
	}
	if c.Hex != nil && coder.Meaning(*c.Coding.DataCoding).Charset != coding.Binary {
		return nil, errors.New("a binary message needs a data_coding that is binary, such as 4 or 0xf5")
	}
	c.WaitTimeout = cmp.Or(c.WaitTimeout, DefaultWaitTimeout)
	return &Destination{cfg: c, coder: coder, references: coding.NewReferences()}, nil
}

// Deliver implements [relay.Destination]: it sends the message as deliver_sm, part
// by part. The status of the result is the command_status of the last response.
// Whatever has no response is sent again, so the ESME may get it twice.
func (d *Destination) Deliver(ctx context.Context, delivery *relay.Delivery) relay.Result {
	m, err := d.render(delivery)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	server := d.cfg.Server()
	if server == nil {
		return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "the SMSC is not running"}
	}
	a := server.accounts[d.cfg.SystemID]
	if a == nil {
		return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "there is no such account any more"}
	}
	n := parseNote(delivery.Note)
	encoded, err := d.encode(m, &n)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	for n.Sent < len(encoded.Segments) {
		if result, ok := d.send(ctx, server, a, m, encoded, &n); !ok {
			result.Note = n.encode()
			return result
		}
		n.Sent++
	}
	return relay.Result{Outcome: relay.Delivered}
}

// encode cuts a message into parts, the same as the last time, since the ESME has
// some of them.
func (d *Destination) encode(m *message, n *note) (*coding.Message, error) {
	encoded := new(coding.Message)
	if n.Sent == 0 {
		n.Reference = d.references.Next(m.source.Addr, m.dest.Addr)
	}
	if err := d.coder.Encode(encoded, m.text, n.Reference); err != nil {
		return nil, err
	}
	if digest := digestOf(m, encoded); digest != n.Digest {
		if n.Sent > 0 {
			// Another config makes another message of the event: the ESME must not
			// join its parts with those it has.
			n.Sent, n.Reference = 0, d.references.Next(m.source.Addr, m.dest.Addr)
			if err := d.coder.Encode(encoded, m.text, n.Reference); err != nil {
				return nil, err
			}
			digest = digestOf(m, encoded)
		}
		n.Digest = digest
	}
	return encoded, nil
}

// send sends the next part. If the ESME does not take it, ok is false and the
// result says what to do about the message.
func (d *Destination) send(ctx context.Context, server *Server, a *account, m *message, encoded *coding.Message, n *note) (result relay.Result, ok bool) {
	p, err := m.request(encoded, n.Sent)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}, false
	}
	wait, cancel := context.WithTimeout(ctx, d.cfg.WaitTimeout)
	defer cancel()
	// There is nothing to wait for at a server that is closed.
	defer context.AfterFunc(server.ctx, cancel)()
	r, err := a.turn(wait)
	if err != nil && server.ctx.Err() != nil {
		err = errClosed
	}
	if err != nil {
		return d.failed(ctx, err), false
	}
	response, err := r.session.Do(ctx, p, nil)
	a.putBack(r)
	if err != nil {
		return d.failed(ctx, err), false
	}
	code := response.Head().Status
	if code == pdu.StatusOK {
		return relay.Result{}, true
	}
	return refused(code, n), false
}

// failed says what to do about a part that has no response.
func (d *Destination) failed(ctx context.Context, err error) relay.Result {
	r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: err.Error()}
	var malformed *pdu.Error
	switch {
	case errors.As(err, &malformed):
		r.Outcome, r.Reason = relay.Permanent, relay.ReasonBadRequest
	case errors.Is(ctx.Err(), context.Canceled):
		r.Reason, r.Detail = relay.ReasonCanceled, "cut short by a shutdown"
	case errors.Is(err, errNotBound):
		r.Detail = fmt.Sprintf("no receiver or transceiver of '%s' was bound within %s", d.cfg.SystemID, d.cfg.WaitTimeout)
	case errors.Is(err, errNoRoom):
		r.Reason, r.Detail = relay.ReasonTimeout, fmt.Sprintf("no session of '%s' had room within %s", d.cfg.SystemID, d.cfg.WaitTimeout)
	}
	return r
}

// throttledWait is the pause of a message if the ESME wants to get less.
const throttledWait = time.Second

// refused says what to do about a status.
func refused(code pdu.CommandStatus, n *note) relay.Result {
	advice := status.Overrides{}.Classify(code, pdu.TLVs{})
	r := relay.Result{
		Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: int(code), RetryAfter: advice.Wait,
		Detail: "the ESME answered " + code.String(),
	}
	if advice.Class == status.Throttle && r.RetryAfter == 0 {
		r.RetryAfter = throttledWait
	}
	if advice.Tries > 0 {
		n.Refused++
	}
	if advice.Final() || advice.Tries > 0 && n.Refused > advice.Tries {
		r.Outcome, r.RetryAfter = relay.Permanent, 0
	}
	return r
}

// Interface guard
var _ relay.Destination = (*Destination)(nil)
