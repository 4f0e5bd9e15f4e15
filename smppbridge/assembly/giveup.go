package assembly

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

const (
	// flushBatch is how many messages are kept at a time: one commit takes them.
	flushBatch = 64
	// flushRetry is the pause before it is tried again to keep what could not be.
	flushRetry = 10 * time.Second
	// partOverhead is about what a part takes besides its octets.
	partOverhead = 192
)

// schedule has a look at the messages when the oldest of them is too old.
func (l *list) schedule() {
	next, ok := l.parts.NextExpiry()
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := max(time.Until(next), 0)
	switch {
	case l.ctx.Err() != nil:
	case l.timer == nil:
		l.timer = time.AfterFunc(wait, l.expire)
	default:
		l.timer.Reset(wait)
	}
}

func (l *list) expire() {
	l.giveUp(l.parts.Expire(time.Now()))
	l.schedule()
}

// giveUp has events made of messages that are not complete, and will not be. One
// that is complete is being kept, and up to who does that.
func (l *list) giveUp(all []coding.Assembled) {
	for _, whole := range all {
		if !whole.Complete {
			l.enqueue(whole)
		}
	}
}

// enqueue has an event made of a message, unless it only repeats another.
func (l *list) enqueue(whole coding.Assembled) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(whole.Parts) == 0 || l.ctx.Err() != nil {
		return // The next one to open the list will do that.
	}
	l.pending = append(l.pending, whole)
	l.pendingBytes += size(&whole)
	if !l.flushing {
		l.flushing = true
		l.tasks.Go(l.flush)
	}
}

func size(whole *coding.Assembled) (n int) {
	for i := range whole.Parts {
		n += partOverhead + len(whole.Parts[i].Data)
	}
	return n
}

// overfull tells whether so much can't be kept that no other parts should come.
func (l *list) overfull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pendingBytes > l.limits.Bytes || len(l.pending) > l.limits.Messages
}

// flush makes events of messages until there are none. Nobody else would: the
// senders have got their answers.
func (l *list) flush() {
	for {
		batch := l.batch()
		if len(batch) == 0 {
			return
		}
		kept := make([]bool, len(batch))
		var wg sync.WaitGroup
		for i := range batch {
			wg.Go(func() { kept[i] = l.settle(&batch[i]) })
		}
		wg.Wait()
		if !l.flushed(kept) && !l.wait(flushRetry) {
			return
		}
	}
}

// batch returns the messages to begin with.
func (l *list) batch() []coding.Assembled {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushing = len(l.pending) > 0 && l.ctx.Err() == nil
	if !l.flushing {
		return nil
	}
	return slices.Clone(l.pending[:min(len(l.pending), flushBatch)])
}

// flushed removes those messages of the batch that were kept, and tells whether
// all were.
func (l *list) flushed(kept []bool) (all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left []coding.Assembled
	for i, done := range kept {
		if done {
			l.pendingBytes -= size(&l.pending[i])
		} else {
			left = append(left, l.pending[i])
		}
	}
	all = len(left) == 0
	l.pending = append(left, l.pending[len(kept):]...)
	return all
}

// settle keeps the event of a message, and returns whether nothing is left to do.
func (l *list) settle(whole *coding.Assembled) bool {
	sink, ok := l.sink()
	if !ok {
		return false
	}
	defer l.locks.lock(messageOf(whole.Source, whole.Destination, &whole.Parts[0]))()
	var a relay.Acceptance
	if !whole.Repeat {
		var err error
		if a, err = sink.Event(*whole); err != nil {
			sink.Logger.Error("lost a long message", slog.Int("parts", len(whole.Parts)), slog.Any("error", err))
			a = relay.Acceptance{}
		}
	}
	a.Links = append(a.Links, l.done(time.Now(), whole.Parts)...)
	if err := sink.keep(a); err != nil {
		sink.Logger.Warn("can't keep a long message of which parts are missing; it is tried again", slog.Any("error", err))
		return false
	}
	return true
}
