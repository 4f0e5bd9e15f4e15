package session

import (
	"context"
	"errors"
	"net"
	"sync"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Authenticator decides who may bind.
type Authenticator interface {
	// Authenticate returns the account that a bind is for, or an error. The
	// peer is told the status of a [*BindError], and ESME_RBINDFAIL for any
	// other. Hold the password against the account even if there is none of
	// that name, so that the time of the answer does not tell.
	Authenticate(ctx context.Context, b *pdu.Bind, remote net.Addr) (Account, error)
}

// Account is what a peer may do once it is bound.
type Account struct {
	// Handler gets its requests.
	Handler Handler
	// Window and MaxUnanswered replace those of the server's [Config] unless
	// they are zero.
	Window, MaxUnanswered int
	// Limiter limits its requests of messages; those beyond are refused with
	// ESME_RTHROTTLED. The sessions of an account may share it. Without one
	// there is no limit.
	Limiter *rate.Limiter
	// Closed is called once its session has ended. It may be nil.
	Closed func()
}

// Server makes sessions of an SMSC.
type Server struct {
	// SystemID is what peers are told, at most 15 characters.
	SystemID string
	// Version is what peers are told to be understood. The default is 3.4.
	Version pdu.InterfaceVersion
	// Config has the settings of all sessions.
	Config Config
	// Authenticator decides who may bind.
	Authenticator Authenticator
}

// Accept makes a session from a connection that was accepted, and waits until
// the peer is bound. It returns an error, and closes the connection, if the peer
// does not bind within Config.BindTimeout or before ctx ends, or if it is
// refused, which is a [*BindError]. How many connections there may be, also for
// an address, is up to the caller.
func (v *Server) Accept(ctx context.Context, conn net.Conn) (*Session, error) {
	cfg, err := v.Config.withDefaults()
	if err == nil && v.Authenticator == nil {
		err = errors.New("smpp: a server needs an authenticator")
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s := newSession(conn, cfg, smsc, 0, hooks{calls: new(sync.Pool)})
	ctx, cancel := context.WithTimeout(ctx, cfg.BindTimeout)
	defer cancel()
	s.admit = func(b *pdu.Bind) (Account, *pdu.BindResp) { return v.authenticate(ctx, b, conn.RemoteAddr()) }
	s.start()
	select {
	case <-s.bound:
		return s, nil
	case <-s.done:
	case <-ctx.Done():
		s.fail(ErrNoBind)
		<-s.done
	}
	return nil, s.Err()
}

// authenticate returns the account of a peer and what to answer it.
func (v *Server) authenticate(ctx context.Context, b *pdu.Bind, remote net.Addr) (Account, *pdu.BindResp) {
	resp := &pdu.BindResp{Header: pdu.Header{Sequence: b.Sequence}, Mode: b.Mode}
	account, err := v.Authenticator.Authenticate(ctx, b, remote)
	if err != nil {
		resp.Status = pdu.StatusBindFail
		if refused, ok := errors.AsType[*BindError](err); ok && refused.Status != pdu.StatusOK {
			resp.Status = refused.Status
		}
		return Account{}, resp
	}
	resp.SystemID = v.SystemID
	if b.InterfaceVersion >= pdu.Version34 {
		version := v.Version
		if version == 0 {
			version = pdu.Version34
		}
		resp.TLVs.AddUint8(pdu.TagSCInterfaceVersion, uint8(version))
	}
	return account, resp
}

// bindBy lets the peer bind, or not.
func (s *Session) bindBy(p *pdu.Bind) {
	status := pdu.StatusInvBndSts
	if s.role == smsc {
		if s.State() == StateOpen {
			s.admitPeer(p)
			return
		}
		status = pdu.StatusAlyBnd
	}
	s.refuse(&pdu.Error{CommandID: p.CommandID(), Sequence: p.Sequence, Status: status, Reason: "is not allowed now"})
}

// admitPeer asks whether the peer may bind, and answers it.
func (s *Session) admitPeer(p *pdu.Bind) {
	account, resp := s.admit(p)
	if resp.Status != pdu.StatusOK {
		_ = s.answer(resp)
		s.finish(&BindError{Status: resp.Status})
		return
	}
	s.account = account
	s.cfg.Handler = account.Handler
	s.mu.Lock()
	if s.state != StateOpen {
		s.mu.Unlock()
		return
	}
	// Nobody else has the session until it is bound.
	if account.Window > 0 {
		s.slots = make(chan struct{}, min(account.Window, maxWindow))
	}
	if account.MaxUnanswered > 0 {
		s.unanswered = make(chan struct{}, account.MaxUnanswered)
	}
	s.mode = p.Mode
	s.peer = peer{systemID: p.SystemID, version: p.InterfaceVersion}
	s.state = StateBound
	s.mu.Unlock()
	// The response goes first, and whoever waits for the session comes after it.
	_ = s.answer(resp)
	s.observe(Event{Kind: EventBound})
	close(s.bound)
}
