package sqlite

import (
	"math"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	sweepStep  = 500       // rows of a step
	sweepEvery = time.Hour // between two passes
)

// sweep walks through the table of remembered ids, removes the expired ones,
// and fills a new filter with the others. The first pass begins at once.
type sweep struct {
	filter *filter // nil between passes
	after  int64   // the last row seen
	next   time.Time
}

// step does a short piece of a pass in a transaction of its own. It reports
// whether there is more to do at once, which is so until there is a filter.
func (m *memory) step(conn *sqlite.Conn, now time.Time) (more bool, err error) {
	s := &m.sweep
	if s.filter == nil {
		if now.Before(s.next) {
			return false, nil
		}
		s.filter, s.after = newFilter(), math.MinInt64
	}
	kept, expired, err := m.sweepRows(conn, now)
	if err == nil {
		err = forget(conn, expired)
	}
	if err != nil {
		// The new filter may lack ids by now, so the pass starts over.
		s.filter = nil
		return false, err
	}
	for _, h := range kept {
		s.filter.add(h)
	}
	if len(kept)+len(expired) < sweepStep {
		m.mu.Lock()
		m.filter, s.filter = s.filter, nil
		m.mu.Unlock()
		s.next = now.Add(sweepEvery)
		return false, nil
	}
	return m.filter == nil, nil
}

// sweepRows reads the rows of a step and moves on behind them.
func (m *memory) sweepRows(conn *sqlite.Conn, now time.Time) (kept []idHash, expired []int64, err error) {
	err = sqlitex.Execute(conn, "SELECT hash, rest, expires FROM remembered WHERE hash > ? ORDER BY hash LIMIT ?", &sqlitex.ExecOptions{
		Args: []any{m.sweep.after, sweepStep},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			m.sweep.after = stmt.ColumnInt64(0)
			if loadTerm(stmt, 2).over(now) {
				expired = append(expired, m.sweep.after)
			} else {
				kept = append(kept, joinHalves(m.sweep.after, stmt.ColumnInt64(1)))
			}
			return nil
		},
	})
	return kept, expired, err
}

func forget(conn *sqlite.Conn, rows []int64) (err error) {
	if len(rows) == 0 {
		return nil
	}
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, row := range rows {
		if err := sqlitex.Execute(conn, "DELETE FROM remembered WHERE hash = ?", &sqlitex.ExecOptions{Args: []any{row}}); err != nil {
			return err
		}
	}
	return nil
}

// trim removes a piece of the log of what is in the table by now. It reports
// whether there is more to do at once.
func (m *memory) trim(conn *sqlite.Conn) (more bool, err error) {
	const rows = 32
	if m.trimSeq == 0 {
		return false, nil
	}
	err = sqlitex.Execute(conn, "DELETE FROM remembered_recent WHERE seq IN (SELECT seq FROM remembered_recent WHERE seq <= ? ORDER BY seq LIMIT ?)",
		&sqlitex.ExecOptions{Args: []any{m.trimSeq, rows}})
	if err != nil {
		return false, err
	}
	if conn.Changes() < rows {
		m.trimSeq = 0
	}
	return m.trimSeq != 0, nil
}
