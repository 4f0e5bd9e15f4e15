package smsc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

const (
	// maxUnbound is how many connections of an address may not be bound yet.
	maxUnbound = 32
	// maxOctets is how much messages may hold, of all sessions together, that are
	// not durable yet.
	maxOctets = 64 << 20
	// acceptPause is waited if no connection can be accepted, as without file
	// descriptors.
	acceptPause = 100 * time.Millisecond
)

// Server accepts the connections of ESMEs. All methods can be called
// concurrently.
type Server struct {
	cfg      Config
	accounts map[string]*account
	coder    *coding.Coder
	tries    tries
	// checks has one element for each password that is being checked.
	checks chan struct{}
	// decoy are hashes to hold a password against if there is no account.
	decoy   []Password
	key     [32]byte
	octets  atomic.Int64
	current atomic.Pointer[Route]
	claims  claims

	mu        sync.Mutex
	listeners []net.Listener // not served yet
	serving   []net.Listener
	attached  []*Attachment // the active one last
	sessions  map[*session.Session]struct{}
	// connections are all of them, and unbound those of an address without a bind.
	connections int
	unbound     map[netip.Addr]int
	closed      bool
	tasks       sync.WaitGroup
	// ctx ends when the server is closed.
	ctx    context.Context
	cancel context.CancelFunc
}

// New returns a server that accepts connections from listeners once a route is
// activated. It is to be closed, and closes the listeners.
func New(c Config, listeners ...net.Listener) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	coder, err := coding.New(coding.Config{Default: c.Charset})
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: c, coder: coder, listeners: listeners,
		accounts: make(map[string]*account, len(c.Accounts)),
		tries:    newTries(), checks: make(chan struct{}, maxChecks()),
		sessions: make(map[*session.Session]struct{}), unbound: make(map[netip.Addr]int),
	}
	s.cfg.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	s.cfg.Session.Observer = s
	for i := range c.Accounts {
		s.accounts[c.Accounts[i].SystemID] = newAccount(c.Accounts[i])
		if len(c.Accounts[i].Passwords) > len(s.decoy) {
			s.decoy = c.Accounts[i].Passwords
		}
	}
	_, _ = rand.Read(s.key[:]) // It never fails.
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// serve begins to accept connections, unless it has. The caller holds the lock.
func (s *Server) serve() {
	if s.closed {
		return
	}
	for _, a := range s.accounts {
		if a.parts == nil {
			a.parts = s.openParts(a)
		}
	}
	for _, l := range s.listeners {
		s.tasks.Go(func() { s.acceptFrom(l) })
	}
	s.serving = append(s.serving, s.listeners...)
	s.listeners = nil
}

func (s *Server) acceptFrom(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.accept(conn)
		case s.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			s.logger().Error("can't accept connections of ESMEs", slog.Any("error", err))
			select {
			case <-time.After(acceptPause):
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// accept makes a session of a connection, unless there are too many.
func (s *Server) accept(conn net.Conn) {
	addr := remoteAddr(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.connections >= s.cfg.MaxConnections || s.unbound[addr] >= maxUnbound {
		s.logger().Debug("too many connections", slog.Any("remote", conn.RemoteAddr()))
		_ = conn.Close()
		return
	}
	s.connections++
	s.unbound[addr]++
	s.tasks.Go(func() { s.converse(conn, addr) })
}

// converse is all of a connection's life.
func (s *Server) converse(conn net.Conn, addr netip.Addr) {
	if s.cfg.TLS {
		conn = tls.Server(conn, &tls.Config{GetConfigForClient: s.tlsConfig, MinVersion: tls.VersionTLS12})
	}
	p := &peer{server: s, addr: addr}
	v := &session.Server{SystemID: s.cfg.systemID(), Config: s.cfg.Session, Authenticator: p}
	bound, err := v.Accept(s.ctx, conn)
	s.settled(addr)
	if err != nil {
		s.logger().Debug("ESME did not bind", slog.Any("remote", conn.RemoteAddr()), slog.Any("error", err))
	} else {
		s.attend(bound, p.account)
	}
	if p.account != nil {
		p.account.release()
	}
	s.mu.Lock()
	s.connections--
	s.mu.Unlock()
}

// settled notes that a connection is bound, or is not going to be.
func (s *Server) settled(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unbound[addr]--; s.unbound[addr] == 0 {
		delete(s.unbound, addr)
	}
}

// attend waits for the end of a session.
func (s *Server) attend(bound *session.Session, a *account) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.sessions[bound] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		_ = bound.Stop(s.ctx)
		return
	}
	a.add(bound)
	<-bound.Done()
	a.remove(bound)
	s.mu.Lock()
	delete(s.sessions, bound)
	s.mu.Unlock()
}

// tlsConfig returns the settings of the route that counts now.
func (s *Server) tlsConfig(*tls.ClientHelloInfo) (*tls.Config, error) {
	r := s.current.Load()
	if r == nil || r.TLS == nil {
		return nil, errors.New("no certificate")
	}
	return r.TLS, nil
}

// Observe implements [session.Observer].
func (s *Server) Observe(e session.Event) {
	switch e.Kind {
	case session.EventLost:
		s.logger().Info("ESME is gone", slog.String("system_id", e.Session.PeerSystemID()),
			slog.Any("remote", e.Session.RemoteAddr()), slog.String("mode", e.Mode.String()), slog.Any("reason", e.Err))
	case session.EventRefused:
		if e.Mode != 0 {
			s.observer().Answered(s.cfg.Name, e.Status)
		}
		s.logger().Debug("refused a request of an ESME", slog.Any("remote", e.Session.RemoteAddr()),
			slog.String("command_status", e.Status.String()), slog.Any("reason", e.Err))
	default:
	}
}

// Bound returns how many sessions each account has.
func (s *Server) Bound() map[string]int {
	bound := make(map[string]int, len(s.accounts))
	for systemID, a := range s.accounts {
		bound[systemID] = a.bound()
	}
	return bound
}

// Close stops accepting connections, and ends all sessions: it waits until what
// is open in both directions is answered or ctx ends, and unbinds.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	listeners := append(s.listeners, s.serving...)
	s.listeners, s.serving = nil, nil
	open := make([]*session.Session, 0, len(s.sessions))
	for bound := range s.sessions {
		open = append(open, bound)
	}
	s.mu.Unlock()
	var failed []error
	for _, l := range listeners {
		failed = append(failed, l.Close())
	}
	s.cancel()
	var wg sync.WaitGroup
	for _, bound := range open {
		wg.Go(func() { _ = bound.Stop(ctx) })
	}
	wg.Wait()
	s.tasks.Wait()
	for _, a := range s.accounts {
		if a.parts != nil {
			a.parts.Close()
		}
	}
	return errors.Join(failed...)
}

// run runs f beside everything else, unless the server is closed and nothing is
// to begin any more.
func (s *Server) run(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Go(f)
	return true
}

// Interface guards
var (
	_ session.Observer      = (*Server)(nil)
	_ session.Authenticator = (*peer)(nil)
	_ session.Handler       = (*peer)(nil)
)
