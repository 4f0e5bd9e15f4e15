package session

import (
	"fmt"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// maxSequence is the largest sequence_number of a request (3.4 section 5.1.4).
const maxSequence = 0x7FFFFFFF

// result is what became of a request.
type result struct {
	response pdu.PDU
	err      error
}

// call is a request that was sent and waits for its response. Whoever takes it
// out of the window settles it, so that this happens once.
type call struct {
	sequence uint32
	want     pdu.CommandID
	// offset is where it begins in the stream of all that is sent.
	offset uint64
	// deadline is zero if whoever waits for it watches the time.
	deadline time.Time
	report   func(p pdu.PDU, late bool)
	result   chan result
	// slot tells that it takes a slot of the window.
	slot bool
	// abandoned tells that nobody waits for the result.
	abandoned bool
}

// window holds the requests that wait for a response, and those that did.
type window struct {
	last  uint32
	calls map[uint32]*call
	late  map[uint32]lateCall
	// order has the keys of late by age, and of some that are gone.
	order []uint32
}

// lateCall is a request whose response has not come in time.
type lateCall struct {
	want    pdu.CommandID
	expires time.Time
	report  func(p pdu.PDU, late bool)
}

// next returns the next sequence number that nothing waits for. There are far
// fewer in use than there are numbers.
func (w *window) next() uint32 {
	for {
		if w.last++; w.last > maxSequence {
			w.last = 1
		}
		_, pending := w.calls[w.last]
		_, late := w.late[w.last]
		if !pending && !late {
			return w.last
		}
	}
}

// take removes and returns the request that a response is for.
func (w *window) take(sequence uint32, id pdu.CommandID) (*call, *lateCall) {
	if c, ok := w.calls[sequence]; ok && answers(id, c.want) {
		delete(w.calls, sequence)
		return c, nil
	}
	if l, ok := w.late[sequence]; ok && answers(id, l.want) {
		delete(w.late, sequence)
		return nil, &l
	}
	return nil, nil
}

// answers tells whether a response of type id may answer a request that wants
// another. Since each side numbers its own requests, the type must fit as well.
func answers(id, want pdu.CommandID) bool {
	return id == want || id == pdu.CommandGenericNack
}

// expire takes out the requests whose time is up, and returns the time of the
// next one.
func (w *window) expire(now time.Time) (expired []*call, next time.Time) {
	for sequence, c := range w.calls {
		switch {
		case c.deadline.IsZero():
		case !c.deadline.After(now):
			delete(w.calls, sequence)
			expired = append(expired, c)
		case next.IsZero() || c.deadline.Before(next):
			next = c.deadline
		}
	}
	return expired, next
}

// keepLate waits on for the responses of requests whose time is up.
func (w *window) keepLate(calls []*call, expires time.Time, most int) {
	for _, c := range calls {
		for len(w.order) >= most {
			w.dropOldest()
		}
		if w.late == nil {
			w.late = make(map[uint32]lateCall)
		}
		w.late[c.sequence] = lateCall{want: c.want, expires: expires, report: c.report}
		w.order = append(w.order, c.sequence)
	}
}

func (w *window) dropOldest() {
	delete(w.late, w.order[0])
	w.order = w.order[1:]
}

// expireLate gives up on late responses.
func (w *window) expireLate(now time.Time) {
	for len(w.order) > 0 {
		if l, ok := w.late[w.order[0]]; ok && l.expires.After(now) {
			return
		}
		w.dropOldest()
	}
	w.order = nil
}

// newCall returns a call for p. Calls are used again, since each has a channel.
func newCall(calls *sync.Pool, p pdu.PDU, report func(p pdu.PDU, late bool)) *call {
	c, ok := calls.Get().(*call)
	if !ok {
		c = &call{result: make(chan result, 1)}
	}
	*c = call{want: p.CommandID().Response(), report: report, result: c.result}
	return c
}

// request gives p a number, and queues it. If it fails, nothing is sent.
func (s *Session) request(p pdu.PDU, c *call) error {
	s.mu.Lock()
	if err := s.sendable(p.CommandID(), c); err != nil {
		s.mu.Unlock()
		return err
	}
	c.sequence = s.window.next()
	c.offset = s.out.end()
	if c.slot {
		c.deadline = time.Now().Add(s.cfg.ResponseTimeout)
	}
	p.Head().Sequence = c.sequence
	if err := s.out.append(p); err != nil {
		s.mu.Unlock()
		return err
	}
	s.window.calls[c.sequence] = c
	s.mu.Unlock()
	s.wakeWriter()
	return nil
}

// sendable tells whether the state of the session allows a request.
func (s *Session) sendable(id pdu.CommandID, c *call) error {
	switch {
	case !c.slot:
		// bind and unbind come from the session itself.
		if s.state == StateClosed || s.finishing {
			return s.err
		}
		return nil
	case s.state == StateOpen:
		return ErrNotBound
	case s.state != StateBound:
		return s.err
	case !maySend(s.role, s.mode, id):
		return fmt.Errorf("%w: %s on a %s session", ErrNotBound, id, s.mode)
	default:
		return nil
	}
}

// abandon leaves a request to itself, unless it is settled.
func (s *Session) abandon(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.window.calls[c.sequence] != c {
		return false
	}
	c.abandoned = true
	return true
}

// settle gives a request its result.
func (s *Session) settle(c *call, r result) {
	s.release(c.slot)
	if !c.abandoned {
		if r.response != nil && c.report != nil {
			c.report(r.response, false)
		}
		c.result <- r
		return
	}
	if r.response != nil {
		s.reportLate(c.report, r.response)
	}
	s.calls.Put(c)
}

func (s *Session) reportLate(report func(p pdu.PDU, late bool), p pdu.PDU) {
	if report != nil {
		report(p, true)
	}
	s.observe(Event{Kind: EventLate, Status: p.Head().Status})
}

// abort settles everything after the end: only what was written in part or
// whole can have been carried out.
func (s *Session) abort() {
	s.mu.Lock()
	calls, err := s.window.calls, s.err
	s.window.calls, s.window.late, s.window.order = nil, nil, nil
	s.mu.Unlock()
	for _, c := range calls {
		if c.offset < s.out.written {
			s.settle(c, result{err: maybeSent(err)})
		} else {
			s.settle(c, result{err: notSent(err)})
		}
	}
}
