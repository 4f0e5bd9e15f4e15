package sqlite

import (
	"context"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Remembered implements [relay.Queue].
func (s *Store) Remembered(ctx context.Context, mark relay.MarkHash) (note uint16, ok bool, err error) {
	// What could not be synced is not to be relied on.
	if err := s.brokenBy(); err != nil {
		return 0, false, err
	}
	hash := idHash(mark)
	t, maybe := s.memory.find(hash)
	if maybe {
		// What leaves the memory in between is in the table by then.
		if t, err = s.readTerm(ctx, hash); err != nil {
			return 0, false, err
		}
	}
	return t.note(), !t.over(time.Now()), nil
}

func (s *Store) readTerm(ctx context.Context, hash idHash) (term, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.SetInterrupt(ctx.Done())
	defer s.reader.SetInterrupt(nil)
	return lookUp(s.queries.term, hash)
}
