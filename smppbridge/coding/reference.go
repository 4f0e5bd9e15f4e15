package coding

import (
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
)

// References gives every long message between two addresses a reference of its
// own: a receiver joins parts by it, and an 8-bit one comes again after 256
// messages, so counting for all recipients together would use them up.
//
// It has a fixed number of counters. Addresses that share one see gaps, never the
// same number twice in a row. It is safe for concurrent use.
type References struct {
	seed     maphash.Seed
	counters [4096]atomic.Uint32
}

// NewReferences returns counters that start at random, so that the messages after
// a restart do not continue unfinished ones from before.
func NewReferences() *References {
	r := &References{seed: maphash.MakeSeed()}
	for i := range r.counters {
		r.counters[i].Store(rand.Uint32()) //nolint:gosec // The numbers are no secret.
	}
	return r
}

// Next returns the reference for the next message from source to destination.
func (r *References) Next(source, destination string) uint16 {
	h := maphash.String(r.seed, source) ^ maphash.String(r.seed, destination)*31
	//nolint:gosec // References count modulo 65536.
	return uint16(r.counters[h%uint64(len(r.counters))].Add(1))
}
