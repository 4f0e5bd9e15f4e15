package session

import (
	"fmt"
	"runtime"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// keptBuffer is how many octets a buffer may have to be kept for later, so that
// an idle session holds little.
const keptBuffer = 16 << 10

// outbox is what waits to be written. All that comes up during a write goes out
// with the next one.
type outbox struct {
	buf, spare []byte
	// answers is how many octets of buf the peer caused.
	answers int
	// taken is how many octets the writer has got, of the whole stream.
	taken uint64
	// written is how many octets went to the connection. It is only for the
	// writer, and for whoever comes after it.
	written uint64
}

// end is where the next PDU begins in the stream.
func (o *outbox) end() uint64 { return o.taken + uint64(len(o.buf)) }

// append adds a PDU, or nothing if that can't be encoded.
func (o *outbox) append(p pdu.PDU) error {
	b, err := p.AppendTo(o.buf)
	o.buf = b
	return err
}

// take returns all that is there. It is valid until the next call.
func (o *outbox) take() []byte {
	b := o.buf
	o.taken += uint64(len(b))
	o.answers = 0
	o.buf, o.spare = o.spare[:0], b
	if cap(b) > keptBuffer {
		o.spare = nil
	}
	return b
}

// answer queues a response to the peer, or our enquire_link, which wait for
// neither the window nor the rate.
func (s *Session) answer(p pdu.PDU) error { return s.queue(p, false) }

// queue does so. If p answers a request that the handler has, that one is not
// unanswered any more by the time the peer can see it, since the next request may
// come at once. If p can't be encoded, it still is.
func (s *Session) queue(p pdu.PDU, handled bool) error {
	s.mu.Lock()
	if s.state == StateClosed || s.finishing {
		defer s.mu.Unlock()
		s.handled(handled)
		return notSent(s.err)
	}
	before := len(s.out.buf)
	err := s.out.append(p)
	if err == nil {
		s.handled(handled)
	}
	s.out.answers += len(s.out.buf) - before
	unread := s.out.answers > maxUnread
	s.mu.Unlock()
	if unread {
		s.fail(ErrUnread)
		return notSent(ErrUnread)
	}
	s.wakeWriter()
	return err
}

// handled counts a request less, if it is one. It is called with the lock held.
func (s *Session) handled(request bool) {
	if request {
		<-s.unanswered
	}
}

func (s *Session) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write writes until the end.
func (s *Session) write() {
	for {
		select {
		case <-s.wake:
		case <-s.closed:
			return
		}
		// Whoever else is about to send comes first, so that one write takes all
		// of it: at a window of 10 that halves the CPU time of a message.
		runtime.Gosched()
		for s.writeQueued() {
		}
	}
}

// writeQueued writes all that is queued, and tells whether there may be more.
func (s *Session) writeQueued() bool {
	s.mu.Lock()
	b, finishing := s.out.take(), s.finishing
	s.mu.Unlock()
	if len(b) == 0 {
		if finishing {
			s.linger()
		}
		return false
	}
	// It only fails on a closed connection, as the write does.
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
	n, err := s.conn.Write(b)
	s.out.written += uint64(max(n, 0))
	if err != nil {
		s.fail(fmt.Errorf("write: %w", err))
	}
	return err == nil
}

// linger closes the connection in a while, unless the peer does it before.
func (s *Session) linger() {
	timer := time.NewTimer(lingerTime)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.fail(nil)
	case <-s.closed:
	}
}
