package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Commit implements [relay.Queue].
func (s *Store) Commit(_ context.Context, b *relay.Batch) error {
	if err := s.brokenBy(); err != nil {
		return err
	}
	nextSeq := s.nextSeq
	created, err := s.apply(b)
	if err == nil {
		err = run(s.statements.commit)
	}
	if err != nil {
		return s.explain(errors.Join(err, s.rollback(created, nextSeq)))
	}
	s.memory.committed()
	s.links.committed()
	s.publish(created)
	s.checkpointer.wrote(batchBytes(b))
	s.checkpointer.tidy()
	s.dirty.Store(true)
	return nil
}

// Sync implements [relay.Queue].
func (s *Store) Sync(context.Context) error {
	if err := s.brokenBy(); err != nil {
		return err
	}
	if !s.dirty.Swap(false) {
		return nil
	}
	if err := s.wal.sync(); err != nil {
		return s.markBroken(err)
	}
	return nil
}

// apply writes a batch in a transaction that it leaves open, and returns the
// names of the destinations it numbered.
func (s *Store) apply(b *relay.Batch) (created []string, err error) {
	if err := run(s.statements.begin); err != nil {
		return nil, err
	}
	full := false
	if len(b.Accepts) > 0 {
		if full, err = s.full(b.Limits); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	for _, a := range b.Accepts {
		if created, err = s.accept(a, now, full, created); err != nil {
			return created, fmt.Errorf("storing an event: %w", err)
		}
	}
	for _, f := range b.Finishes {
		if err := s.finish(f, now); err != nil {
			return created, fmt.Errorf("storing an attempt: %w", err)
		}
	}
	if err := s.memory.write(now); err != nil {
		return created, err
	}
	return created, s.links.write(now)
}

func (s *Store) accept(a *relay.Acceptance, now time.Time, full bool, created []string) ([]string, error) {
	a.Duplicate, a.Err, a.Keys = false, nil, a.Keys[:0]
	if a.Settlement != nil {
		if err := s.settle(a.Settlement, now); err != nil {
			return created, err
		}
	}
	var id idHash
	if a.Dedup > 0 && a.Event != nil {
		id = hashID(a.Event)
		known, err := s.memory.knows(id, now)
		if err != nil {
			return created, err
		}
		a.Duplicate = known
	}
	if len(a.Marks) > 0 {
		if err := s.mark(a, now, full); err != nil {
			return created, err
		}
	}
	switch {
	case a.Duplicate:
		return created, nil
	case a.Event == nil:
		return created, s.links.add(a.Links, now)
	case full:
		a.Err = relay.ErrFull
		return created, nil
	}
	if a.Dedup > 0 {
		s.memory.add(id, newTerm(now.Add(a.Dedup), 0))
	}
	if err := s.links.add(a.Links, now); err != nil {
		return created, err
	}
	return s.insert(a, created)
}

// mark looks for the marks of an acceptance and remembers those that are new,
// unless its event will be refused.
func (s *Store) mark(a *relay.Acceptance, now time.Time, full bool) error {
	s.fresh = s.fresh[:0]
	for _, m := range a.Marks {
		known, err := s.memory.knows(idHash(m.Hash), now)
		if err != nil {
			return err
		}
		if known {
			a.Duplicate = true
		} else {
			s.fresh = append(s.fresh, m)
		}
	}
	if full && !a.Duplicate && a.Event != nil {
		return nil
	}
	for _, m := range s.fresh {
		s.memory.add(idHash(m.Hash), newTerm(now.Add(m.For), m.Note))
	}
	return nil
}

// insert stores an event with its deliveries.
func (s *Store) insert(a *relay.Acceptance, created []string) ([]string, error) {
	seq, used := s.nextSeq, int64(1)
	s.to = s.to[:0]
	for to := a.To; len(to) > 0; {
		name, n := to[0], int64(1)
		for int(n) < len(to) && to[n] == name {
			n++
		}
		to = to[n:]
		number, ok := s.destinations[name]
		if !ok {
			var err error
			if number, err = s.addDestination(name); err != nil {
				return created, err
			}
			created = append(created, name)
		}
		s.to = appendTo(s.to, number, n)
		for i := range n {
			key := number<<seqBits | (seq + i)
			s.statements.insertDelivery.BindInt64(1, key)
			s.statements.insertDelivery.BindInt64(2, a.Event.Time.UnixMilli())
			if err := run(s.statements.insertDelivery); err != nil {
				return created, err
			}
			a.Keys = append(a.Keys, key)
		}
		used = max(used, n)
	}
	s.nextSeq += used
	return created, s.insertEvent(seq, a.Event)
}

// addDestination gives a destination the next number.
func (s *Store) addDestination(name string) (number int64, err error) {
	number = int64(len(s.destinations) + 1)
	s.statements.insertDestination.BindInt64(1, number)
	s.statements.insertDestination.BindText(2, name)
	if err := run(s.statements.insertDestination); err != nil {
		return 0, err
	}
	s.destinations[name] = number
	return number, nil
}

func (s *Store) insertEvent(seq int64, e *relay.Event) error {
	stmt := s.statements.insertEvent
	stmt.BindInt64(1, seq)
	stmt.BindInt64(2, e.Time.UnixMilli())
	bindBlob(stmt, 3, s.to)
	stmt.BindText(4, e.Source)
	stmt.BindText(5, e.ID)
	stmt.BindText(6, e.Type)
	stmt.BindText(7, e.Key)
	bindBlob(stmt, 8, e.Header)
	stmt.BindText(9, e.Query)
	bindBlob(stmt, 10, e.Body)
	return run(stmt)
}

func (s *Store) finish(f *relay.Finish, now time.Time) error {
	if !f.Abandoned {
		if err := s.record(f); err != nil {
			return err
		}
	}
	if f.Result.Note != nil {
		if err := s.note(f.Key, f.Result.Note); err != nil {
			return err
		}
	}
	return s.links.add(f.Result.Links, now)
}

// record stores an attempt and what it made of its delivery.
func (s *Store) record(f *relay.Finish) error {
	stmt := s.statements.updateDelivery
	stmt.BindInt64(1, int64(f.State))
	stmt.BindInt64(2, int64(f.Attempt))
	var due int64
	if f.State == relay.StatePending || f.State.Expected() {
		due = f.Due.UnixMilli()
	}
	stmt.BindInt64(3, due)
	stmt.BindInt64(4, f.Key)
	stmt.BindInt64(5, int64(f.From))
	if err := run(stmt); err != nil {
		return err
	}
	f.Stale = s.writer.Changes() == 0
	number := f.Attempt
	if f.From != relay.StatePending {
		if f.Stale || f.State == relay.StateDelivered || f.State.Expected() {
			return nil
		}
		number++
	} else if f.Stale {
		// It may be gone, and nothing would ever remove the attempt.
		if _, _, ok, err := s.delivery(f.Key); !ok || err != nil {
			return err
		}
	}
	if f.Result.Uncounted && f.State == relay.StatePending {
		return nil
	}
	return s.insertAttempt(f.Key, number, f.Started, f.Took, &f.Result)
}

func (s *Store) insertAttempt(key int64, number int, started time.Time, took time.Duration, r *relay.Result) error {
	stmt := s.statements.insertAttempt
	stmt.BindInt64(1, key)
	stmt.BindInt64(2, int64(number))
	stmt.BindInt64(3, started.UnixMilli())
	stmt.BindInt64(4, took.Milliseconds())
	stmt.BindInt64(5, int64(r.Status))
	stmt.BindText(6, string(r.Reason))
	stmt.BindText(7, r.Detail)
	bindBlob(stmt, 8, r.Response)
	return run(stmt)
}

// note replaces the note of a delivery.
func (s *Store) note(key int64, note []byte) error {
	bindBlob(s.statements.insertNote, 1, note)
	s.statements.insertNote.BindInt64(2, key)
	return run(s.statements.insertNote)
}

// full reports whether the database has grown to its limit.
func (s *Store) full(l relay.Limits) (bool, error) {
	if l.MaxSize <= 0 {
		return false, nil
	}
	used, err := usedBytes(s.writer)
	return used >= l.MaxSize, err
}

// rollback undoes what a batch that failed has changed in memory and on disk.
func (s *Store) rollback(created []string, nextSeq int64) error {
	for _, name := range created {
		delete(s.destinations, name)
	}
	s.nextSeq = nextSeq
	s.memory.undo()
	s.links.undo()
	if s.writer.AutocommitEnabled() {
		return nil // SQLite has rolled back by itself.
	}
	return run(s.statements.rollback)
}

// explain marks the store broken if the error leaves it in an unknown state.
func (s *Store) explain(err error) error {
	switch code := sqlite.ErrCode(err); {
	case code == sqlite.ResultIOErrFsync || code == sqlite.ResultIOErrDirFsync:
		return s.markBroken(err)
	case code.ToPrimary() == sqlite.ResultFull:
		return fmt.Errorf("%w: no space left on the disk: %w", relay.ErrFull, err)
	}
	return err
}

// markBroken refuses everything from now on.
func (s *Store) markBroken(err error) error {
	err = fmt.Errorf("a sync to disk failed, so the queue takes nothing more until it is opened anew; check the disk, then restart: %w", err)
	s.broken.CompareAndSwap(nil, &err)
	return err
}

// brokenBy returns what broke the store, or nil.
func (s *Store) brokenBy() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// publish makes new destinations known to the reader.
func (s *Store) publish(created []string) {
	if len(created) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range created {
		s.numbers[name] = s.destinations[name]
	}
}

// batchBytes estimates what a batch adds to the write-ahead log.
func batchBytes(b *relay.Batch) int64 {
	const perEvent, perFinish = 512, 256
	n := int64(len(b.Finishes)*perFinish + len(b.Accepts)*perEvent)
	for _, a := range b.Accepts {
		if a.Event != nil {
			n += int64(len(a.Event.Body) + len(a.Event.Header))
		}
		n += linkBytes(a.Links)
		if a.Settlement != nil {
			n += perFinish + int64(len(a.Settlement.Report))
		}
	}
	for _, f := range b.Finishes {
		n += int64(len(f.Result.Response)+len(f.Result.Note)) + linkBytes(f.Result.Links)
	}
	return n
}

func linkBytes(links []relay.Link) (n int64) {
	const perLink = 512
	for _, l := range links {
		n += int64(perLink + len(l.Value))
	}
	return n
}
