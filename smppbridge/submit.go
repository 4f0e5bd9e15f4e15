package smppbridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// errWaited means that no session had room in time.
var errWaited = errors.New("no session had room in time")

// submit sends a request and waits for its response, as [session.Pool.Submit]
// does. It waits so long for a session that is bound, and longer by the time of a
// response for room in its window: by then, all that is before it has an outcome.
// After that the error is errWaited. A response that comes after submit has
// returned is given to late.
func (b *Binds) submit(ctx context.Context, p pdu.PDU, wait time.Duration, late func(pdu.PDU)) (pdu.PDU, error) {
	pool, err := b.up(ctx, wait)
	if err != nil {
		return nil, &session.Error{Err: err}
	}
	w := waiting{late: late, response: make(chan pdu.PDU, 1)}
	limited, cancel := context.WithTimeoutCause(ctx, wait+b.responseTimeout, errWaited)
	defer cancel()
	response, err := pool.Submit(limited, p, w.deliver)
	var failed *session.Error
	if err == nil || !errors.As(err, &failed) || !failed.MaybeSent {
		return response, err
	}
	if errors.Is(err, errWaited) {
		// The turn came at the last moment, and the response may still come in
		// time.
		return w.wait(ctx, b.responseTimeout, failed)
	}
	return w.giveUp(failed)
}

// up waits until a session is bound that can submit.
func (b *Binds) up(ctx context.Context, wait time.Duration) (*session.Pool, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b.mu.Lock()
	pool, bound, live, closed := b.pool, b.bound, b.live, b.closed
	b.mu.Unlock()
	if closed {
		return nil, session.ErrStopped
	}
	if pool == nil {
		return nil, session.ErrNotBound
	}
	if live > 0 {
		return pool, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-bound:
		return pool, nil
	case <-timer.C:
		return nil, errWaited
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// waiting is a request whose response comes late.
type waiting struct {
	late     func(pdu.PDU)
	response chan pdu.PDU

	mu   sync.Mutex
	gone bool
}

// deliver gets the late response. It does not block.
func (w *waiting) deliver(p pdu.PDU) {
	w.mu.Lock()
	gone := w.gone
	if !gone {
		w.response <- p
	}
	w.mu.Unlock()
	if gone {
		w.late(p)
	}
}

func (w *waiting) wait(ctx context.Context, timeout time.Duration, failed *session.Error) (pdu.PDU, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case p := <-w.response:
		return p, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return w.giveUp(failed)
}

// giveUp leaves the response to late, unless it is there.
func (w *waiting) giveUp(failed *session.Error) (pdu.PDU, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case p := <-w.response:
		return p, nil
	default:
		w.gone = true
		return nil, failed
	}
}

// why explains why no session had room.
func (b *Binds) why(waited time.Duration) (relay.Reason, string) {
	b.mu.Lock()
	live, failure := b.live, b.lastFailure
	b.mu.Unlock()
	if live > 0 {
		return relay.ReasonTimeout, fmt.Sprintf("no session had room in its window within %s", waited+b.responseTimeout)
	}
	detail := fmt.Sprintf("no session was bound within %s", waited)
	if failure != "" {
		detail += ": " + failure
	}
	return relay.ReasonConnect, truncate(detail)
}
