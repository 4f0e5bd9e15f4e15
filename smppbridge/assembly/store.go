package assembly

import (
	"context"
	"log/slog"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// Store keeps events and the entries of lists. A [relay.Engine] is one.
type Store interface {
	// Keep keeps an event and links, or what there is of them, and returns once
	// that is durable. The links of a duplicate are not kept.
	Keep(a relay.Acceptance) (duplicate bool, err error)
	// Linked returns the values of the links with a hash, the newest first.
	Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error)
	// EachLinked calls f with the values of all of them, the oldest first.
	EachLinked(ctx context.Context, hash relay.LinkHash, f func(value []byte) error) error
}

// Sink is what becomes of messages.
type Sink struct {
	Store Store
	// Logger gets no texts.
	Logger *slog.Logger
	// Event returns what is to be kept of a message, complete or not; without an
	// event if nobody wants it. It is called again when a message could not be
	// kept. The event is the same then, and is to have the same id, which is to be
	// remembered: after a crash a message may come here twice.
	Event func(whole coding.Assembled) (relay.Acceptance, error)
}

// keep keeps an event with the links that belong to it. If it is a duplicate, the
// links are no less needed.
func (s *Sink) keep(a relay.Acceptance) error {
	duplicate, err := s.Store.Keep(a)
	if err == nil && duplicate && len(a.Links) > 0 {
		_, err = s.Store.Keep(relay.Acceptance{Links: a.Links})
	}
	return err
}
