package introspect

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/verify/token"
)

// maxCached bounds the answers that are remembered. Each takes about one KiB.
const maxCached = 10_000

// cache remembers answers, by the hash of the token, so that no token is kept.
type cache struct {
	mu      sync.Mutex
	answers map[[sha256.Size]byte]answer
}

type answer struct {
	claims token.Claims // or nil
	until  time.Time
}

// get returns the claims of a token, which are nil if it is not active. ok is
// false if that is not known any more.
func (c *cache) get(key [sha256.Size]byte, now time.Time) (claims token.Claims, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[key]
	return a.claims, ok && now.Before(a.until)
}

func (c *cache) put(key [sha256.Size]byte, claims token.Claims, until, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = make(map[[sha256.Size]byte]answer)
	}
	if len(c.answers) >= maxCached {
		c.makeRoom(now)
	}
	c.answers[key] = answer{claims, until}
}

// makeRoom forgets what is too old, or else anything: whoever is forgotten is
// only asked for again.
func (c *cache) makeRoom(now time.Time) {
	for key, a := range c.answers {
		if !now.Before(a.until) {
			delete(c.answers, key)
		}
	}
	for key := range c.answers {
		if len(c.answers) < maxCached {
			return
		}
		delete(c.answers, key)
	}
}
