package smppbridge

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// Destination delivers events as short messages, and takes what comes back. It
// is safe for concurrent use.
type Destination struct {
	cfg        Config
	binds      *Binds
	coder      *coding.Coder
	inbound    *coding.Coder
	parser     *receipt.Parser
	references *coding.References
	turn       atomic.Uint64
	// meaning is the method means, which would be allocated for each message.
	meaning func(pdu.PDU) pdu.CommandStatus
}

// Deliver implements [relay.Destination]: it submits the message, part by part.
// The status of the result is the command_status of the last response, the detail
// has the message_ids. The note remembers which parts the SMSC has, so that
// another attempt only sends the others.
func (d *Destination) Deliver(ctx context.Context, delivery *relay.Delivery) relay.Result {
	message, _ := messages.Get().(*coding.Message)
	defer messages.Put(message)
	a := attempt{Destination: d, delivery: delivery, message: message}
	if err := a.prepare(); err != nil {
		return relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: err.Error()}
	}
	// From here until the id of the message is known, a receipt may be too early.
	d.binds.inFlight.Add(1)
	defer d.binds.inFlight.Add(-1)
	return a.run(ctx)
}

// part submits one part. If it is not taken, ok is false and the result says what
// to do about the message.
func (a *attempt) part(ctx context.Context, i int) (result relay.Result, ok bool) {
	patience := time.Now().Add(a.cfg.WaitTimeout)
	for {
		p, err := a.request(i)
		if err != nil {
			return a.failed(ctx, i, err), false
		}
		began := time.Now()
		o := a.origin(i)
		response, err := a.binds.submit(ctx, p, session.Submission{
			Wait: a.cfg.WaitTimeout, Meaning: a.meaning,
			Report: func(response pdu.PDU, late bool) { a.binds.response(a.Destination, o, response, late) },
		})
		if err != nil {
			return a.failed(ctx, i, err), false
		}
		code := response.Head().Status
		a.cfg.Observer.Submitted(a.cfg.Name, code, time.Since(began))
		if code == pdu.StatusOK {
			a.accepted(i, o)
			return relay.Result{}, true
		}
		a.setPart(i, notePart{State: partWaiting})
		advice := a.cfg.Overrides.Classify(code, tlvsOf(response))
		if advice.Class == status.Throttle && advice.Wait == 0 &&
			ctx.Err() == nil && time.Now().Before(patience) {
			continue // The session is slower by now, and its next turn is ours.
		}
		if advice.Remedy != status.NoRemedy && a.remedy(advice.Remedy) {
			continue
		}
		return a.refused(i, code, advice), false
	}
}

// means returns the status that the sessions are to act on: that of the class
// which a response has here.
func (d *Destination) means(response pdu.PDU) pdu.CommandStatus {
	code := response.Head().Status
	switch d.cfg.Overrides.Classify(code, tlvsOf(response)).Class {
	case status.Throttle:
		if code == pdu.StatusMsgQFul {
			return code
		}
		return pdu.StatusThrottled
	case status.Rebind:
		return pdu.StatusInvBndSts
	default:
		return pdu.StatusUnknownErr // There is nothing that a session can do about it.
	}
}

// origin describes a part for when its receipt comes.
func (a *attempt) origin(i int) *origin {
	return &origin{
		Recipient: a.fields.dest.Addr, EventID: a.delivery.Event.ID, Source: a.delivery.Event.Source,
		Type: a.delivery.Event.Type, Delivery: a.delivery.ID, Destination: a.cfg.Name,
		Part: uint8(i + 1), Total: uint8(len(a.note.Parts)), //nolint:gosec // At most 255.
		fresh: a.delivery.Attempt == 1 && len(a.note.Parts) == 1,
	}
}

// accepted takes note of a part that the SMSC has.
func (a *attempt) accepted(i int, o *origin) {
	a.setPart(i, notePart{State: partAccepted, MessageID: o.MessageID})
	if link, ok := a.link(o); ok {
		a.links = append(a.links, link)
	}
}

// link returns what finds the message again when its receipt comes. Without an
// id, or if no receipts are asked for, there is none.
func (d *Destination) link(o *origin) (relay.Link, bool) {
	key, ok := receipt.StoreKey(o.MessageID)
	if !ok || d.cfg.RegisteredDelivery == pdu.RegisteredDeliveryNone {
		return relay.Link{}, false
	}
	return relay.Link{Hash: messageHash(d.binds.smsc, key), Value: o.encode(), For: d.cfg.ReceiptTime}, true
}

func (a *attempt) setPart(i int, p notePart) {
	if a.note.Parts[i] != p {
		a.note.Parts[i], a.changed = p, true
	}
}

// messageID returns the id that the SMSC gave a message.
func messageID(response pdu.PDU) string {
	switch r := response.(type) {
	case *pdu.SubmitSMResp:
		return r.MessageID
	case *pdu.DataSMResp:
		return r.MessageID
	default:
		return ""
	}
}

func tlvsOf(response pdu.PDU) pdu.TLVs {
	switch r := response.(type) {
	case *pdu.SubmitSMResp:
		return r.TLVs
	case *pdu.DataSMResp:
		return r.TLVs
	default:
		return pdu.TLVs{}
	}
}

// Interface guards
var (
	_ relay.Destination = (*Destination)(nil)
	_ relay.Reporter    = (*Destination)(nil)
	_ relay.Splitter    = (*Destination)(nil)
)
