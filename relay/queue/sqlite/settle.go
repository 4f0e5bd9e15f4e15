package sqlite

import (
	"context"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

// settle makes a settlement in the open transaction.
func (s *Store) settle(t *relay.Settlement, now time.Time) error {
	t.Settled = false
	was, attempts, ok, err := s.delivery(t.Key)
	if err != nil || !ok {
		return err
	}
	t.Was = was
	if t.Report != nil {
		bindBlob(s.statements.insertReport, 1, t.Report)
		s.statements.insertReport.BindInt64(2, t.Key)
		if err := run(s.statements.insertReport); err != nil {
			return err
		}
	}
	if !t.Allows(was) {
		return nil
	}
	if t.State == relay.StateDead || t.State == relay.StateDropped {
		failure := relay.Result{Reason: relay.ReasonReport, Detail: t.Detail}
		if err := s.insertAttempt(t.Key, attempts+1, now, 0, &failure); err != nil {
			return err
		}
	}
	var due int64
	if t.State.Expected() {
		due = t.Until.UnixMilli()
	}
	stmt := s.statements.settleDelivery
	stmt.BindInt64(1, int64(t.State))
	stmt.BindInt64(2, due)
	stmt.BindInt64(3, t.Key)
	t.Settled = true
	return run(stmt)
}

// delivery returns the state of a delivery, and how many attempts were made, if
// there is one.
func (s *Store) delivery(key int64) (state relay.State, attempts int, ok bool, err error) {
	stmt := s.statements.delivery
	defer reset(stmt, &err)
	stmt.BindInt64(1, key)
	if ok, err = stmt.Step(); !ok || err != nil {
		return 0, 0, false, err
	}
	return relay.State(stmt.ColumnInt64(0)), stmt.ColumnInt(1), true, nil //nolint:gosec // It was a State.
}

// Report implements [relay.Queue].
func (s *Store) Report(ctx context.Context, key int64) (report []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	stmt := s.queries.report
	defer reset(stmt, &err)
	stmt.BindInt64(1, key)
	if found, err := stmt.Step(); !found || err != nil || stmt.ColumnLen(0) == 0 {
		return nil, err
	}
	return blob(stmt, 0), nil
}
