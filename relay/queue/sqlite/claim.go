package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Claim implements [relay.Queue]. Nothing is marked: one process has the
// queue, and it knows what it holds.
func (s *Store) Claim(ctx context.Context, q relay.ClaimQuery) (c relay.Claims, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, ok := s.numbers[q.Destination]
	if !ok {
		return relay.Claims{Exhausted: true}, nil
	}
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)

	// One snapshot for all of it, which also spares locking for each row.
	defer sqlitex.Transaction(s.reader)(&err)

	keys, exhausted, err := s.dueKeys(number, q)
	if err != nil {
		return relay.Claims{}, fmt.Errorf("reading due deliveries: %w", err)
	}
	var size int64
	for i, key := range keys {
		claim, ok, err := s.claim(key)
		if err != nil {
			return relay.Claims{}, fmt.Errorf("reading an event: %w", err)
		}
		if !ok {
			continue // Finished or pruned since its key was read.
		}
		c.Due = append(c.Due, claim)
		if size += claim.Size(); size >= q.MaxBytes && i+1 < len(keys) {
			return c, nil
		}
	}
	if exhausted {
		c.Exhausted = true
		c.Next, err = s.nextDue(number, q.Now)
	}
	return c, err
}

// dueKeys lists the deliveries that are due or overdue, and not held.
func (s *Store) dueKeys(number int64, q relay.ClaimQuery) (keys []int64, exhausted bool, err error) {
	for _, stmt := range []*sqlite.Stmt{s.queries.dueKeys, s.queries.overdueKeys} {
		keys, exhausted, err = appendKeys(keys, stmt, number, q)
		if err != nil || !exhausted {
			break
		}
	}
	return keys, exhausted, err
}

func appendKeys(keys []int64, stmt *sqlite.Stmt, number int64, q relay.ClaimQuery) (_ []int64, exhausted bool, err error) {
	defer reset(stmt, &err)
	stmt.BindInt64(1, number)
	stmt.BindInt64(2, q.Now.UnixMilli())
	for {
		found, err := stmt.Step()
		if err != nil {
			return nil, false, err
		}
		if !found {
			return keys, true, nil
		}
		key := stmt.ColumnInt64(0)
		if q.Held(key) {
			continue
		}
		if len(keys) == q.Max {
			return keys, false, nil
		}
		keys = append(keys, key)
	}
}

// claim reads a delivery with its event.
func (s *Store) claim(key int64) (c relay.Claim, ok bool, err error) {
	stmt := s.queries.claim
	defer reset(stmt, &err)
	stmt.BindInt64(1, key)
	if ok, err = stmt.Step(); !ok || err != nil {
		return c, false, err
	}
	c = relay.Claim{
		Key:      key,
		State:    relay.State(stmt.ColumnInt64(11)), //nolint:gosec // It was a State.
		Index:    stmt.ColumnInt(12),
		Attempts: stmt.ColumnInt(0),
		Event: &relay.Event{
			Time:   time.UnixMilli(stmt.ColumnInt64(1)),
			Source: stmt.ColumnText(2),
			ID:     stmt.ColumnText(3),
			Type:   stmt.ColumnText(4),
			Key:    stmt.ColumnText(5),
			Header: blob(stmt, 6),
			Query:  stmt.ColumnText(7),
			Body:   blob(stmt, 8),
		},
	}
	if stmt.ColumnLen(9) > 0 {
		c.Note = blob(stmt, 9)
	}
	if stmt.ColumnLen(10) > 0 {
		c.Report = blob(stmt, 10)
	}
	return c, true, nil
}

// nextDue returns when the first delivery becomes due after now, or zero.
func (s *Store) nextDue(number int64, now time.Time) (next time.Time, err error) {
	for _, stmt := range []*sqlite.Stmt{s.queries.nextDue, s.queries.nextOverdue} {
		due, err := firstDue(stmt, number, now)
		if err != nil {
			return time.Time{}, err
		}
		if next.IsZero() || (!due.IsZero() && due.Before(next)) {
			next = due
		}
	}
	return next, nil
}

func firstDue(stmt *sqlite.Stmt, number int64, now time.Time) (due time.Time, err error) {
	defer reset(stmt, &err)
	stmt.BindInt64(1, number)
	stmt.BindInt64(2, now.UnixMilli())
	if found, err := stmt.Step(); !found || err != nil {
		return due, err
	}
	return time.UnixMilli(stmt.ColumnInt64(0)), nil
}
