package sqlite

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

// find returns the values of a hash that are in memory, and up to which number
// there may be others in the index, or 0 if there are none.
func (l *links) find(hash relay.LinkHash, now int64) (values [][]byte, upTo int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	values = l.frozen.find(l.recent.find(nil, hash, now, relay.MaxLinked), hash, now, relay.MaxLinked)
	if !l.used || len(values) == relay.MaxLinked {
		return values, 0
	}
	first, _ := idHash(hash).halves()
	if l.filter != nil && !l.filter.has(spread(first)) {
		return values, 0
	}
	return values, l.indexed
}

// Linked implements [relay.Queue].
func (s *Store) Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error) {
	// What could not be synced is not to be relied on.
	if err := s.brokenBy(); err != nil {
		return nil, err
	}
	now := time.Now().UnixMilli()
	values, upTo := s.links.find(hash, now)
	if upTo == 0 {
		return values, nil
	}
	// What leaves the memory in between is not looked for here, and need not
	// be, since it has been found.
	return s.readLinked(ctx, values, idHash(hash), now, upTo)
}

// linkedSQL has no limit, since SQLite compiles a statement anew for each value
// that is bound to one, which takes longer than the look-up.
const linkedSQL = `SELECT value FROM links_by_hash i CROSS JOIN links l ON l.seq = i.seq
	WHERE i.hash = ? AND i.seq <= ? AND i.expires > ? AND l.rest = ?
	ORDER BY i.seq DESC`

// readLinked appends the values of a hash that are in the index.
func (s *Store) readLinked(ctx context.Context, values [][]byte, hash idHash, now, upTo int64) (_ [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	stmt := s.queries.linked
	defer reset(stmt, &err)
	first, rest := hash.halves()
	stmt.BindInt64(1, first)
	stmt.BindInt64(2, upTo)
	stmt.BindInt64(3, now)
	stmt.BindInt64(4, rest)
	for len(values) < relay.MaxLinked {
		found, err := stmt.Step()
		if !found || err != nil {
			return values, err
		}
		values = append(values, blob(stmt, 0))
	}
	return values, nil
}

// eachLinkedPage is the number of links that are read at a time.
const eachLinkedPage = 256

const eachLinkedSQL = `SELECT l.seq, value FROM links_by_hash i CROSS JOIN links l ON l.seq = i.seq
	WHERE i.hash = ? AND i.seq > ? AND i.seq <= ? AND i.expires > ? AND l.rest = ?
	ORDER BY i.seq`

// EachLinked implements [relay.Queue].
func (s *Store) EachLinked(ctx context.Context, hash relay.LinkHash, f func([]byte) error) error {
	if err := s.brokenBy(); err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	values, upTo := s.links.all(hash, now)
	for after := int64(0); upTo > 0; {
		page, last, err := s.readEachLinked(ctx, idHash(hash), now, after, upTo)
		if err != nil {
			return err
		}
		for _, value := range page {
			if err := f(value); err != nil {
				return err
			}
		}
		if len(page) < eachLinkedPage {
			break
		}
		after = last
	}
	for _, value := range values {
		if err := f(value); err != nil {
			return err
		}
	}
	return nil
}

// all returns the values of a hash that are in memory, the oldest first, and up
// to which number there may be others in the index, or 0 if there are none.
func (l *links) all(hash relay.LinkHash, now int64) (values [][]byte, upTo int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	values = l.frozen.find(l.recent.find(nil, hash, now, math.MaxInt), hash, now, math.MaxInt)
	slices.Reverse(values)
	if !l.used {
		return values, 0
	}
	return values, l.indexed
}

func (s *Store) readEachLinked(ctx context.Context, hash idHash, now, after, upTo int64) (page [][]byte, last int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	stmt := s.queries.eachLinked
	defer reset(stmt, &err)
	first, rest := hash.halves()
	for i, v := range []int64{first, after, upTo, now, rest} {
		stmt.BindInt64(i+1, v)
	}
	for len(page) < eachLinkedPage {
		found, err := stmt.Step()
		if !found || err != nil {
			return page, last, err
		}
		last = stmt.ColumnInt64(0)
		page = append(page, blob(stmt, 1))
	}
	return page, last, nil
}
