package relay

import (
	"context"
	"fmt"
	"time"
)

const (
	// MaxLinkLength is the longest value of a link, in bytes.
	MaxLinkLength = 1 << 10
	// MaxLinked is the number of values that a look-up of links returns.
	MaxLinked = 16
)

// LinkHash is what a link is found by: half of a SHA-256, or as good as that,
// so that nobody can find two things with the same one.
type LinkHash [16]byte

// Link leads from something that a receiver will name later, such as the id it
// gave to a message, to what is known about it here. Several links can have
// the same hash, since receivers use such ids again.
type Link struct {
	Hash LinkHash
	// Value is what the link leads to, at most [MaxLinkLength] bytes. It must
	// not be changed afterwards.
	Value []byte
	// For is how long the link is kept.
	For time.Duration
}

func checkLinks(links []Link) error {
	for _, l := range links {
		if len(l.Value) > MaxLinkLength {
			return fmt.Errorf("the value of a link has %d bytes, and may have %d at most", len(l.Value), MaxLinkLength)
		}
	}
	return nil
}

// Linked returns the values of the links with a hash, the newest first, and at
// most [MaxLinked] of them. They must not be changed. The links of an attempt
// can be found once its outcome is committed, which takes some milliseconds.
func (e *Engine) Linked(ctx context.Context, hash LinkHash) (values [][]byte, err error) {
	if !e.lookups.begin() {
		return nil, ErrClosed
	}
	defer e.lookups.end()
	if values, err = e.queue.Linked(ctx, hash); err != nil && ctx.Err() == nil {
		e.failed(err)
	}
	return values, err
}

// EachLinked calls f with the values of all links with a hash, the oldest first,
// until f returns an error, which it returns then. The values must not be
// changed. f may use the engine.
func (e *Engine) EachLinked(ctx context.Context, hash LinkHash, f func(value []byte) error) error {
	if !e.lookups.begin() {
		return ErrClosed
	}
	defer e.lookups.end()
	return e.queue.EachLinked(ctx, hash, f)
}
