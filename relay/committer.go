package relay

import (
	"context"
	"sync"
	"time"
)

const (
	// maxBatch bounds the events of one commit, and so its latency.
	maxBatch = 1024
	// maxBatchDeliveries does so if they have many deliveries.
	maxBatchDeliveries = 8 * maxBatch
	// maxLinger is how long outcomes of attempts wait for an event to share
	// their commit with. A crash within it repeats these attempts, which
	// at-least-once delivery allows; nothing waits for the outcome itself.
	maxLinger = 5 * time.Millisecond
	// lingerBatch is the number of outcomes that are committed without delay.
	lingerBatch = 256
	// failurePause keeps a queue that can't commit, as on a full disk, from
	// being tried in a tight loop when only outcomes are waiting.
	failurePause = 200 * time.Millisecond
	// maintainEvery is the time between rounds of housekeeping, maintainFor
	// the time that a round may take.
	maintainEvery = 100 * time.Millisecond
	maintainFor   = 20 * time.Millisecond
)

// waiter is an event on its way into the queue, and the place where its
// handler waits.
type waiter struct {
	Acceptance
	keys [2]int64 // backs Acceptance.Keys in the usual case
	done chan error
}

// committer collects events and outcomes from many goroutines and commits
// them together. Its syncer then makes them durable: one sync to disk serves
// all that was committed while the last one ran. The next batch is committed
// meanwhile, and deliveries begin; only the senders wait. An event that is
// lost with the power was not acknowledged then, though it may have been
// delivered, and its sender will offer it again.
type committer struct {
	queue    Queue
	observer Observer
	limits   func() Limits
	// committed is called after each commit, before it is synced.
	committed func(accepts []*waiter, finishes []*work)
	failed    func(error)

	waiters sync.Pool
	syncer  *syncer
	wake    chan struct{} // holds one token when there may be work
	done    chan struct{} // closed when run has returned

	mu       sync.Mutex
	accepts  []*waiter
	finishes []*work
	closing  bool
}

// accept hands an event over, waits for its commit, and returns whether it was
// a duplicate.
func (c *committer) accept(a Acceptance) (duplicate bool, err error) {
	w, _ := c.waiters.Get().(*waiter)
	if w == nil {
		w = &waiter{done: make(chan error, 1)}
	}
	w.Acceptance = a
	w.Keys = w.keys[:0]
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return false, ErrClosed
	}
	c.accepts = append(c.accepts, w)
	c.mu.Unlock()
	c.signal()
	err = <-w.done
	duplicate = w.Duplicate
	w.Acceptance = Acceptance{}
	c.waiters.Put(w)
	return duplicate, err
}

// finish records the outcome of an attempt with one of the next commits.
func (c *committer) finish(w *work) {
	c.mu.Lock()
	c.finishes = append(c.finishes, w)
	n := len(c.finishes)
	c.mu.Unlock()
	// The first one starts the wait for company, a full batch ends it.
	if n == 1 || n == lingerBatch {
		c.signal()
	}
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close refuses further events, waits until everything handed over has been
// committed, and returns.
func (c *committer) close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.signal()
	<-c.done
}

// run commits until close is called.
func (c *committer) run() {
	defer close(c.done)
	c.syncer = newSyncer(c.queue, c.observer, c.failed)
	go c.syncer.run()
	defer c.syncer.close()
	maintain := time.NewTicker(maintainEvery)
	defer maintain.Stop()
	var (
		batch    Batch
		accepts  []*waiter
		finishes []*work
	)
	more := false // housekeeping to be done
	for !c.finished() {
		select {
		case <-c.wake:
			c.linger()
			c.syncer.ready()
			accepts, finishes = c.take(accepts[:0], finishes[:0])
			if err := c.commit(&batch, accepts, finishes); err != nil && c.giveUp() {
				return
			}
			if more {
				// A step for each commit keeps up with what commits add,
				// however many there are.
				more = c.maintain()
			}
		case <-maintain.C:
			c.syncer.add(nil) // outcomes that were committed without an event
			more = c.maintainWhileIdle()
		}
	}
}

// linger gives outcomes a little time to share a commit with an event.
func (c *committer) linger() {
	if !c.onlyFewFinishes() {
		return
	}
	t := time.NewTimer(maxLinger)
	defer t.Stop()
	for c.onlyFewFinishes() {
		select {
		case <-c.wake:
		case <-t.C:
			return
		}
	}
}

func (c *committer) onlyFewFinishes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.accepts) == 0 && len(c.finishes) < lingerBatch && !c.closing
}

// take moves what is waiting to the given slices.
func (c *committer) take(accepts []*waiter, finishes []*work) ([]*waiter, []*work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.batchLength()
	accepts = append(accepts, c.accepts[:n]...)
	rest := copy(c.accepts, c.accepts[n:])
	clear(c.accepts[rest:])
	c.accepts = c.accepts[:rest]
	if rest > 0 {
		c.signal()
	}
	finishes = append(finishes, c.finishes...)
	clear(c.finishes)
	c.finishes = c.finishes[:0]
	return accepts, finishes
}

// batchLength returns how many of the events to commit at once. It is called
// with the lock held.
func (c *committer) batchLength() int {
	n := min(len(c.accepts), maxBatch)
	deliveries := 0
	for i, w := range c.accepts[:n] {
		if deliveries += len(w.To); deliveries > maxBatchDeliveries {
			return max(i, 1)
		}
	}
	return n
}

// commit applies one batch and tells everybody concerned.
func (c *committer) commit(b *Batch, accepts []*waiter, finishes []*work) error {
	if len(accepts) == 0 && len(finishes) == 0 {
		return nil
	}
	b.Limits = c.limits()
	b.Accepts, b.Finishes = b.Accepts[:0], b.Finishes[:0]
	for _, w := range accepts {
		b.Accepts = append(b.Accepts, &w.Acceptance)
	}
	for _, w := range finishes {
		b.Finishes = append(b.Finishes, &w.Finish)
	}
	start := time.Now()
	err := c.queue.Commit(context.Background(), b)
	if err == nil {
		c.observer.Committed(len(accepts), len(finishes), time.Since(start))
		c.committed(accepts, finishes)
		if len(accepts) > 0 {
			c.syncer.add(accepts)
		}
	} else {
		c.failed(err)
		c.putBack(finishes)
		for _, w := range accepts {
			w.done <- err
		}
	}
	clear(b.Accepts)
	clear(b.Finishes)
	return err
}

// putBack keeps outcomes that could not be committed for the next try.
func (c *committer) putBack(finishes []*work) {
	if len(finishes) == 0 {
		return
	}
	c.mu.Lock()
	c.finishes = append(c.finishes, finishes...)
	c.mu.Unlock()
	time.AfterFunc(failurePause, c.signal)
}

// maintain does a step of housekeeping. It reports whether there is more.
func (c *committer) maintain() bool {
	more, err := c.queue.Maintain(context.Background(), c.limits())
	if err != nil {
		c.failed(err)
	}
	return more
}

// maintainWhileIdle does housekeeping for a while, or until there is something
// to commit.
func (c *committer) maintainWhileIdle() (more bool) {
	for start := time.Now(); time.Since(start) < maintainFor; {
		if more = c.maintain(); !more || len(c.wake) > 0 {
			break
		}
	}
	return more
}

// giveUp reports whether to stop although outcomes could not be committed. No
// event is waiting then, and deliveries whose outcome is lost are repeated
// after the next start.
func (c *committer) giveUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing && len(c.accepts) == 0
}

// finished reports whether close was called and all work is done.
func (c *committer) finished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing && len(c.accepts) == 0 && len(c.finishes) == 0
}
