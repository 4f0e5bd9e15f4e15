package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	pruneStep  = 200         // events of a step
	pruneEvery = time.Minute // between two passes
	// vacuumMin is the number of free pages from which some are given back to
	// the file system, if they are more than a quarter of the database.
	vacuumMin = 16 << 10
	// tightAt is the share of the size limit from which history is pruned
	// before its time.
	tightAt = 0.9
)

// pruner walks through the events, oldest first, and removes the finished
// ones whose time is over.
type pruner struct {
	after int64 // the last event seen in this pass
	next  time.Time
}

// Maintain implements [relay.Queue].
func (s *Store) Maintain(_ context.Context, limits relay.Limits) (more bool, err error) {
	if err := s.brokenBy(); err != nil {
		return false, err
	}
	now := time.Now()
	for _, step := range []func() (bool, error){
		func() (bool, error) { return s.memory.step(s.writer, now) },
		func() (bool, error) { return s.memory.trim(s.writer) },
		func() (bool, error) { return s.prune(limits, now) },
		s.vacuum,
	} {
		again, err := step()
		if err != nil {
			return false, s.explain(err)
		}
		more = more || again
	}
	s.checkpointer.tidy(s.writer)
	return more, nil
}

// prune removes finished events older than the history, or all finished ones
// when space is tight.
func (s *Store) prune(limits relay.Limits, now time.Time) (more bool, err error) {
	cutoff := now.Add(-limits.History)
	if limits.MaxSize > 0 {
		used, err := usedBytes(s.writer)
		if err != nil {
			return false, err
		}
		if float64(used) > tightAt*float64(limits.MaxSize) {
			cutoff = now
		}
	}
	p := &s.pruner
	if p.after == 0 && now.Before(p.next) && !cutoff.Equal(now) {
		return false, nil
	}
	last, seqs, err := s.prunable(cutoff)
	if err != nil {
		return false, err
	}
	if last == 0 {
		p.after, p.next = 0, now.Add(pruneEvery)
		return false, nil
	}
	if err := s.remove(seqs); err != nil {
		return false, err
	}
	p.after = last
	return true, nil
}

// prunable lists finished events from before cutoff, and the last one it
// looked at, which is 0 when the pass is over.
func (s *Store) prunable(cutoff time.Time) (last int64, seqs []int64, err error) {
	err = sqlitex.Execute(s.writer, "SELECT seq FROM events WHERE seq > ? AND seq < ? AND time < ? ORDER BY seq LIMIT ?", &sqlitex.ExecOptions{
		// The newest event stays, so that its number is not used again.
		Args: []any{s.pruner.after, s.nextSeq - 1, cutoff.UnixMilli(), pruneStep},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			seqs = append(seqs, stmt.ColumnInt64(0))
			return nil
		},
	})
	if err != nil || len(seqs) == 0 {
		return 0, nil, err
	}
	last = seqs[len(seqs)-1]
	open := make(map[int64]bool)
	for _, number := range s.destinations {
		err := sqlitex.Execute(s.writer, "SELECT key FROM deliveries WHERE key BETWEEN ? AND ? AND state IN (0, 2)", &sqlitex.ExecOptions{
			Args: []any{number<<seqBits | seqs[0], number<<seqBits | last},
			ResultFunc: func(stmt *sqlite.Stmt) error {
				open[stmt.ColumnInt64(0)&seqMask] = true
				return nil
			},
		})
		if err != nil {
			return 0, nil, err
		}
	}
	finished := seqs[:0]
	for _, seq := range seqs {
		if !open[seq] {
			finished = append(finished, seq)
		}
	}
	return last, finished, nil
}

// remove deletes events with their deliveries and attempts.
func (s *Store) remove(seqs []int64) (err error) {
	if len(seqs) == 0 {
		return nil
	}
	end, err := sqlitex.ImmediateTransaction(s.writer)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, r := range ranges(seqs) {
		for _, number := range s.destinations {
			args := []any{number<<seqBits | r[0], number<<seqBits | r[1]}
			for _, sql := range []string{
				"DELETE FROM attempts WHERE delivery BETWEEN ? AND ?",
				"DELETE FROM deliveries WHERE key BETWEEN ? AND ?",
			} {
				if err := sqlitex.Execute(s.writer, sql, &sqlitex.ExecOptions{Args: args}); err != nil {
					return err
				}
			}
		}
		err := sqlitex.Execute(s.writer, "DELETE FROM events WHERE seq BETWEEN ? AND ?", &sqlitex.ExecOptions{Args: []any{r[0], r[1]}})
		if err != nil {
			return err
		}
	}
	return nil
}

// ranges joins consecutive numbers of a sorted list into [first, last] pairs.
func ranges(seqs []int64) (r [][2]int64) {
	for _, seq := range seqs {
		if n := len(r); n > 0 && r[n-1][1]+1 == seq {
			r[n-1][1] = seq
		} else {
			r = append(r, [2]int64{seq, seq})
		}
	}
	return r
}

// vacuum gives some free space back to the file system if there is plenty.
func (s *Store) vacuum() (more bool, err error) {
	free, err := pragmaInt(s.writer, "freelist_count")
	if err != nil || free < vacuumMin {
		return false, err
	}
	pages, err := pragmaInt(s.writer, "page_count")
	if err != nil || free < pages/4 {
		return false, err
	}
	return false, sqlitex.Execute(s.writer, "PRAGMA incremental_vacuum(512)", nil)
}

// usedBytes returns the size of the database without its free pages.
func usedBytes(conn *sqlite.Conn) (int64, error) {
	pages, err := pragmaInt(conn, "page_count")
	if err != nil {
		return 0, err
	}
	free, err := pragmaInt(conn, "freelist_count")
	if err != nil {
		return 0, err
	}
	size, err := pragmaInt(conn, "page_size")
	return (pages - free) * size, err
}
