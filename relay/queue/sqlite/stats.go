package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Stats implements [relay.Queue].
func (s *Store) Stats(ctx context.Context) (stats []relay.DestinationStats, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	defer sqlitex.Transaction(s.reader)(&err)

	for name, number := range s.numbers {
		d := relay.DestinationStats{Destination: name}
		d.Pending, err = s.count("SELECT count(*) FROM deliveries WHERE key >> 40 = ?1 AND state = 0", number)
		if err != nil {
			return nil, err
		}
		// The first condition is that of the index.
		awaiting, err := s.count("SELECT count(*) FROM deliveries WHERE key >> 40 = ?1 AND state >= 4 AND state = 5", number)
		if err != nil {
			return nil, err
		}
		d.Pending += awaiting
		d.Dead, err = s.count("SELECT count(*) FROM deliveries WHERE state = 2 AND key >= ?1 << 40 AND key < (?1 + 1) << 40", number)
		if err != nil {
			return nil, err
		}
		stats = append(stats, d)
	}
	return stats, nil
}

func (s *Store) count(sql string, number int64) (n int64, err error) {
	err = sqlitex.Execute(s.reader, sql, &sqlitex.ExecOptions{
		Args: []any{number},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			n = stmt.ColumnInt64(0)
			return nil
		},
	})
	if err != nil {
		return 0, fmt.Errorf("counting deliveries: %w", err)
	}
	return n, nil
}

// Oldest implements [relay.Queue]. It looks on from where it found the last
// one, so that finished deliveries are passed over once only.
func (s *Store) Oldest(ctx context.Context, destination string) (t time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, ok := s.numbers[destination]
	if !ok {
		return time.Time{}, nil
	}
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	defer sqlitex.Transaction(s.reader)(&err)

	from, to := max(s.oldest[number], number<<seqBits), (number+1)<<seqBits
	found := false
	err = sqlitex.Execute(s.reader, `SELECT d.key, e.time FROM
		(SELECT key FROM deliveries NOT INDEXED WHERE key >= ? AND key < ? AND state = 0 ORDER BY key LIMIT 1) d
		JOIN events e ON e.seq = (`+eventSQL+`)`, &sqlitex.ExecOptions{
		Args: []any{from, to},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			found = true
			s.oldest[number] = stmt.ColumnInt64(0)
			t = time.UnixMilli(stmt.ColumnInt64(1))
			return nil
		},
	})
	if err != nil || found {
		return t, err
	}
	return t, sqlitex.Execute(s.reader, "SELECT max(key) FROM deliveries WHERE key >= ? AND key < ?", &sqlitex.ExecOptions{
		Args: []any{from, to},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			s.oldest[number] = max(from, stmt.ColumnInt64(0))
			return nil
		},
	})
}
