package receipt

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

// The limits of [Early] unless [EarlyLimits] says otherwise.
const (
	DefaultEarlyReceipts = 10_000
	DefaultEarlyBytes    = 16 << 20
	DefaultEarlyAge      = time.Minute
)

// EarlyLimits are what an SMSC can make an [Early] keep.
type EarlyLimits struct {
	// Receipts is how many, by default [DefaultEarlyReceipts].
	Receipts int
	// Bytes is how much memory, bookkeeping included, by default
	// [DefaultEarlyBytes].
	Bytes int
	// Age is how long each is kept, by default [DefaultEarlyAge].
	Age time.Duration
}

// Held is a receipt of which the message is not known yet.
type Held struct {
	Receipt Receipt
	// Since is when it came.
	Since time.Time
	// Tag is the caller's own and given back as it was: a row, a request that
	// waits for its answer.
	Tag uint64
}

// Early keeps receipts that come before the response to their message, or before
// it is known which rule the ids follow. One is for one SMSC, since a receipt may
// come on another bind than the response. It is safe for concurrent use; the time
// is the caller's.
type Early struct {
	limits EarlyLimits

	mu    sync.Mutex
	bytes int
	byAge *list.List // of *held, the oldest first
	byKey map[Key][]*list.Element
}

type held struct {
	Held
	keys []Key
}

// NewEarly returns an empty Early.
func NewEarly(l EarlyLimits) *Early {
	if l.Receipts <= 0 {
		l.Receipts = DefaultEarlyReceipts
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultEarlyBytes
	}
	if l.Age <= 0 {
		l.Age = DefaultEarlyAge
	}
	return &Early{limits: l, byAge: list.New(), byKey: make(map[Key][]*list.Element)}
}

// Add keeps a receipt under the keys of [Matcher.Keys], which it copies. It
// returns those that had to go for it, oldest first; without keys, or if it is
// larger than all that may be kept, the receipt itself is among them.
//
// Receipts have to be added in the order of their time.
func (e *Early) Add(now time.Time, keys []Key, r *Receipt, tag uint64) []Held {
	h := &held{Held: Held{Receipt: *r, Since: now, Tag: tag}}
	if len(keys) == 0 {
		return []Held{h.Held}
	}
	for _, k := range keys {
		if !slices.Contains(h.keys, k) {
			h.keys = append(h.keys, k)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	element := e.byAge.PushBack(h)
	for _, k := range h.keys {
		e.byKey[k] = append(e.byKey[k], element)
	}
	e.bytes += h.size()
	var gone []Held
	for e.byAge.Len() > e.limits.Receipts || e.bytes > e.limits.Bytes {
		gone = append(gone, e.remove(e.byAge.Front()))
	}
	return gone
}

// Take removes and returns the receipts under a key that are wanted, oldest
// first. The key is that of a message whose id has become known, and want asks
// [Matcher.Match] whether the receipt is about it. It must not call e.
func (e *Early) Take(key Key, want func(*Held) bool) []Held {
	e.mu.Lock()
	defer e.mu.Unlock()
	var taken []Held
	// Removing changes what is under the key.
	for _, element := range slices.Clone(e.byKey[key]) {
		if want(&element.Value.(*held).Held) {
			taken = append(taken, e.remove(element))
		}
	}
	return taken
}

// TakeFunc removes and returns all receipts that are wanted, oldest first. It is
// for when [Matcher.Rule] has changed, so that ambiguous receipts are not any
// more. It must not call e.
func (e *Early) TakeFunc(want func(*Held) bool) []Held {
	e.mu.Lock()
	defer e.mu.Unlock()
	var taken []Held
	for element := e.byAge.Front(); element != nil; {
		next := element.Next()
		if want(&element.Value.(*held).Held) {
			taken = append(taken, e.remove(element))
		}
		element = next
	}
	return taken
}

// Expire removes and returns the receipts that are too old, oldest first.
func (e *Early) Expire(now time.Time) []Held {
	e.mu.Lock()
	defer e.mu.Unlock()
	var gone []Held
	for f := e.byAge.Front(); f != nil && !now.Before(f.Value.(*held).Since.Add(e.limits.Age)); f = e.byAge.Front() {
		gone = append(gone, e.remove(f))
	}
	return gone
}

// NextExpiry returns when [Early.Expire] will have something to do, and false if
// there are no receipts.
func (e *Early) NextExpiry() (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.byAge.Front()
	if f == nil {
		return time.Time{}, false
	}
	return f.Value.(*held).Since.Add(e.limits.Age), true
}

// Len returns how many receipts there are.
func (e *Early) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.byAge.Len()
}

// remove drops a receipt. The caller holds the lock.
func (e *Early) remove(element *list.Element) Held {
	h := e.byAge.Remove(element).(*held)
	e.bytes -= h.size()
	for _, k := range h.keys {
		rest := slices.DeleteFunc(e.byKey[k], func(other *list.Element) bool { return other == element })
		if e.byKey[k] = rest; len(rest) == 0 {
			delete(e.byKey, k)
		}
	}
	return h.Held
}

// earlyBytes is what bookkeeping takes, rounded up: the receipt itself, its place
// in the list and under each key.
const earlyBytes = 1024

func (h *held) size() int {
	r := &h.Receipt
	return earlyBytes + len(r.Raw) + len(r.MessageID) + len(r.TextID) + len(r.Source.Addr) + len(r.Destination.Addr)
}
