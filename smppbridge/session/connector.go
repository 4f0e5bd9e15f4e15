package session

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// DefaultConnectTimeout is how long a [Connector] tries to connect, TLS
// included, unless it says otherwise.
const DefaultConnectTimeout = 10 * time.Second

// Connector makes sessions of an ESME.
type Connector struct {
	// Address is the host and the port of the SMSC. The host is looked up each
	// time, and all of its addresses are tried.
	Address string
	// TLS is used if it is there. The certificate of the SMSC is verified,
	// against the host of Address unless ServerName is set.
	TLS *tls.Config
	// Dial replaces how to connect to Address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ConnectTimeout is how long to try that, TLS included. The default is 10
	// seconds.
	ConnectTimeout time.Duration
	// Bind says who we are. Its mode and sequence_number are not used, and the
	// interface_version is 3.4 unless it is set.
	Bind pdu.Bind
	// Config has the settings of the session.
	Config Config
}

// Connect returns a session that is bound. The error is a [*BindError] if the
// SMSC refused.
func (c *Connector) Connect(ctx context.Context, mode pdu.BindMode) (*Session, error) {
	return c.connect(ctx, mode, hooks{calls: new(sync.Pool)})
}

// connect is Connect for a pool, which has hooks. It returns the session if, and
// only if, it was bound.
func (c *Connector) connect(ctx context.Context, mode pdu.BindMode, h hooks) (*Session, error) {
	cfg, err := c.Config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("smpp: %w", err)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("smpp: connect: %w", err)
	}
	s := newSession(conn, cfg, esme, mode, h)
	s.start()
	if err := s.bind(ctx, c.Bind); err != nil {
		s.fail(err)
		<-s.done
		return nil, err
	}
	return s, nil
}

// dial connects, and shakes hands if there is TLS.
func (c *Connector) dial(ctx context.Context) (net.Conn, error) {
	timeout := c.ConnectTimeout
	if timeout <= 0 {
		timeout = DefaultConnectTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", c.Address)
	if err != nil || c.TLS == nil {
		return conn, err
	}
	secured, err := c.secure(ctx, conn)
	if err != nil {
		_ = conn.Close()
	}
	return secured, err
}

// secure puts TLS on a connection.
func (c *Connector) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := c.TLS.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	secured := tls.Client(conn, config)
	return secured, secured.HandshakeContext(ctx)
}

// bind binds a session that was just opened.
func (s *Session) bind(ctx context.Context, p pdu.Bind) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.BindTimeout, ErrTimeout)
	defer cancel()
	p.Mode = s.mode
	if p.InterfaceVersion == 0 {
		p.InterfaceVersion = pdu.Version34
	}
	resp, err := s.exchange(ctx, &p, newCall(s.calls, &p, nil))
	if err != nil {
		return fmt.Errorf("smpp: bind: %w", err)
	}
	if status := resp.Head().Status; status != pdu.StatusOK {
		return &BindError{Status: status}
	}
	select {
	case <-s.bound:
		return nil
	default:
		// The end had begun before the response came.
		return fmt.Errorf("smpp: bind: %w", s.Err())
	}
}
