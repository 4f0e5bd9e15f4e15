package session

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// The pauses of a [Pool] unless its [PoolConfig] says otherwise.
const (
	DefaultMinBackoff = time.Second
	DefaultMaxBackoff = time.Minute
)

const (
	// stable is how long a session must have been bound for the next pause to be
	// short again. Otherwise an SMSC that drops each session at once would be
	// tried every second for ever.
	stable = 30 * time.Second
	// lockout is the shortest pause after a wrong password: trying again often
	// gets accounts locked, and will not help before somebody has changed
	// something.
	lockout = time.Minute
	// heldBind is the shortest pause if the SMSC holds our last session still,
	// which takes it one to three minutes to give up after the network was cut.
	heldBind = 5 * time.Second
)

// backoff is how long to pause between two tries of the same session.
type backoff struct {
	least, most time.Duration
	tries       int
}

// next returns the next pause: doubled each time up to the limit, never shorter
// than the reason asks for, and up to a half longer at random, so that sessions
// that were lost together do not come back together.
func (b *backoff) next(reason error, bound time.Duration) time.Duration {
	if bound >= stable {
		b.tries = 0
	}
	pause := b.least
	for range b.tries {
		if pause *= 2; pause >= b.most {
			pause = b.most
			break
		}
	}
	b.tries++
	pause = max(pause, floor(reason))
	return pause + rand.N(pause/2+1) //nolint:gosec // Nobody gains from guessing it.
}

// floor is the shortest pause after a bind that was refused.
func floor(reason error) time.Duration {
	refused, ok := errors.AsType[*BindError](reason)
	if !ok {
		return 0
	}
	switch refused.Status {
	case pdu.StatusInvPaswd, pdu.StatusInvSysID, pdu.StatusInvSysTyp:
		return lockout
	case pdu.StatusAlyBnd, pdu.StatusBindFail:
		return heldBind
	default:
		return 0
	}
}
