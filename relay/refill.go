package relay

import (
	"context"
	"fmt"
	"time"
)

// refill reads due deliveries from the queue if there may be some and there
// is room for them. It is called with the lane locked, and returns at once.
func (l *lane) refill() {
	if !l.more || l.reading || l.target == nil {
		return
	}
	// Reading only when half of the room is free makes for long reads.
	room := l.engine.budget.room(l.heldBytes)
	if len(l.held) > maxHeld/2 || (len(l.held) > 0 && room < l.heldBytes) {
		l.behind = true
		// Usually the end of an attempt brings us back, but what is held may
		// be little that takes long, and the room may be others'.
		l.wakeAt(time.Now().Add(roomPause))
		return
	}
	if !l.engine.background.begin() {
		return
	}
	l.reading = true
	// The room is taken while the queue is read, since other lanes read too.
	room = min(max(room, 0), maxRead)
	l.engine.budget.add(room)
	go l.read(l.news, ClaimQuery{
		Destination: l.name,
		Max:         maxHeld - len(l.held),
		MaxBytes:    room,
		Held:        l.holds,
	})
}

func (l *lane) holds(key int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.held[key]
	return ok
}

// read claims deliveries and takes them into the lane. news is the lane's
// count from before.
func (l *lane) read(news uint64, q ClaimQuery) {
	defer l.engine.background.end()
	q.Now = time.Now()
	claims, err := l.engine.queue.Claim(context.Background(), q)
	if err != nil {
		l.engine.failed(fmt.Errorf("reading deliveries for %s: %w", l.name, err))
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine.budget.add(-q.MaxBytes)
	for _, c := range claims.Due {
		// A commit may have handed us the same delivery in the meantime.
		if _, ok := l.held[c.Key]; !ok {
			l.hold(&work{
				Finish: Finish{Key: c.Key, From: c.State, Attempt: c.Attempts},
				lane:   l, event: c.Event, index: c.Index, note: c.Note, report: c.Report,
			})
		}
	}
	l.reading = false
	for _, key := range l.released {
		delete(l.held, key)
	}
	l.released = l.released[:0]
	switch {
	case err != nil:
		l.more = false
		l.wakeAt(q.Now.Add(readPause))
	case claims.Exhausted:
		// Fresh deliveries need not wait behind the few that may have come
		// while the queue was read; these are read next.
		l.more, l.behind = l.news != news, false
		l.wakeAt(claims.Next)
	}
	if l.target == nil {
		l.putBackReady()
		return
	}
	l.start()
	l.refill()
}

// wakeAt has the queue read again at t, unless it will be even before that.
func (l *lane) wakeAt(t time.Time) {
	if t.IsZero() {
		return
	}
	t = t.Truncate(wakeGrain).Add(wakeGrain)
	if !l.next.IsZero() && !t.Before(l.next) {
		return
	}
	l.next = t
	wait := min(time.Until(t), maxSleep)
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.wake)
		return
	}
	l.timer.Reset(wait)
}

// wake is called when the next retry may be due.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = time.Time{}
	l.more = true
	l.news++
	l.refill()
}
