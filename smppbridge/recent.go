package smppbridge

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// The limits of what is kept in memory of messages that the SMSC has taken. It
// has to last until the links are committed, which takes some milliseconds; that
// most receipts come within minutes, and then need no look-up, is a bonus.
const (
	maxRecent = 10_000
	recentAge = 15 * time.Minute
	// maxSameKey is how many messages are kept under one key, as in the store: an
	// SMSC may give all messages the same id.
	maxSameKey = relay.MaxLinked
)

// recent holds the messages that were just taken.
type recent struct {
	mu    sync.Mutex
	byKey map[receipt.Key][]*origin // the oldest first
	byAge list.List                 // of recentEntry, the oldest first
}

type recentEntry struct {
	key    receipt.Key
	origin *origin
	since  time.Time
}

func newRecent() *recent { return &recent{byKey: make(map[receipt.Key][]*origin)} }

// add keeps a message, and lets go of those that are too old or too many.
func (r *recent) add(now time.Time, key receipt.Key, o *origin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f := r.byAge.Front(); f != nil; f = r.byAge.Front() {
		e, _ := f.Value.(recentEntry)
		if r.byAge.Len() < maxRecent && now.Sub(e.since) < recentAge {
			break
		}
		r.byAge.Remove(f)
		r.drop(e)
	}
	r.byAge.PushBack(recentEntry{key, o, now})
	same := r.byKey[key]
	if len(same) == maxSameKey {
		copy(same, same[1:])
		same[maxSameKey-1] = o
		return
	}
	r.byKey[key] = append(same, o)
}

// drop is called with the lock held, for the oldest entry.
func (r *recent) drop(e recentEntry) {
	same := r.byKey[e.key]
	switch {
	case len(same) == 0 || same[0] != e.origin: // It had to go before.
	case len(same) == 1:
		delete(r.byKey, e.key)
	default:
		r.byKey[e.key] = same[1:]
	}
}

// find appends the messages under a key, the latest first.
func (r *recent) find(dst []*origin, key receipt.Key) []*origin {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range slices.Backward(r.byKey[key]) {
		dst = append(dst, o)
	}
	return dst
}
