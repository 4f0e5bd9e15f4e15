package smsc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// throttledWait is the pause of a message if the ESME wants to get less.
const throttledWait = time.Second

// recipient is an account that something is delivered to.
type recipient struct {
	server  *Server
	account *account
	// wait is how long to wait for a session with room in its window.
	wait time.Duration
}

// send sends what build returns for a session. If the ESME does not take it, ok is
// false and the result says what to do about the delivery.
func (r *recipient) send(ctx context.Context, n *note, build func(*session.Session) pdu.PDU) (result relay.Result, ok bool) {
	wait, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	// There is nothing to wait for at a server that is closed.
	defer context.AfterFunc(r.server.ctx, cancel)()
	for {
		to, err := r.account.turn(wait)
		if err != nil && r.server.ctx.Err() != nil {
			err = errClosed
		}
		if err != nil {
			return r.failed(ctx, err), false
		}
		response, err := to.session.Do(ctx, build(to.session), nil)
		if err == nil {
			r.account.learn(to, response.Head().Status)
		}
		r.account.putBack(to)
		if err != nil {
			return r.failed(ctx, err), false
		}
		switch code := response.Head().Status; {
		case code == pdu.StatusOK:
			return relay.Result{}, true
		case code == pdu.StatusThrottled && wait.Err() == nil:
			// The session is slower by now, and its next turn is ours.
		default:
			return refused(code, n), false
		}
	}
}

// failed says what to do about a request that has no response.
func (r *recipient) failed(ctx context.Context, err error) relay.Result {
	result := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: err.Error()}
	systemID := r.account.cfg.SystemID
	var malformed *pdu.Error
	switch {
	case errors.As(err, &malformed):
		result.Outcome, result.Reason = relay.Permanent, relay.ReasonBadRequest
	case errors.Is(ctx.Err(), context.Canceled):
		result.Reason, result.Detail = relay.ReasonCanceled, "cut short by a shutdown"
	case errors.Is(err, errNotBound):
		// While the ESME is away, there is nothing to be tried.
		result.Uncounted = true
		result.Detail = fmt.Sprintf("no receiver or transceiver of '%s' was bound within %s", systemID, r.wait)
	case errors.Is(err, errNoRoom):
		result.Reason, result.Detail = relay.ReasonTimeout, fmt.Sprintf("no session of '%s' had room within %s", systemID, r.wait)
	}
	return result
}

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
