package session

import (
	"net"
	"sync"
	"time"
)

const (
	// maxHold is for how long a response may be expected to wait for those that
	// are handled together with it.
	maxHold = 500 * time.Microsecond
	// holdCheck is after how long the reader is woken for whatever is there.
	// Timers are no finer than that.
	holdCheck = time.Millisecond
	// leastPause and mostPause are for how long nothing waits after that. The
	// pause doubles each time, and shrinks while responses come as expected.
	leastPause = 10 * time.Millisecond
	mostPause  = time.Second
	// slowest is the time between two responses that counts at most, so that one
	// that was long in coming is soon forgotten.
	slowest = 10 * time.Millisecond
)

// lowWater has the reader of a busy session woken for several responses, and not
// for each: to be woken costs more than to handle one, and the requests that take
// the places of those that were answered go out in one write.
//
// It sets the low-water mark of the socket, below which the kernel wakes nobody:
// to half of the responses that are due, so that the peer has as much again to go
// on with, and to no more than come within maxHold. Of a session that is not busy,
// that is less than two, and nothing ever waits.
type lowWater struct {
	// timer releases what waits.
	timer *time.Timer

	mu sync.Mutex // for what follows
	// conn is nil if it has no mark.
	conn markedConn
	// octets is the mark. One is what sockets begin with.
	octets int
	// pace is the time between two responses, and size how many octets come with
	// each, both smoothed.
	pace time.Duration
	size float64
	// last is when the last responses came, in the time of the session.
	last time.Duration
	// until is when responses may wait again, and pause for how long not.
	until, pause time.Duration
}

// markedConn is a connection with a low-water mark.
type markedConn interface {
	// setLowWater sets the mark, and tells whether it could. If as much is
	// unread, the reader is woken.
	setLowWater(octets int) bool
	// unread returns how many octets are there to be read.
	unread() int
}

// batch is what came with one read.
type batch struct {
	// at is when it came, in the time of the session.
	at     time.Duration
	octets int
	// responses is how many have been handled of it.
	responses int
}

// newLowWater returns the mark of a connection that may have one.
func newLowWater(conn net.Conn) *lowWater {
	l := &lowWater{octets: 1, pace: slowest}
	l.conn, _ = conn.(markedConn)
	l.timer = time.AfterFunc(holdCheck, l.release)
	l.timer.Stop()
	return l
}

// adjust sets the mark before the next read, by what came with the last one and by
// how many responses are still due.
func (l *lowWater) adjust(b batch, due int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return
	}
	l.learn(b)
	soon := int(maxHold / max(l.pace, 1))
	want := min(due/2, soon)
	has := float64(l.octets) / max(l.size, 1)
	switch {
	case soon < 2 || b.at < l.until:
		l.set(1)
	case float64(want) > 1.1*has, has > 1.1*float64(min(due, soon)):
		// A system call for any other change would cost more than it is worth.
		l.setResponses(want)
	}
	if l.octets > 1 {
		l.timer.Reset(holdCheck)
	}
}

// setResponses sets the mark to a number of responses.
func (l *lowWater) setResponses(n int) {
	if n < 2 {
		l.set(1)
		return
	}
	l.set(int(float64(n) * l.size))
}

// learn takes what came with a read into account.
func (l *lowWater) learn(b batch) {
	if b.responses == 0 {
		return
	}
	each := min((b.at-l.last)/time.Duration(b.responses), slowest)
	l.pace += (each - l.pace) / 8
	l.size += (float64(b.octets)/float64(b.responses) - l.size) / 8
	l.last = b.at
	if l.octets > 1 {
		l.pause -= l.pause / 64
	}
}

// set sets the mark. It is called with the lock held.
func (l *lowWater) set(octets int) {
	if octets == l.octets {
		return
	}
	l.octets = octets
	if !l.conn.setLowWater(octets) {
		l.conn, l.octets = nil, 1
	}
}

// release has the reader woken for whatever is there, since the mark has not been
// reached for a while. If that has kept something waiting, the peer may be one that
// does not send as expected, and it must not go on so.
func (l *lowWater) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.octets == 1 {
		return
	}
	if l.conn.unread() > 0 {
		l.pause = min(max(2*l.pause, leastPause), mostPause)
		l.until = l.last + l.pause
	}
	l.set(1)
}
