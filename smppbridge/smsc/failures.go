package smsc

import (
	"net/netip"
	"sync"
	"time"
)

// Whoever tries passwords gets so many at once, and then one per interval. A
// password of SMPP often has no more than 8 characters.
const (
	failureBurst    = 10
	failureInterval = 10 * time.Second
	// maxFailing bounds how many addresses are remembered.
	maxFailing = 10_000
)

// failures limits the passwords that an address may try. Of IPv6, a whole network
// of 64 bits counts as one address, since that is what one host has.
type failures struct {
	mu sync.Mutex
	// until is when an address will have all of its tries again.
	until map[netip.Addr]time.Time
}

func newFailures() *failures {
	return &failures{until: make(map[netip.Addr]time.Time)}
}

func failureKey(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

// take uses up a try, or tells that there is none.
func (f *failures) take(addr netip.Addr, now time.Time) bool {
	key := failureKey(addr)
	f.mu.Lock()
	defer f.mu.Unlock()
	until := f.until[key]
	if until.Before(now) {
		until = now
	}
	until = until.Add(failureInterval)
	if until.Sub(now) > failureBurst*failureInterval {
		return false
	}
	if _, ok := f.until[key]; !ok && len(f.until) >= maxFailing {
		f.makeRoom(now)
	}
	f.until[key] = until
	return true
}

// makeRoom forgets those that have all tries again, or else any one.
func (f *failures) makeRoom(now time.Time) {
	for key, until := range f.until {
		if until.Before(now) {
			delete(f.until, key)
		}
	}
	for key := range f.until {
		if len(f.until) < maxFailing {
			return
		}
		delete(f.until, key)
	}
}

// giveBack returns a try whose password was right.
func (f *failures) giveBack(addr netip.Addr, now time.Time) {
	key := failureKey(addr)
	f.mu.Lock()
	defer f.mu.Unlock()
	until, ok := f.until[key]
	if !ok {
		return
	}
	if until = until.Add(-failureInterval); until.After(now) {
		f.until[key] = until
	} else {
		delete(f.until, key)
	}
}
