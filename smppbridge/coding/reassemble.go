package coding

import (
	"bytes"
	"cmp"
	"container/list"
	"hash/maphash"
	"slices"
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
	// Messages is how many, by default [DefaultMaxMessages]. Those count, too, of
	// which only is remembered that they were complete; they have to go first.
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
	// Repeat says that these are parts of an earlier message which is safe, and not
	// all of them: the sender has repeated what it got no answer for.
	Repeat bool
	// First is when the first part came.
	First time.Time

	key messageKey
}

// Reassembler joins the parts of long messages, in whatever order they come. One
// is for one SMSC: parts may come on different binds. It is safe for concurrent
// use; the time is the caller's, and may go back.
//
// A message that is complete stays until [Reassembler.Confirm], so that a part
// which is repeated because the message could not be stored completes it again.
type Reassembler struct {
	limits Limits
	seed   maphash.Seed

	mu       sync.Mutex
	bytes    int
	messages map[messageKey]*list.Element
	// Both are lists of *collected, the oldest first. In open are messages with
	// parts, and in safe those that were confirmed.
	open, safe *list.List
}

// collected is what has come of a message.
type collected struct {
	Assembled
	bytes int
	in    *list.List
	// confirmed has the digests of an earlier message with the same key that is
	// safe. A repeat of all its parts is a message again, a repeat of some is not.
	confirmed []digest
}

type digest struct {
	number, dataCoding uint8
	sum, tag           uint64
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
		open:     list.New(),
		safe:     list.New(),
	}
}

// Limits returns the limits, those included that are the default.
func (r *Reassembler) Limits() Limits { return r.limits }

// Outcome is what became of a part.
type Outcome uint8

// The outcomes.
const (
	// Waiting says that other parts are missing.
	Waiting Outcome = iota
	// Repeated says that the part is there already.
	Repeated
	// Complete says that no part is missing, be this the last or a repeat.
	Complete
)

// Result is what adding a part brought about.
type Result struct {
	Outcome Outcome
	// Tag is that of the part, or of the one that it repeats: one that is there
	// already, or is of a message that is safe, as far as only such have come.
	Tag uint64
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
// begun a new message with an old reference, and the old one is given up. So is
// one that is too old. The oldest messages are given up if a limit is reached, and
// finally the part's own.
func (r *Reassembler) Add(now time.Time, source, destination string, p Part) Result {
	c := p.Header.Concat
	if c.Total <= 1 {
		p.Data, p.Answered = bytes.Clone(p.Data), p.Tag
		return Result{Outcome: Complete, Tag: p.Tag, Whole: Assembled{
			Source: source, Destination: destination, Parts: []Part{p}, Complete: true, First: now,
		}}
	}
	key := messageKey{source, destination, c.Transport, c.Reference, c.Total}
	var result Result
	r.mu.Lock()
	defer r.mu.Unlock()
	element := r.messages[key]
	if element != nil && r.tooOld(element, now) {
		result.GivenUp = r.remove(result.GivenUp, element)
		element = nil
	}
	if element != nil {
		switch old, differs := element.Value.(*collected).has(p); {
		case differs:
			result.GivenUp = r.remove(result.GivenUp, element)
			element = nil
		case old != nil:
			result.Tag = cmp.Or(old.Answered, old.Tag)
			result.report(element.Value.(*collected), Repeated)
			return result
		}
	}
	switch {
	case element == nil:
		element = r.begin(now, key)
	case element.Value.(*collected).in == r.safe:
		element.Value.(*collected).First = now
		element = r.move(element, r.open)
	}
	m := element.Value.(*collected)
	r.grow(m, m.add(p))
	result.Tag = r.tagOf(m, p)
	if i, ok := m.find(p); ok {
		m.Parts[i].Answered = result.Tag
	}
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
	r.move(element, r.safe)
}

// Withdraw takes back what Add has taken, since it can't be kept. It returns false
// if the part is not there any more, as when its message was given up.
func (r *Reassembler) Withdraw(source, destination string, p Part) bool {
	c := p.Header.Concat
	r.mu.Lock()
	defer r.mu.Unlock()
	element := r.messages[messageKey{source, destination, c.Transport, c.Reference, c.Total}]
	if element == nil {
		return false
	}
	m := element.Value.(*collected)
	i, there := m.find(p)
	if !there || m.Parts[i].Tag != p.Tag {
		return false
	}
	r.grow(m, -partBytes-len(m.Parts[i].Data))
	m.Parts = slices.Concat(m.Parts[:i], m.Parts[i+1:]) // The slice was given away if the message was complete.
	m.Complete = false
	switch {
	case len(m.Parts) > 0:
	case len(m.confirmed) > 0:
		r.move(element, r.safe)
	default:
		r.remove(nil, element)
	}
	return true
}

// Expire gives up the messages that are too old, oldest first. A complete one
// among them has not been confirmed.
func (r *Reassembler) Expire(now time.Time) []Assembled {
	r.mu.Lock()
	defer r.mu.Unlock()
	var givenUp []Assembled
	for _, l := range []*list.List{r.open, r.safe} {
		for e := l.Front(); e != nil && r.tooOld(e, now); e = l.Front() {
			givenUp = r.remove(givenUp, e)
		}
	}
	return givenUp
}

func (r *Reassembler) tooOld(element *list.Element, now time.Time) bool {
	return !now.Before(element.Value.(*collected).First.Add(r.limits.Age))
}

// NextExpiry returns when Expire will have something to do, and false if there are
// no messages.
func (r *Reassembler) NextExpiry() (next time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range []*list.List{r.open, r.safe} {
		if e := l.Front(); e != nil {
			if at := e.Value.(*collected).First.Add(r.limits.Age); !ok || at.Before(next) {
				next, ok = at, true
			}
		}
	}
	return next, ok
}
