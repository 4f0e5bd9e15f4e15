package smppbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// maxDetail bounds the explanation of an attempt, in bytes: a long message has
// many ids.
const maxDetail = 1024

// throttledWait is the pause of a message if the SMSC throttles and waiting for
// our turn has not helped.
const throttledWait = time.Second

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
		response, err := a.binds.submit(ctx, p, a.cfg.WaitTimeout, func(late pdu.PDU) { a.binds.lateResponse(a.Destination, o, late) })
		if err != nil {
			return a.failed(ctx, i, err), false
		}
		code := response.Head().Status
		a.cfg.Observer.Submitted(a.cfg.Name, code, time.Since(began))
		if code == pdu.StatusOK {
			o.MessageID = messageID(response)
			a.accepted(i, o)
			return relay.Result{}, true
		}
		a.setPart(i, notePart{State: partWaiting})
		advice := a.cfg.Overrides.Classify(code, tlvsOf(response))
		if code == pdu.StatusThrottled && advice.Class == status.Throttle && advice.Wait == 0 &&
			ctx.Err() == nil && time.Now().Before(patience) {
			continue // The session is slower by now, and its next turn is ours.
		}
		if advice.Remedy != status.NoRemedy && a.remedy(advice.Remedy) {
			continue
		}
		return a.refused(i, code, advice), false
	}
}

// origin describes a part for when its receipt comes.
func (a *attempt) origin(i int) *origin {
	return &origin{
		Recipient: a.fields.dest.Addr, EventID: a.delivery.Event.ID, Source: a.delivery.Event.Source,
		Type: a.delivery.Event.Type, Delivery: a.delivery.ID, Destination: a.cfg.Name,
		Part: uint8(i + 1), Total: uint8(len(a.note.Parts)), //nolint:gosec // At most 255.
	}
}

// accepted takes note of a part that the SMSC has.
func (a *attempt) accepted(i int, o *origin) {
	a.setPart(i, notePart{State: partAccepted, MessageID: o.MessageID})
	if link, ok := a.link(o); ok {
		a.links = append(a.links, link)
	}
	a.binds.submitted(o)
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

// refused says what to do about a status. The parts before are with the SMSC.
func (a *attempt) refused(i int, code pdu.CommandStatus, advice status.Advice) relay.Result {
	r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: int(code), RetryAfter: advice.Wait}
	detail := a.partName(i) + " was refused with " + code.String()
	if advice.Note != "" {
		detail += ": " + advice.Note
	}
	if advice.Class == status.Throttle && r.RetryAfter == 0 {
		r.RetryAfter = throttledWait
	}
	if advice.Tries > 0 {
		a.note.Refused++
		a.changed = true
		if a.note.Refused > advice.Tries {
			detail += fmt.Sprintf(" (%d times)", a.note.Refused)
			r.Outcome = relay.Permanent
		}
	}
	if advice.Final() {
		r.Outcome = relay.Permanent
	}
	if r.Outcome == relay.Permanent {
		r.RetryAfter = 0
	}
	r.Detail = a.withIDs(detail)
	return r
}

// failed says what to do about a part that has no response.
func (a *attempt) failed(ctx context.Context, i int, err error) relay.Result {
	var failed *session.Error
	if errors.As(err, &failed) && failed.MaybeSent {
		return a.unknown(i, failed)
	}
	r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect}
	var malformed *pdu.Error
	switch {
	case errors.As(err, &malformed):
		r.Outcome, r.Reason, r.Detail = relay.Permanent, relay.ReasonBadRequest, malformed.Error()
	case errors.Is(ctx.Err(), context.Canceled):
		r.Reason, r.Detail = relay.ReasonCanceled, "cut short by a shutdown"
	case errors.Is(err, errWaited):
		r.Reason, r.Detail = a.binds.why(a.cfg.WaitTimeout)
	default:
		r.Detail = err.Error()
	}
	r.Detail = a.withIDs(r.Detail)
	return r
}

// unknown says what to do about a part that the SMSC may have taken.
func (a *attempt) unknown(i int, err *session.Error) relay.Result {
	a.setPart(i, notePart{State: partUnknown})
	a.cfg.Observer.Unknown(a.cfg.Name)
	r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect}
	if errors.Is(err, session.ErrTimeout) || errors.Is(err, errWaited) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) {
		// A shutdown is one, too: it left no time for the response. It must be
		// recorded, which a canceled attempt would not be.
		r.Reason = relay.ReasonTimeout
	}
	detail := fmt.Sprintf("unknown whether the SMSC has taken %s: %v", a.partName(i), err.Err)
	if a.cfg.Duplicates == AvoidDuplicates {
		r.Outcome = relay.Permanent
		detail += "; it is not sent again, to avoid a duplicate"
	} else {
		detail += "; it is sent again, and may become a duplicate"
	}
	r.Detail = a.withIDs(detail)
	return r
}

func (a *attempt) partName(i int) string {
	if len(a.note.Parts) == 1 {
		return "the message"
	}
	return fmt.Sprintf("part %d of %d", i+1, len(a.note.Parts))
}

// withIDs adds the message_ids of the parts that the SMSC has.
func (a *attempt) withIDs(detail string) string {
	if ids := a.messageIDs(); ids != "" {
		detail += "; " + ids
	}
	return truncate(detail)
}

// messageIDs names the parts that the SMSC has.
func (a *attempt) messageIDs() string {
	if len(a.note.Parts) == 1 && a.note.Parts[0].State == partAccepted {
		if a.note.Parts[0].MessageID == "" {
			return "the SMSC gave no message_id, so no receipt can be matched"
		}
		return truncate("message_id " + a.note.Parts[0].MessageID)
	}
	var b strings.Builder
	for i := range a.note.Parts {
		if p := &a.note.Parts[i]; p.State == partAccepted && b.Len() < maxDetail {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "part %d message_id %s", i+1, p.MessageID)
		}
	}
	return truncate(b.String())
}

// truncate also keeps what a peer sent from being anything but text.
func truncate(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
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

// Interface guard
var _ relay.Destination = (*Destination)(nil)
