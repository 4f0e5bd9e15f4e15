package session

import (
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// waitDrained waits until the requests of both sides are settled, for a while.
func (s *Session) waitDrained() {
	timer := time.NewTimer(s.cfg.UnbindTimeout)
	defer timer.Stop()
	select {
	case <-s.drained:
	case <-timer.C:
	case <-s.closed:
	}
}

// tick looks after all timeouts and decides when to look again. Since no
// deadline is ever nearer than a whole timeout when it comes up, nothing has to
// wake it before.
func (s *Session) tick() {
	now := time.Now()
	s.mu.Lock()
	expired, next := s.window.expire(now)
	if s.cfg.LateTimeout > 0 {
		s.window.keepLate(expired, now.Add(s.cfg.LateTimeout), s.cfg.MaxLate)
	}
	s.window.expireLate(now)
	s.mu.Unlock()
	for _, c := range expired {
		s.observe(Event{Kind: EventTimeout})
		s.settle(c, result{err: maybeSent(ErrTimeout)})
	}
	wait := s.cfg.ResponseTimeout
	if !next.IsZero() {
		wait = min(wait, next.Sub(now))
	}
	wait = min(wait, s.checkBind(now), s.checkAlive(now), s.checkActive(now))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != StateClosed {
		s.timer.Reset(wait)
	}
}

// checkBind closes the session of a peer that does not bind. Like those that
// follow, it returns when to look again.
func (s *Session) checkBind(now time.Time) time.Duration {
	if s.role != smsc || s.State() != StateOpen {
		return s.cfg.BindTimeout
	}
	left := s.cfg.BindTimeout - now.Sub(s.began)
	if left <= 0 {
		s.fail(ErrNoBind)
	}
	return left
}

// checkAlive asks a silent peer whether it is there, and closes the session of
// one that does not say so.
func (s *Session) checkAlive(now time.Time) time.Duration {
	interval := s.cfg.EnquireInterval
	if interval < 0 {
		return s.cfg.ResponseTimeout
	}
	at, last := now.Sub(s.began), time.Duration(s.lastRead.Load())
	if s.enquired > 0 && last < s.enquired {
		left := s.enquired + s.cfg.EnquireTimeout - at
		if left <= 0 {
			s.fail(ErrDead)
		}
		return left
	}
	s.enquired = 0
	if left := last + interval - at; left > 0 {
		return left
	}
	if s.State() != StateBound {
		return interval
	}
	s.enquired = at
	s.enquire()
	return s.cfg.EnquireTimeout
}

func (s *Session) enquire() {
	s.mu.Lock()
	sequence := s.window.next()
	s.mu.Unlock()
	_ = s.answer(&pdu.EnquireLink{Header: pdu.Header{Sequence: sequence}})
}

// checkActive unbinds from a peer of which nothing comes.
func (s *Session) checkActive(now time.Time) time.Duration {
	limit := s.cfg.inactivity(s.role, s.Mode())
	if limit == 0 || s.State() != StateBound {
		return s.cfg.ResponseTimeout
	}
	left := limit - (now.Sub(s.began) - time.Duration(s.lastRead.Load()))
	if left <= 0 {
		go s.leave(ErrInactive)
		return s.cfg.ResponseTimeout
	}
	return left
}
