package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	pruneStep = 64 // events of a step
	// pruneEvery is the time between two passes, and pruneTight when there is
	// little space left.
	pruneEvery = time.Minute
	pruneTight = 5 * time.Second
	// tightFrom is the share of the size limit from which history is pruned
	// before its time, and tightTo the one at which that ends. Without some
	// distance, a pass would always be about to pass over events that are
	// just being delivered.
	tightFrom = 0.9
	tightTo   = 0.8
	// prunedBytes is about what removing an event adds to the log.
	prunedBytes = 2 << 10
)

// pruner walks through the events, oldest first, and removes the finished
// ones whose time is over. It passes over unfinished ones and dead letters.
type pruner struct {
	after   int64 // the last event seen in this pass
	started time.Time
	under   bool // a pass is under way
	tight   bool // history gives way

	next, deleteEvent, deleteDelivery, deleteAttempts, deleteNote *sqlite.Stmt
}

func newPruner(conn *sqlite.Conn) (p pruner, err error) {
	err = prepareAll(conn, []preparation{
		// The newest event stays, since its number must not be used again.
		{&p.next, "SELECT seq, time, \"to\" FROM events WHERE seq > ? AND seq < (SELECT max(seq) FROM events) ORDER BY seq LIMIT ?"},
		{&p.deleteEvent, "DELETE FROM events WHERE seq = ?"},
		{&p.deleteDelivery, "DELETE FROM deliveries WHERE key = ?"},
		{&p.deleteAttempts, "DELETE FROM attempts WHERE delivery = ?"},
		{&p.deleteNote, "DELETE FROM notes WHERE delivery = ?"},
	})
	return p, err
}

// prunable is an event whose time is over.
type prunable struct {
	seq  int64
	keys []int64 // of its deliveries
}

// prune removes some finished events older than the history, or any finished
// ones when space is tight. It reports whether the pass goes on.
func (s *Store) prune(limits relay.Limits, now time.Time) (more bool, err error) {
	p := &s.pruner
	if err := s.updateTight(limits); err != nil {
		return false, err
	}
	cutoff, every := now.Add(-limits.History), pruneEvery
	if p.tight {
		cutoff, every = now.Add(time.Millisecond), pruneTight
	}
	if !p.under {
		if now.Sub(p.started).Abs() < every {
			return false, nil
		}
		p.under, p.after, p.started = true, 0, now
	}
	last, events, err := p.old(cutoff)
	if err != nil {
		return false, err
	}
	if len(events) == 0 {
		p.under = false
		return false, nil
	}
	removed, err := s.removeFinished(events)
	if err != nil {
		return false, err
	}
	p.after = last
	s.checkpointer.wrote(removed * prunedBytes)
	return true, nil
}

// updateTight decides whether history has to give way. The pass that it did so
// in ends with it, and the next one may begin at once.
func (s *Store) updateTight(limits relay.Limits) error {
	p := &s.pruner
	if limits.MaxSize <= 0 {
		p.tight = false
		return nil
	}
	used, err := usedBytes(s.writer)
	if err != nil {
		return err
	}
	share := float64(used) / float64(limits.MaxSize)
	switch {
	case !p.tight && share > tightFrom:
		p.tight, p.under, p.started = true, false, time.Time{}
	case p.tight && share < tightTo:
		p.tight, p.under, p.started = false, false, time.Time{}
	}
	return nil
}

// old returns the next events from before cutoff, and the last one seen. It
// looks at a few only, so that a long history costs nothing.
func (p *pruner) old(cutoff time.Time) (last int64, events []prunable, err error) {
	p.next.BindInt64(1, p.after)
	p.next.BindInt64(2, pruneStep)
	defer reset(p.next, &err)
	for {
		found, err := p.next.Step()
		if !found || err != nil {
			return last, events, err
		}
		last = p.next.ColumnInt64(0)
		if p.next.ColumnInt64(1) >= cutoff.UnixMilli() {
			continue
		}
		events = append(events, prunable{seq: last, keys: deliveryKeys(last, blob(p.next, 2))})
	}
}

// removeFinished deletes those of the events whose deliveries are all finished,
// and returns how many that were.
func (s *Store) removeFinished(events []prunable) (removed int64, err error) {
	end, err := sqlitex.ImmediateTransaction(s.writer)
	if err != nil {
		return 0, err
	}
	defer end(&err)
	for _, e := range events {
		finished, err := s.finished(e)
		if err != nil {
			return 0, err
		}
		if !finished {
			continue
		}
		removed++
		if err := s.pruner.remove(e); err != nil {
			return 0, err
		}
	}
	return removed, nil
}

func (s *Store) finished(e prunable) (bool, error) {
	for _, key := range e.keys {
		state, _, found, err := s.delivery(key)
		if err != nil {
			return false, err
		}
		if found && !s.pruner.may(state) {
			return false, nil
		}
	}
	return true, nil
}

// may tells whether a delivery in a state can be removed. A report that may
// still come gives way to new events, as history does.
func (p *pruner) may(state relay.State) bool {
	switch state {
	case relay.StateDelivered, relay.StateDropped:
		return true
	case relay.StateUnreported:
		return p.tight
	default:
		return false
	}
}

func (p *pruner) remove(e prunable) error {
	for _, key := range e.keys {
		for _, stmt := range []*sqlite.Stmt{p.deleteAttempts, p.deleteNote, p.deleteDelivery} {
			stmt.BindInt64(1, key)
			if err := run(stmt); err != nil {
				return err
			}
		}
	}
	p.deleteEvent.BindInt64(1, e.seq)
	return run(p.deleteEvent)
}
