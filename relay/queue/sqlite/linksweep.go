package sqlite

import (
	"math"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// linkPrune walks through the links, oldest first, and removes the expired
// ones. Links can have different terms, so each pass goes through all.
type linkPrune struct {
	after int64 // the last link seen in this pass
	next  time.Time
}

// pruneLinks does a short piece of a pass. It reports whether there is more to
// do at once, which is so where links have expired.
func (s *Store) pruneLinks(now time.Time) (more bool, err error) {
	p := &s.links.prune
	if now.Before(p.next) {
		return false, nil
	}
	last, seen, expired, bytes := p.after, 0, 0, int64(0)
	err = sqlitex.Execute(s.writer, "SELECT seq, expires, length(value) FROM links WHERE seq > ? ORDER BY seq LIMIT ?", &sqlitex.ExecOptions{
		Args: []any{p.after, sweepStep},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			last = stmt.ColumnInt64(0)
			seen++
			if stmt.ColumnInt64(1) <= now.UnixMilli() {
				expired++
				bytes += stmt.ColumnInt64(2)
			}
			return nil
		},
	})
	if err != nil {
		return false, err
	}
	if expired > 0 {
		err = sqlitex.Execute(s.writer, "DELETE FROM links WHERE seq > ? AND seq <= ? AND expires <= ?", &sqlitex.ExecOptions{
			Args: []any{p.after, last, now.UnixMilli()},
		})
		if err != nil {
			return false, err
		}
		s.checkpointer.wrote(bytes + int64(expired)*linkRowBytes)
	}
	p.after = last
	if seen < sweepStep {
		p.after, p.next = 0, now.Add(sweepEvery)
		return false, nil
	}
	return expired > 0, nil
}

// linkRowBytes is about what a link takes in a table besides its value.
const linkRowBytes = 32

// linkSweep walks through the index of links, removes the expired ones, and
// fills a new filter with the others. The first pass begins when there are
// some.
type linkSweep struct {
	filter *filter // nil between passes
	after  linkRow // the last one seen
	next   time.Time
}

// sweepLinks does a short piece of a pass. It reports whether there is more to
// do at once, which is so until there is a filter.
func (s *Store) sweepLinks(now time.Time) (more bool, err error) {
	l := s.links
	w := &l.sweep
	if w.filter == nil {
		if !l.used || now.Before(w.next) {
			return false, nil
		}
		w.filter, w.after = newFilter(), linkRow{hash: math.MinInt64}
	}
	seen, err := s.sweepLinkRows(now)
	if err != nil {
		// The new filter may lack links by now, so the pass starts over.
		w.filter = nil
		return false, err
	}
	if seen < sweepStep {
		l.mu.Lock()
		l.filter, w.filter = w.filter, nil
		l.mu.Unlock()
		w.next = now.Add(sweepEvery)
		return false, nil
	}
	return l.filter == nil, nil
}

// sweepLinkRows does the rows of a step, moves on behind them, and returns how
// many they were.
func (s *Store) sweepLinkRows(now time.Time) (seen int, err error) {
	w := &s.links.sweep
	from, expired := w.after, 0
	err = sqlitex.Execute(s.writer, "SELECT hash, seq, expires FROM links_by_hash WHERE (hash, seq) > (?, ?) ORDER BY hash, seq LIMIT ?", &sqlitex.ExecOptions{
		Args: []any{from.hash, from.seq, sweepStep},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			w.after = linkRow{hash: stmt.ColumnInt64(0), seq: stmt.ColumnInt64(1)}
			seen++
			if stmt.ColumnInt64(2) <= now.UnixMilli() {
				expired++
			} else {
				w.filter.add(spread(w.after.hash))
			}
			return nil
		},
	})
	if err != nil || expired == 0 {
		return seen, err
	}
	s.checkpointer.wrote(int64(expired) * linkRowBytes)
	return seen, sqlitex.Execute(s.writer, "DELETE FROM links_by_hash WHERE (hash, seq) > (?, ?) AND (hash, seq) <= (?, ?) AND expires <= ?", &sqlitex.ExecOptions{
		Args: []any{from.hash, from.seq, w.after.hash, w.after.seq, now.UnixMilli()},
	})
}

// spread makes the first half of a hash, which the index has, into a whole one
// for a filter.
func spread(first int64) idHash {
	const golden = -0x61c8864680b583eb // 2⁶⁴ divided by the golden ratio, as Knuth has it
	return joinHalves(first, first*golden)
}
