package smsc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// BindResult is what became of a bind, from a closed set so that it can label a
// metric.
type BindResult string

// The results of binds.
const (
	BindOK         BindResult = "ok"
	BindCredential BindResult = "credentials" // unknown system_id, or wrong password
	BindAddress    BindResult = "address"     // not from where the account may connect
	BindFailures   BindResult = "failures"    // too many wrong passwords from there
	BindModeDenied BindResult = "mode"        // not in that way
	BindTooMany    BindResult = "too_many"    // as many as the account may have
	BindBusy       BindResult = "busy"        // no time to check the password
)

// bindStatuses are the answers. Who may not bind is not told whether it is the
// system_id or the password that is wrong.
var bindStatuses = map[BindResult]pdu.CommandStatus{
	BindOK:         pdu.StatusOK,
	BindCredential: pdu.StatusInvPaswd,
	BindAddress:    pdu.StatusBindFail,
	BindFailures:   pdu.StatusBindFail,
	BindModeDenied: pdu.StatusBindFail,
	BindTooMany:    pdu.StatusAlyBnd,
	BindBusy:       pdu.StatusBindFail,
}

// maxChecks is how many passwords are checked at a time: half of the processors
// go on with messages, whoever tries to bind.
func maxChecks() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// peer is the other end of a connection.
type peer struct {
	server *Server
	addr   netip.Addr
	// account is set once the peer has authenticated itself. It counts as one of
	// the account's binds from then on.
	account *account
}

// Authenticate implements [session.Authenticator].
func (p *peer) Authenticate(ctx context.Context, b *pdu.Bind, remote net.Addr) (session.Account, error) {
	s := p.server
	a, result := s.authenticate(ctx, b, p.addr)
	s.observer().Bind(s.cfg.Name, result)
	log := s.logger().With(slog.String("system_id", b.SystemID), slog.Any("remote", remote), slog.String("mode", b.Mode.String()))
	if result != BindOK {
		level := slog.LevelWarn
		if result == BindFailures {
			level = slog.LevelDebug // The tries before have been logged.
		}
		log.Log(ctx, level, "ESME may not bind", slog.String("reason", string(result)))
		return session.Account{}, &session.BindError{Status: bindStatuses[result]}
	}
	log.Info("ESME bound")
	p.account = a
	return session.Account{Handler: p, Window: a.cfg.Window, MaxUnanswered: a.cfg.Window, Limiter: a.submits}, nil
}

// authenticate returns the account that may bind, which counts the bind as one of
// its own, or why there is none.
func (s *Server) authenticate(ctx context.Context, b *pdu.Bind, addr netip.Addr) (*account, BindResult) {
	a := s.accounts[b.SystemID]
	if a != nil && !a.allows(addr) {
		return nil, BindAddress
	}
	if result := s.checkPassword(ctx, a, b.Password, addr); result != BindOK {
		return nil, result
	}
	if !slices.Contains(a.modes(), b.Mode) {
		return nil, BindModeDenied
	}
	if !a.reserve() {
		return nil, BindTooMany
	}
	return a, BindOK
}

// checkPassword tells whether a password is that of an account, which is nil if
// there is none of that name.
func (s *Server) checkPassword(ctx context.Context, a *account, password string, addr netip.Addr) BindResult {
	systemID, against := "", s.decoy
	if a != nil {
		systemID, against = a.cfg.SystemID, a.cfg.Passwords
	}
	if !s.tries.take(addr, systemID, time.Now()) {
		return BindFailures
	}
	// The password that was right the last time costs next to nothing: many
	// sessions that bind anew at once need no minutes for it.
	sum := s.keyed(password)
	known := false
	if a != nil {
		last := a.known.Load()
		known = last != nil && subtle.ConstantTimeCompare(last[:], sum[:]) == 1
	}
	if !known {
		select {
		case s.checks <- struct{}{}:
			defer func() { <-s.checks }()
		case <-ctx.Done():
			return BindBusy
		}
		if !matches(against, password) || a == nil {
			return BindCredential
		}
		a.known.Store(&sum)
	}
	s.tries.giveBack(addr, systemID, time.Now())
	return BindOK
}

// keyed returns a hash of a password that is of use to nobody else.
func (s *Server) keyed(password string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.key[:])
	_, _ = mac.Write([]byte(password))
	return [sha256.Size]byte(mac.Sum(nil))
}

// matches tells whether a password is one of several. It always tries all.
func matches(against []Password, password string) bool {
	ok := false
	for i := range against {
		if against[i].verifier.verify(password) && password != "" {
			ok = true
		}
	}
	return ok
}

// allows tells whether the account may connect from an address.
func (a *account) allows(addr netip.Addr) bool {
	if len(a.cfg.Allow) == 0 {
		return true
	}
	return slices.ContainsFunc(a.cfg.Allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

var allModes = []pdu.BindMode{pdu.BindTransmitter, pdu.BindReceiver, pdu.BindTransceiver}

func (a *account) modes() []pdu.BindMode {
	if len(a.cfg.Modes) == 0 {
		return allModes
	}
	return a.cfg.Modes
}

// remoteAddr returns the IP address of a connection, or the zero value if it has
// none, which no list of addresses contains.
func remoteAddr(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
