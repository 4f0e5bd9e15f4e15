package smppbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// maxDetail bounds the explanation of an attempt, in bytes: a long message has
// many ids.
const maxDetail = 1024

// throttledWait is the pause of a message if the SMSC throttles and waiting for
// our turn has not helped.
const throttledWait = time.Second

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
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, session.ErrStopped):
		// The next config has other sessions, or the next process.
		r.Reason, r.Detail = relay.ReasonCanceled, "cut short by a shutdown or reload"
	case errors.Is(err, session.ErrNoRoom):
		r.Reason, r.Detail = a.binds.why(a.cfg.WaitTimeout)
		// While the SMSC is down, there is nothing to be tried.
		r.Uncounted = r.Reason == relay.ReasonConnect
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
	if errors.Is(err, session.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
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
