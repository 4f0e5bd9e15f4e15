package smppbridge

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// submit sends a request and waits for its response, as [session.Pool.Submit]
// does. It waits for s.Wait for a session that is bound, and longer by the time of a
// response for room in its window: by then, all that is before it has an outcome.
// After that the error is [session.ErrNoRoom].
func (b *Binds) submit(ctx context.Context, p pdu.PDU, s session.Submission) (pdu.PDU, error) {
	pool, err := b.up(ctx, s.Wait)
	if err != nil {
		return nil, &session.Error{Err: err}
	}
	s.Wait += b.responseTimeout
	return pool.Submit(ctx, p, s)
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
	case <-b.stopped:
		return nil, session.ErrStopped
	case <-timer.C:
		return nil, session.ErrNoRoom
	case <-ctx.Done():
		return nil, context.Cause(ctx)
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
