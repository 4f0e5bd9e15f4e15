package session

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Handler takes the requests of the peer: deliver_sm and data_sm for an ESME;
// submit_sm, data_sm, query_sm and so on for an SMSC.
type Handler interface {
	// HandleRequest is called for one request after the other, as they come, by
	// the goroutine that reads. It must not block. The request is to be
	// answered, then or later and by any goroutine.
	HandleRequest(*Request)
}

// AlertHandler is a [Handler] that also wants to know of alert_notification,
// which is not answered.
type AlertHandler interface {
	// HandleAlert must not block, and must not keep more than it has room for.
	HandleAlert(*pdu.AlertNotification)
}

// Request is a request of the peer that waits for our answer.
type Request struct {
	// PDU is the request. It is not used by the session any more.
	PDU pdu.PDU

	session  *Session
	id       pdu.CommandID
	sequence uint32
	answered atomic.Bool
}

// Session returns the session on which the request came.
func (r *Request) Session() *Session { return r.session }

// Respond answers the request with a response of its type, whose
// sequence_number it sets. It returns [ErrAnswered] the second time; a
// [*pdu.Error] if the response can't be encoded, and the request can be answered
// again; or an [*Error] if the session has ended, and then the peer does not know
// that the request was taken.
func (r *Request) Respond(p pdu.PDU) error {
	if id := p.CommandID(); id != r.id.Response() && id != pdu.CommandGenericNack {
		return fmt.Errorf("%s does not answer %s", id, r.id)
	}
	if !r.answered.CompareAndSwap(false, true) {
		return ErrAnswered
	}
	p.Head().Sequence = r.sequence
	err := r.session.queue(p, true)
	if _, ended := errors.AsType[*Error](err); err != nil && !ended {
		r.answered.Store(false)
		return err
	}
	r.session.checkDrained()
	return err
}

// Refuse answers the request with an error, and returns what Respond does.
func (r *Request) Refuse(status pdu.CommandStatus) error {
	return r.Respond(failure(r.id, r.sequence, status))
}

// failure returns the response to a request that says that it failed, or nil if
// that kind of request has none.
func failure(id pdu.CommandID, sequence uint32, status pdu.CommandStatus) pdu.PDU {
	return (&pdu.Error{CommandID: id, Sequence: sequence, Status: status}).Reply()
}

// incoming handles a request of the peer.
func (s *Session) incoming(p pdu.PDU) {
	switch p := p.(type) {
	case *pdu.EnquireLink:
		_ = s.answer(&pdu.EnquireLinkResp{Header: pdu.Header{Sequence: p.Sequence}})
	case *pdu.Unbind:
		s.unboundBy(p)
	case *pdu.Bind:
		s.bindBy(p)
	case *pdu.Outbind:
		// It asks for a connection that is here already.
	default:
		s.message(p)
	}
}

// message hands a request to the handler, or refuses it.
func (s *Session) message(p pdu.PDU) {
	id, sequence := p.CommandID(), p.Head().Sequence
	if status := s.acceptable(id); status != pdu.StatusOK {
		s.refuse(&pdu.Error{CommandID: id, Sequence: sequence, Status: status, Reason: "is not allowed now"})
		return
	}
	if alert, ok := p.(*pdu.AlertNotification); ok {
		if h, ok := s.cfg.Handler.(AlertHandler); ok {
			h.HandleAlert(alert)
		}
		return
	}
	limited := s.account.Limiter != nil && !s.account.Limiter.Allow()
	if s.cfg.Handler == nil || limited || !s.admitRequest() {
		s.refuse(&pdu.Error{CommandID: id, Sequence: sequence, Status: s.role.busy(), Reason: "is more than can be taken"})
		return
	}
	s.cfg.Handler.HandleRequest(&Request{PDU: p, session: s, id: id, sequence: sequence})
}

// admitRequest counts a request that is going to be answered by the handler.
// The reader never waits for that: if it did, two peers with full windows might
// wait for each other.
func (s *Session) admitRequest() bool {
	select {
	case s.unanswered <- struct{}{}:
		return true
	default:
		return false
	}
}

// acceptable returns the status with which to refuse a request of the peer, if
// it is to be.
func (s *Session) acceptable(id pdu.CommandID) pdu.CommandStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	theirs := esme
	if s.role == esme {
		theirs = smsc
	}
	switch {
	case !allows(theirs, s.mode, id):
		return pdu.StatusInvBndSts
	case s.state == StateBound:
		return pdu.StatusOK
	case s.state == StateUnbound:
		return s.role.busy()
	case s.role == esme:
		// Some SMSCs deliver before they answer the bind.
		return pdu.StatusOK
	default:
		return pdu.StatusInvBndSts
	}
}

// refuse answers a request that nobody else sees.
func (s *Session) refuse(e *pdu.Error) {
	reply := e.Reply()
	if reply != nil {
		_ = s.answer(reply)
	}
	s.observe(Event{Kind: EventRefused, Status: e.Status, Err: e})
}

// unboundBy ends the session as the peer wants it.
func (s *Session) unboundBy(p *pdu.Unbind) {
	resp := &pdu.UnbindResp{Header: pdu.Header{Sequence: p.Sequence}}
	if s.State() == StateUnbound {
		// We are about to unbind as well, and wait for what is open there.
		_ = s.answer(resp)
		return
	}
	s.halt(ErrUnbound)
	s.tasks.Go(func() {
		// A response that comes now tells for sure what became of a message.
		s.waitDrained()
		_ = s.answer(resp)
		s.finish(ErrUnbound)
	})
}
