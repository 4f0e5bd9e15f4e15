package relay_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

// memoryQueue is a queue that forgets everything, for tests of the engine.

type memoryQueue struct {
	delay   func() time.Duration // of each call; may be nil
	syncErr error

	mu         sync.Mutex
	err        error
	last       int64
	known      map[string]time.Time
	marks      map[relay.MarkHash]uint16
	links      map[relay.LinkHash][]memoryLink
	deliveries []*memoryDelivery // by key - 1
}

type memoryDelivery struct {
	relay.Claim
	destination string
	due         time.Time
}

type memoryLink struct {
	value   []byte
	expires time.Time
}

func newMemoryQueue() *memoryQueue {
	return &memoryQueue{
		known: make(map[string]time.Time),
		marks: make(map[relay.MarkHash]uint16),
		links: make(map[relay.LinkHash][]memoryLink),
	}
}

func (q *memoryQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

func (q *memoryQueue) states() map[relay.State]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := make(map[relay.State]int)
	for _, d := range q.deliveries {
		n[d.State]++
	}
	return n
}

// attempted returns how many attempts of an event's first delivery count.
func (q *memoryQueue) attempted(id string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.deliveries {
		if d.Event.ID == id {
			return d.Attempts
		}
	}
	return -1
}

func (q *memoryQueue) wait() {
	if q.delay != nil {
		time.Sleep(q.delay())
	}
}

func (q *memoryQueue) ID() string { return "memory" }

func (q *memoryQueue) Commit(_ context.Context, b *relay.Batch) error {
	q.wait()
	defer q.wait() // Readers may see what the committer does not know yet.
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	for _, a := range b.Accepts {
		a.Duplicate = false
		q.settle(a.Settlement)
		for _, m := range a.Marks {
			if _, ok := q.marks[m.Hash]; ok {
				a.Duplicate = true
				continue
			}
			q.marks[m.Hash] = m.Note
		}
		if a.Duplicate {
			continue
		}
		if a.Event == nil {
			q.link(a.Links)
			continue
		}
		id := a.Event.Source + "\x00" + a.Event.ID
		if a.Duplicate = a.Dedup > 0 && q.known[id].After(time.Now()); a.Duplicate {
			continue
		}
		q.known[id] = time.Now().Add(a.Dedup)
		q.link(a.Links)
		index := 0
		for i, name := range a.To {
			if index++; i == 0 || a.To[i-1] != name {
				index = 0
			}
			q.last++
			q.deliveries = append(q.deliveries, &memoryDelivery{
				Claim: relay.Claim{Key: q.last, Event: a.Event, Index: index}, destination: name, due: a.Event.Time,
			})
			a.Keys = append(a.Keys, q.last)
		}
	}
	for _, f := range b.Finishes {
		d := q.deliveries[f.Key-1]
		if f.Result.Note != nil {
			d.Note = f.Result.Note
		}
		q.link(f.Result.Links)
		if f.Stale = !f.Abandoned && d.State != f.From; !f.Abandoned && !f.Stale {
			d.State, d.Attempts, d.due = f.State, f.Attempt, f.Due
		}
	}
	return nil
}

// settle is called with the queue locked.
func (q *memoryQueue) settle(s *relay.Settlement) {
	if s == nil || s.Key < 1 || s.Key > q.last {
		return
	}
	d := q.deliveries[s.Key-1]
	s.Was, s.Settled = d.State, s.Allows(d.State)
	if s.Report != nil {
		d.Report = s.Report
	}
	if s.Settled {
		d.State, d.due = s.State, s.Until
	}
}

// link is called with the queue locked.
func (q *memoryQueue) link(links []relay.Link) {
	for _, l := range links {
		q.links[l.Hash] = append(q.links[l.Hash], memoryLink{l.Value, time.Now().Add(l.For)})
	}
}

func (q *memoryQueue) Linked(_ context.Context, hash relay.LinkHash) (values [][]byte, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range slices.Backward(q.links[hash]) {
		if l.expires.After(time.Now()) && len(values) < relay.MaxLinked {
			values = append(values, l.value)
		}
	}
	return values, q.err
}

func (q *memoryQueue) EachLinked(_ context.Context, hash relay.LinkHash, f func([]byte) error) error {
	q.mu.Lock()
	links := slices.Clone(q.links[hash])
	q.mu.Unlock()
	for _, l := range links {
		if l.expires.After(time.Now()) {
			if err := f(l.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *memoryQueue) Report(_ context.Context, key int64) ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if key < 1 || key > q.last {
		return nil, q.err
	}
	return q.deliveries[key-1].Report, q.err
}

func (q *memoryQueue) Sync(context.Context) error {
	q.wait()
	return q.syncErr
}

func (q *memoryQueue) Remembered(_ context.Context, hash relay.MarkHash) (note uint16, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	note, ok = q.marks[hash]
	return note, ok, q.err
}

func (q *memoryQueue) Claim(_ context.Context, query relay.ClaimQuery) (relay.Claims, error) {
	q.mu.Lock()
	var due []relay.Claim
	c := relay.Claims{Exhausted: true}
	for _, d := range q.deliveries {
		switch {
		case d.destination != query.Destination || d.State != relay.StatePending && !d.State.Expected():
		case d.due.After(query.Now):
			if c.Next.IsZero() || d.due.Before(c.Next) {
				c.Next = d.due
			}
		default:
			due = append(due, d.Claim)
		}
	}
	q.mu.Unlock()
	q.wait() // What was read may be old when it is used.
	due = slices.DeleteFunc(due, func(d relay.Claim) bool { return query.Held(d.Key) })
	if len(due) > query.Max {
		due, c.Exhausted = due[:query.Max], false
	}
	c.Due = due
	return c, nil
}

func (q *memoryQueue) Stats(context.Context) ([]relay.DestinationStats, error) { return nil, nil }

func (q *memoryQueue) Oldest(_ context.Context, destination string) (time.Time, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.deliveries {
		if d.destination == destination && d.State == relay.StatePending {
			return d.Event.Time, nil
		}
	}
	return time.Time{}, nil
}

func (q *memoryQueue) Maintain(context.Context, relay.Limits) (bool, error) { return false, nil }

func (q *memoryQueue) Close() error { return nil }
