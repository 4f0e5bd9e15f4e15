package session

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// source reads from the connection. It limits the time of each PDU once it has
// begun; most come whole, and then no deadline is ever set.
type source struct {
	s *Session
	// inside tells that a PDU has begun, and limited that its time is limited.
	inside, limited bool
	// armed tells that the connection has a deadline.
	armed bool
	// last is what came with the last read.
	last batch
}

// Read implements [io.Reader].
func (r *source) Read(p []byte) (int, error) {
	var err error
	switch {
	case r.inside && !r.limited:
		err = r.s.conn.SetReadDeadline(time.Now().Add(r.s.cfg.ReadTimeout))
		r.limited, r.armed = true, true
	case !r.inside && r.armed:
		err = r.s.conn.SetReadDeadline(time.Time{})
		r.armed = false
	}
	if err != nil {
		return 0, err
	}
	r.s.lowWater.adjust(r.last, r.s.due())
	n, err := r.s.conn.Read(p)
	if n > 0 {
		r.last = batch{at: time.Since(r.s.began), octets: n}
		r.s.lastRead.Store(int64(r.last.at))
	}
	return n, err
}

// due returns how many responses are.
func (s *Session) due() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.window.calls)
}

// read handles all that comes, until the end, and returns why it is the end.
func (s *Session) read() error {
	src := &source{s: s}
	frames := pdu.NewReader(src, s.cfg.MaxPDU)
	// An SMSC can refuse what an ESME got wrong, but a receipt that an ESME
	// refuses is lost.
	decoder := &pdu.Decoder{Lenient: s.role == esme}
	for {
		err := frames.Wait()
		var frame []byte
		if err == nil {
			src.inside, src.limited = true, false
			frame, err = frames.ReadFrame()
			src.inside = false
		}
		if err != nil {
			return s.readError(err)
		}
		if s.ending() {
			continue
		}
		// Whoever gets the PDU may keep it.
		p, err := decoder.Decode(slices.Clone(frame))
		if p != nil && p.CommandID().IsResponse() {
			src.last.responses++
		}
		s.handle(p, err)
	}
}

// readError returns what an error from reading means for the session.
func (s *Session) readError(err error) error {
	if e, ok := errors.AsType[*pdu.Error](err); ok {
		return s.lostFraming(e)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the peer closed the connection")
	}
	return fmt.Errorf("read: %w", err)
}

// ending tells whether only the end of the connection is waited for.
func (s *Session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishing
}

// lostFraming says goodbye to a peer of which nobody knows where its next PDU
// begins. It never reads on from there.
func (s *Session) lostFraming(e *pdu.Error) error {
	s.refuse(e)
	s.finish(e)
	// The peer reads our answer at the latest when it can write again.
	_, _ = io.Copy(io.Discard, s.conn)
	return e
}

// handle does what a PDU asks for, as far as it could be decoded.
func (s *Session) handle(p pdu.PDU, err error) {
	switch {
	case p != nil && p.CommandID().IsResponse():
		// Even if its body is broken, its status tells the outcome.
		s.response(p)
	case p != nil:
		s.incoming(p)
	default:
		if e, ok := errors.AsType[*pdu.Error](err); ok {
			s.refuse(e)
		}
	}
}

// response settles the request that p answers.
func (s *Session) response(p pdu.PDU) {
	h := p.Head()
	nack, isNack := p.(*pdu.GenericNack)
	if isNack && nack.Status == pdu.StatusOK {
		nack.Status = pdu.StatusUnknownErr
	}
	s.mu.Lock()
	c, late := s.window.take(h.Sequence, p.CommandID())
	bound := false
	if resp, ok := p.(*pdu.BindResp); ok && c != nil && !c.abandoned && h.Status == pdu.StatusOK {
		bound = s.setBound(resp)
	}
	s.mu.Unlock()
	if bound {
		// Messages may follow at once, and so may the end.
		s.announce()
	}
	switch {
	case c != nil:
		s.settle(c, result{response: p})
	case late != nil:
		s.reportLate(late.report, p)
	case p.CommandID() == pdu.CommandEnquireLinkResp:
		// That something came is all that counts.
	default:
		s.observe(Event{Kind: EventUnexpected, Status: h.Status})
	}
	if isNack && h.Status == pdu.StatusInvCmdLen {
		// It lost track of where our PDUs begin, so all that follows is garbage to it.
		s.fail(errors.New("the peer can't tell our PDUs apart"))
	}
}

// setBound notes that an ESME is bound, unless the end has begun. It is called
// with the lock held.
func (s *Session) setBound(p *pdu.BindResp) bool {
	if s.state != StateOpen {
		return false
	}
	s.state = StateBound
	close(s.bound)
	s.peer.systemID = p.SystemID
	s.peer.version = pdu.Version33
	if v, ok := p.TLVs.SCInterfaceVersion(); ok {
		s.peer.version = v
	}
	return true
}

// announce tells that an ESME is bound. The goroutine that reads does, since it
// also tells of the end: so that comes later, and only after this.
func (s *Session) announce() {
	if s.onBound != nil {
		s.onBound(s)
	}
	s.observe(Event{Kind: EventBound})
}
