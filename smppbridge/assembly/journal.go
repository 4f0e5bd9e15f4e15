package assembly

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

const (
	// downtime is how long there may be no process without anything being lost.
	downtime = 24 * time.Hour
	// span is for how long the entries of a list have the same hash. A process that
	// starts reads those of the last spans only.
	span = time.Hour
)

// The kinds of hashes.
const (
	hashEntries = "entries" // of a span
	hashMarks   = "marks"   // with number 0
)

func (l *list) hash(kind string, number int64) (hash relay.LinkHash) {
	sum := sha256.Sum256(fmt.Appendf(nil, "smpp parts %s %d %s", kind, number, l.name))
	copy(hash[:], sum[:])
	return hash
}

func spanOf(t time.Time) int64 { return t.Unix() / int64(span/time.Second) }

// keptFor is how long entries are kept: besides the downtime, a message waits for
// its parts, and is then known again if they are repeated.
func (l *list) keptFor() time.Duration { return downtime + 2*l.limits.Age + 2*span }

func (l *list) link(now time.Time, entry []byte) relay.Link {
	return relay.Link{Hash: l.hash(hashEntries, spanOf(now)), Value: entry, For: l.keptFor()}
}

// done returns the links that name parts as done.
func (l *list) done(now time.Time, parts []coding.Part) []relay.Link {
	values := encodeDone(parts)
	links := make([]relay.Link, len(values))
	for i, value := range values {
		links[i] = l.link(now, value)
	}
	return links
}

// newMark returns a link to be kept with a part, if none has been kept in the last
// span. A list without marks has no parts either.
func (l *list) newMark(now time.Time) (relay.Link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if age := now.Sub(l.marked); age >= 0 && age < span {
		return relay.Link{}, false
	}
	doneBefore := now.Add(-l.limits.Age) // What is older was given up.
	for i := range l.pending {
		doneBefore = earlier(doneBefore, l.pending[i].First)
	}
	// A part may repeat one of a message before, which is to be known.
	value := encodeMark(doneBefore.Add(-2*l.limits.Age), now)
	return relay.Link{Hash: l.hash(hashMarks, 0), Value: value, For: l.keptFor()}, true
}

func (l *list) setMarked(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked = now
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// spans returns the first and the last span to be read.
func (l *list) spans(mark []byte, now time.Time) (from, to int64) {
	oldest, newest := now.Add(-l.keptFor()), now
	if doneBefore, at, err := decodeMark(mark); err == nil {
		if doneBefore.After(oldest) {
			oldest = doneBefore
		}
		if at.After(newest) { // The clock was set back.
			newest = at
		}
	}
	from = spanOf(oldest)
	return from, min(spanOf(newest)+1, from+2*int64(l.keptFor()/span))
}
