package smsc

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
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
	// DataSM sends data_sm instead of deliver_sm.
	DataSM bool
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

// Deliver implements [relay.Destination]: it sends the message part by part. The status of the result is the command_status of the last response.
// Whatever has no response is sent again, so the ESME may get it twice.
func (d *Destination) Deliver(ctx context.Context, delivery *relay.Delivery) relay.Result {
	m, err := d.render(delivery)
	if err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	server := d.cfg.Server()
	if server == nil {
		return notRunning
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
	to := recipient{server: server, account: a, wait: d.cfg.WaitTimeout}
	for n.Sent < len(encoded.Segments) {
		p, err := m.request(encoded, n.Sent, d.cfg.DataSM)
		if err != nil {
			return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
		}
		if result, ok := to.send(ctx, &n, func(*session.Session) pdu.PDU { return p }); !ok {
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

// Interface guard
var _ relay.Destination = (*Destination)(nil)
