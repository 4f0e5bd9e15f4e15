package assembly

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// restoreTimeout is how long a part waits until the earlier ones are read. It is
// shorter than senders wait for an answer.
const restoreTimeout = 10 * time.Second

var (
	// ErrTooLarge is returned for a part that does not fit into an entry of a list.
	// No network has parts of that size, so callers may as well do without the
	// others.
	ErrTooLarge = errors.New("the part is too large to be kept")
	// ErrUnread is returned while the parts of before are being read.
	ErrUnread = errors.New("the earlier parts are not read yet")
	// ErrClosed is returned for a part that comes after the list was closed.
	ErrClosed = errors.New("the list of parts is closed")
)

// Add keeps a part, which has to say of how many it is one, and returns once that
// is durable, together with the event if its message is complete now.
//
// The part's tag must tell it from all others; if it is 0, it gets one. The tag
// returned is that of the first time if the part is repeated.
//
// Errors are those above, [relay.ErrFull], and what the store or the sink reports.
// The sender should send the part again then.
func (a *Assembler) Add(sink Sink, source, destination string, p coding.Part) (tag uint64, err error) {
	l := a.list
	if p.Tag == 0 {
		p.Tag = newTag()
	}
	now := time.Now()
	entry := (&received{now, source, destination, p}).encode()
	if len(entry) > relay.MaxLinkLength {
		return 0, ErrTooLarge
	}
	if err := l.ready(); err != nil {
		return 0, err
	}
	// An event must not be kept before the parts in it are: a later process would
	// take these for others.
	defer l.locks.lock(messageOf(source, destination, &p))()
	result := l.parts.Add(now, source, destination, p)
	l.giveUp(result.GivenUp)
	l.schedule()
	switch result.Outcome {
	case coding.Complete:
		err = l.complete(&sink, now, entry, result.Whole)
	case coding.Waiting:
		err = l.keepPart(&sink, now, entry)
	default: // It has been kept before.
	}
	if err != nil && !l.parts.Withdraw(source, destination, p) && result.Outcome == coding.Complete {
		l.enqueue(without(result.Whole, p.Tag))
	}
	return result.Tag, err
}

// ready waits for a while until the parts of before are there.
func (l *list) ready() error {
	select {
	case <-l.restored:
		return nil
	default:
	}
	select {
	case <-l.restored:
		return nil
	case <-l.ctx.Done():
		return ErrClosed
	case <-time.After(restoreTimeout):
		return ErrUnread
	}
}

// complete keeps the event of a message together with its last part.
func (l *list) complete(sink *Sink, now time.Time, entry []byte, whole coding.Assembled) error {
	a, err := sink.Event(whole)
	if err != nil {
		return err
	}
	a.Links = append(a.Links, l.link(now, entry))
	a.Links = append(a.Links, l.done(now, whole.Parts)...)
	if err := sink.keep(a); err != nil {
		return err
	}
	l.parts.Confirm(whole)
	return nil
}

func (l *list) keepPart(sink *Sink, now time.Time, entry []byte) error {
	if l.overfull() {
		return relay.ErrFull
	}
	links := []relay.Link{l.link(now, entry)}
	mark, due := l.newMark(now)
	if due {
		links = append(links, mark)
	}
	err := sink.keep(relay.Acceptance{Links: links})
	if err == nil && due {
		l.setMarked(now)
	}
	return err
}

// without returns a message without one of its parts.
func without(whole coding.Assembled, tag uint64) coding.Assembled {
	parts := make([]coding.Part, 0, len(whole.Parts))
	for _, p := range whole.Parts {
		if p.Tag != tag {
			parts = append(parts, p)
		}
	}
	whole.Parts, whole.Complete = parts, false
	return whole
}

func newTag() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return binary.BigEndian.Uint64(b[:])
}
