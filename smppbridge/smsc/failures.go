package smsc

import (
	"net/netip"
	"sync"
	"time"
)

// Whoever tries passwords gets so many at once, and then one per interval: for one
// account, and from one address for all accounts. A password of SMPP often has no
// more than 8 characters, and a check takes up to a second.
const (
	accountBurst, accountInterval = 10, 10 * time.Second
	addressBurst, addressInterval = 60, time.Second
	// maxFailing bounds how many of each are remembered.
	maxFailing = 10_000
)

// tries limits the passwords that may be tried.
type tries struct{ account, address *failures }

func newTries() tries {
	return tries{newFailures(accountBurst, accountInterval), newFailures(addressBurst, addressInterval)}
}

// take uses up a try, or tells that there is none. All accounts that do not exist
// are one. Whoever fails for one account leaves those of others at the same address
// their tries.
func (t tries) take(addr netip.Addr, systemID string, now time.Time) bool {
	addr = network(addr)
	return t.account.take(failureKey{addr, systemID}, now) && t.address.take(failureKey{addr: addr}, now)
}

// giveBack returns a try whose password was right.
func (t tries) giveBack(addr netip.Addr, systemID string, now time.Time) {
	addr = network(addr)
	t.account.giveBack(failureKey{addr, systemID}, now)
	t.address.giveBack(failureKey{addr: addr}, now)
}

// failures counts the tries of each key.
type failures struct {
	burst    int
	interval time.Duration

	mu sync.Mutex
	// until is when all tries will be there again.
	until map[failureKey]time.Time
}

type failureKey struct {
	addr     netip.Addr
	systemID string
}

func newFailures(burst int, interval time.Duration) *failures {
	return &failures{burst: burst, interval: interval, until: make(map[failureKey]time.Time)}
}

// network returns what counts as one address: of IPv6 it is 64 bits, since that is
// what one host has.
func network(addr netip.Addr) netip.Addr {
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
func (f *failures) take(key failureKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	until := f.until[key]
	if until.Before(now) {
		until = now
	}
	until = until.Add(f.interval)
	if until.Sub(now) > time.Duration(f.burst)*f.interval {
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

// giveBack returns a try.
func (f *failures) giveBack(key failureKey, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, ok := f.until[key]
	if !ok {
		return
	}
	if until = until.Add(-f.interval); until.After(now) {
		f.until[key] = until
	} else {
		delete(f.until, key)
	}
}
