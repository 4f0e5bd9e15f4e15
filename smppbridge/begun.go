package smppbridge

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

const (
	// begunTime is how long it is remembered that something was to be sent. After
	// that, a process that was killed is followed by a duplicate.
	begunTime = 24 * time.Hour
	// youngEvent is the age below which an event of this process can't be one that
	// another process was killed over: that has to lose its claim first.
	youngEvent = 30 * time.Second
)

// errEnded means that an earlier process has ended while a message was sent.
var errEnded = errors.New("the process ended before there was a response")

// begin makes sure that a process that is killed while a message is sent does
// not lead to a duplicate, unless these are allowed: it keeps a mark before, and
// a mark of this run that is there already is of a process that did not get to
// record what became of it. If the message must not be sent, ok is false.
func (a *attempt) begin(ctx context.Context, part int) (result relay.Result, ok bool) {
	if a.begun || a.cfg.Duplicates == AllowDuplicates {
		return relay.Result{}, true
	}
	// Nothing is begun while there is nobody to send it to.
	if _, err := a.binds.up(ctx, a.cfg.WaitTimeout); err != nil {
		return a.failed(ctx, part, &session.Error{Err: err}), false
	}
	mark := relay.Mark{Hash: hashOf(markBegun, a.binds.smsc, a.delivery.ID, strconv.Itoa(a.note.Runs)), For: begunTime}
	a.note.Runs++
	if e := a.delivery.Event; e.Time.Before(a.binds.started) || time.Since(e.Time) > youngEvent {
		_, killed, err := a.cfg.Store.Remembered(ctx, mark.Hash)
		if err != nil {
			return a.notKept(ctx, err), false
		}
		if killed {
			a.begun, a.changed = true, true
			return a.unknown(part, &session.Error{MaybeSent: true, Err: errEnded}), false
		}
	}
	if err := keep(a.cfg.Store, relay.Acceptance{Marks: []relay.Mark{mark}}); err != nil {
		return a.notKept(ctx, err), false
	}
	a.begun, a.changed = true, true
	return relay.Result{}, true
}

// notKept is the result if the store fails, and nothing was sent.
func (a *attempt) notKept(ctx context.Context, err error) relay.Result {
	r := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "not sent, since that could not be recorded: " + err.Error()}
	if errors.Is(ctx.Err(), context.Canceled) {
		r.Reason = relay.ReasonCanceled
	}
	r.Detail = a.withIDs(r.Detail)
	return r
}
