package relay

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// syncer makes commits durable and answers those who wait for that.
type syncer struct {
	queue    Queue
	observer Observer
	failed   func(error)

	wake chan struct{} // holds one token when there may be work
	done chan struct{} // closed when run has returned

	mu      sync.Mutex
	taken   sync.Cond // signaled when waiting has become empty
	syncing int       // the number of events in the sync that runs
	waiting []*waiter
	closing bool
}

func newSyncer(queue Queue, observer Observer, failed func(error)) *syncer {
	s := &syncer{queue: queue, observer: observer, failed: failed, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.taken.L = &s.mu
	return s
}

// fewEvents is the number of events, in the sync that runs and waiting for the
// next, up to which another commit goes ahead. With few events, none waits for
// a sync before it is committed and delivered; with many, more commits would
// only be smaller ones, and write more.
const fewEvents = 8

// ready waits until there is room for another commit.
func (s *syncer) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 && s.syncing+len(s.waiting) >= fewEvents {
		s.taken.Wait()
	}
}

// add has all that was committed so far synced, and the given waiters told.
func (s *syncer) add(waiters []*waiter) {
	s.mu.Lock()
	s.waiting = append(s.waiting, waiters...)
	s.mu.Unlock()
	s.signal()
}

func (s *syncer) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// close waits until all that was added has been synced.
func (s *syncer) close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.signal()
	<-s.done
}

func (s *syncer) run() {
	defer close(s.done)
	var waiters []*waiter
	for range s.wake {
		var closing bool
		// The deliveries that were started with the commit go first: a sync
		// blocks the processor they wait for until the scheduler notices.
		runtime.Gosched()
		waiters, closing = s.take(waiters[:0])
		start := time.Now()
		err := s.queue.Sync(context.Background())
		if err != nil {
			s.failed(err)
		} else {
			s.observer.Synced(time.Since(start))
		}
		for _, w := range waiters {
			if err != nil {
				w.Err = err
			}
			w.done <- w.Err
		}
		clear(waiters)
		if closing {
			return
		}
	}
}

func (s *syncer) take(waiters []*waiter) ([]*waiter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiters = append(waiters, s.waiting...)
	clear(s.waiting)
	s.waiting = s.waiting[:0]
	s.syncing = len(waiters)
	s.taken.Signal()
	return waiters, s.closing
}
