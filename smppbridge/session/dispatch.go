package session

import (
	"container/list"
	"context"
	"time"
)

// acquire waits for a slot of a window, until the deadline unless that is zero.
func (p *Pool) acquire(ctx context.Context, deadline time.Time) (grant, error) {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return grant{}, ErrStopped
	}
	if p.waiting.Len() == 0 {
		if g, _ := p.pick(time.Now()); g.session != nil {
			p.mu.Unlock()
			return g, nil
		}
	}
	w, ok := p.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{granted: make(chan grant, 1)}
	}
	place := p.waiting.PushBack(w)
	p.grantLocked()
	p.mu.Unlock()
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline, ErrNoRoom)
		defer cancel()
	}
	return p.await(ctx, place, w)
}

// await waits for its turn.
func (p *Pool) await(ctx context.Context, place *list.Element, w *waiter) (grant, error) {
	var g grant
	var err error
	select {
	case g = <-w.granted:
	case <-ctx.Done():
		err = context.Cause(ctx)
		p.mu.Lock()
		p.waiting.Remove(place)
		p.mu.Unlock()
		// It may have been granted just before, and then somebody else gets it.
		select {
		case g = <-w.granted:
			if g.session != nil {
				g.session.release(true)
			}
		default:
		}
	}
	p.waiters.Put(w)
	if err == nil && g.session == nil {
		err = ErrStopped
	}
	return g, err
}

// dispatch is called when there may be a free slot.
func (p *Pool) dispatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grantLocked()
}

// grantLocked gives free slots to those who wait, first come first served. Once
// the pool is stopped they all get nothing.
func (p *Pool) grantLocked() {
	for p.waiting.Len() > 0 {
		g, wait := p.pick(time.Now())
		if g.session == nil && !p.stopped {
			if wait > 0 {
				p.timer.Reset(wait)
			}
			return
		}
		w, _ := p.waiting.Remove(p.waiting.Front()).(*waiter)
		w.granted <- g
	}
}

// pick takes a slot of the session with the most free ones. If there is none
// because of a limit of the rate, it returns how long that takes.
func (p *Pool) pick(now time.Time) (g grant, wait time.Duration) {
	if p.stopped {
		return grant{}, 0
	}
	if wait = delay(p.limiter, now); wait > 0 {
		return grant{}, wait
	}
	most := 0
	for _, l := range p.links {
		free := l.free()
		if free == 0 {
			continue
		}
		if d := l.throttle.Delay(now); d > 0 {
			if wait == 0 || d < wait {
				wait = d
			}
			continue
		}
		if free > most {
			most, g = free, grant{link: l, session: l.session}
		}
	}
	if g.session == nil || !g.session.tryAcquire() {
		return grant{}, wait
	}
	use(p.limiter, now)
	g.link.throttle.Use(now)
	return g, 0
}

// free returns how many messages the session could take now.
func (l *link) free() int {
	if l.session == nil || !transmits(l.mode) {
		return 0
	}
	return l.session.free()
}
