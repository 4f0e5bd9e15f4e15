package session

import (
	"container/list"
	"context"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// waiter is a message that waits for a slot of a window. Whoever gives it one also
// sends it, rather than wake somebody to do so.
type waiter struct {
	// ctx is that of whoever waits: once it has ended, nothing is sent.
	ctx  context.Context
	pdu  pdu.PDU
	call *call
	// deadline is when it gives up, unless that is zero.
	deadline time.Time
	// place is where it waits, or nil. It is for holders of the lock, as grant is
	// until the result is there.
	place *list.Element
	// grant is where it was sent.
	grant grant
}

// try sends a request once there is a slot of a window, and waits for what becomes
// of it. Unless it had no slot, it returns which.
func (p *Pool) try(ctx context.Context, deadline time.Time, m pdu.PDU, report func(p pdu.PDU, late bool)) (grant, pdu.PDU, error) {
	if ctx.Err() != nil {
		return grant{}, nil, notSent(context.Cause(ctx))
	}
	c := newCall(&p.calls, m, report)
	c.slot = true
	p.mu.Lock()
	if p.waiting.Len() == 0 && !p.stopped {
		if g, _ := p.pick(time.Now()); g.session != nil {
			p.mu.Unlock()
			resp, err := g.session.exchange(ctx, m, c)
			return g, resp, err
		}
	}
	w, ok := p.waiters.Get().(*waiter)
	if !ok {
		w = new(waiter)
	}
	*w = waiter{ctx: ctx, pdu: m, call: c, deadline: deadline}
	w.place = p.waiting.PushBack(w)
	p.grantLocked()
	if w.place != nil {
		p.expireBy(deadline)
	}
	p.mu.Unlock()
	return p.await(ctx, w)
}

// await waits for what becomes of a waiter, which is used again after that.
func (p *Pool) await(ctx context.Context, w *waiter) (grant, pdu.PDU, error) {
	c := w.call
	var r result
	select {
	case r = <-c.result:
	case <-ctx.Done():
		g, abandoned := p.abandon(w)
		switch {
		case abandoned && g.session != nil:
			// The call is the session's until it has a result.
			p.reuse(w)
			return g, nil, maybeSent(context.Cause(ctx))
		case abandoned:
			r.err = notSent(context.Cause(ctx))
		default:
			r = <-c.result
		}
	}
	g := w.grant
	p.reuse(w)
	p.calls.Put(c)
	return g, r.response, r.err
}

// reuse keeps a waiter for another message, and nothing of the one before.
func (p *Pool) reuse(w *waiter) {
	*w = waiter{}
	p.waiters.Put(w)
}

// abandon leaves a waiter to itself unless there is a result, and returns where it
// was sent, if it was.
func (p *Pool) abandon(w *waiter) (grant, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.place != nil {
		p.remove(w)
		return grant{}, true
	}
	return w.grant, w.grant.session != nil && w.grant.session.abandon(w.call)
}

// remove has a waiter wait no more.
func (p *Pool) remove(w *waiter) {
	p.waiting.Remove(w.place)
	w.place = nil
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
		w, _ := p.waiting.Front().Value.(*waiter)
		p.remove(w)
		if err := w.send(g); err != nil {
			w.call.result <- result{err: notSent(err)}
		}
	}
}

// send sends a waiter's message, or gives its slot back.
func (w *waiter) send(g grant) error {
	if g.session == nil {
		return ErrStopped
	}
	err := context.Cause(w.ctx)
	if err == nil {
		w.grant = g
		err = g.session.request(w.pdu, w.call)
	}
	if err != nil {
		g.session.giveBack()
	}
	return err
}

// expireBy has waiters expire at a time, unless that is zero, or they will before.
func (p *Pool) expireBy(t time.Time) {
	if t.IsZero() || !p.expires.IsZero() && !t.Before(p.expires) {
		return
	}
	p.expires = t
	p.expiry.Reset(time.Until(t))
}

// expire has those who have waited for too long give up.
func (p *Pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.expires = time.Time{}
	var next *list.Element
	for e := p.waiting.Front(); e != nil; e = next {
		next = e.Next()
		w, _ := e.Value.(*waiter)
		switch {
		case w.deadline.IsZero():
		case w.deadline.After(now):
			p.expireBy(w.deadline)
		default:
			p.remove(w)
			w.call.result <- result{err: notSent(ErrNoRoom)}
		}
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
