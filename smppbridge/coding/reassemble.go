package coding

import (
	"bytes"
	"container/list"
	"hash/maphash"
	"sync"
	"time"
)

// The limits of a [Reassembler] unless [Limits] says otherwise.
const (
	DefaultMaxMessages = 10_000
	DefaultMaxBytes    = 16 << 20
	DefaultMaxAge      = 10 * time.Minute
)

// Limits are what senders of unfinished messages can make a [Reassembler] keep.
type Limits struct {
	// Messages is how many, by default [DefaultMaxMessages].
	Messages int
	// Bytes is how much memory, bookkeeping included, by default [DefaultMaxBytes].
	Bytes int
	// Age is how long after its first part a message is given up, by default
	// [DefaultMaxAge].
	Age time.Duration
}

// messageKey is what all parts of a message have in common. Two totals, or an
// 8-bit and a 16-bit reference, are two messages.
type messageKey struct {
	source, destination string
	transport           Transport
	reference           uint16
	total               uint8
}

// Assembled is a message with all of its parts, or those that came.
type Assembled struct {
	Source, Destination string
	// Parts are in the order of their numbers.
	Parts []Part
	// Complete says that none is missing.
	Complete bool
	// First is when the first part came.
	First time.Time

	key messageKey
}

// Reassembler joins the parts of long messages, in whatever order they come. One
// is for one SMSC: parts may come on different binds. It is safe for concurrent
// use; the time is the caller's.
//
// A message that is complete stays until [Reassembler.Confirm], so that a part
// which is repeated because the message could not be stored completes it again.
type Reassembler struct {
	limits Limits
	seed   maphash.Seed

	mu       sync.Mutex
	bytes    int
	messages map[messageKey]*list.Element
	byAge    *list.List // of *collected, the oldest first
}

// collected is what has come of a message.
type collected struct {
	Assembled
	bytes int
	// confirmed has the digests of an earlier message with the same key that is
	// safe. A repeat of all its parts is a message again, a repeat of some is not.
	confirmed []digest
}

type digest struct {
	number uint8
	sum    uint64
}

// NewReassembler returns an empty Reassembler.
func NewReassembler(l Limits) *Reassembler {
	if l.Messages <= 0 {
		l.Messages = DefaultMaxMessages
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultMaxBytes
	}
	if l.Age <= 0 {
		l.Age = DefaultMaxAge
	}
	return &Reassembler{
		limits:   l,
		seed:     maphash.MakeSeed(),
		messages: make(map[messageKey]*list.Element),
		byAge:    list.New(),
	}
}

// Outcome is what became of a part.
type Outcome uint8

// The outcomes.
const (
	// Waiting says that other parts are missing.
	Waiting Outcome = iota
	// Repeated says that the part is there already; its Tag is not kept.
	Repeated
	// Complete says that no part is missing, be this the last or a repeat.
	Complete
)

// Result is what adding a part brought about.
type Result struct {
	Outcome Outcome
	// Whole is the message if the outcome is Complete.
	Whole Assembled
	// GivenUp are messages that had to go. The caller decides what those are worth
	// that are not complete.
	GivenUp []Assembled
}

// Add takes a part and copies its octets. A message of one part is complete at
// once and needs no confirmation.
//
// A part that is there already is ignored, unless it differs: then the sender has
// begun a new message with an old reference, and the old one is given up. The
// oldest messages are given up if a limit is reached, and finally the part's own.
func (r *Reassembler) Add(now time.Time, source, destination string, p Part) Result {
	c := p.Header.Concat
	if c.Total <= 1 {
		p.Data = bytes.Clone(p.Data)
		return Result{Outcome: Complete, Whole: Assembled{
			Source: source, Destination: destination, Parts: []Part{p}, Complete: true, First: now,
		}}
	}
	key := messageKey{source, destination, c.Transport, c.Reference, c.Total}
	var result Result
	r.mu.Lock()
	defer r.mu.Unlock()
	element := r.messages[key]
	if element != nil {
		switch there, differs := element.Value.(*collected).has(p); {
		case differs:
			result.GivenUp = r.remove(result.GivenUp, element)
			element = nil
		case there:
			result.report(element.Value.(*collected), Repeated)
			return result
		}
	}
	if element == nil {
		element = r.begin(now, key)
	}
	m := element.Value.(*collected)
	if len(m.Parts) == 0 {
		m.First = now
		r.byAge.MoveToBack(element)
	}
	r.grow(m, m.insert(p))
	result.report(m, Waiting)
	result.GivenUp = r.makeRoom(result.GivenUp, element)
	return result
}

func (result *Result) report(m *collected, incomplete Outcome) {
	result.Outcome = incomplete
	if m.Complete {
		result.Outcome, result.Whole = Complete, m.Assembled
	}
}

// Confirm says that a message that Add completed is safe.
func (r *Reassembler) Confirm(whole Assembled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	element := r.messages[whole.key]
	if element == nil {
		return
	}
	m := element.Value.(*collected)
	if !m.Complete || &m.Parts[0] != &whole.Parts[0] {
		return // A new message has taken its place.
	}
	m.confirmed = r.digests(m.Parts)
	m.Parts, m.Complete = nil, false
	r.grow(m, overhead+m.key.bytes()+len(m.confirmed)*digestBytes-m.bytes)
}

// Expire gives up the messages that are too old, oldest first. A complete one
// among them has not been confirmed.
func (r *Reassembler) Expire(now time.Time) []Assembled {
	r.mu.Lock()
	defer r.mu.Unlock()
	var givenUp []Assembled
	for e := r.byAge.Front(); e != nil && !now.Before(e.Value.(*collected).First.Add(r.limits.Age)); e = r.byAge.Front() {
		givenUp = r.remove(givenUp, e)
	}
	return givenUp
}

// NextExpiry returns when Expire will have something to do, and false if there are
// no messages.
func (r *Reassembler) NextExpiry() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byAge.Front()
	if e == nil {
		return time.Time{}, false
	}
	return e.Value.(*collected).First.Add(r.limits.Age), true
}
