package smppbridge

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// maxSessions is far more than SMSCs allow.
const maxSessions = 256

// BindConfig says how to reach an SMSC and who we are there.
type BindConfig struct {
	// Addresses are host:port of the SMSC. Each connection tries them in turn,
	// beginning with the first; each may take ConnectTimeout.
	Addresses []string
	// TLS is used if it is not nil. The certificate is verified against the host
	// of the address, or ServerName.
	TLS *tls.Config
	// TLSKey stands for the settings of TLS in [BindConfig.Key], where they can't
	// be compared otherwise. It may hold secrets.
	TLSKey string
	// ConnectTimeout bounds a connection, TLS included. Default: 10 seconds.
	ConnectTimeout time.Duration
	// Modes has the mode of each session. Default: one transceiver.
	Modes []pdu.BindMode
	// SystemID has at most 15 characters, SystemType at most 12.
	SystemID, Password, SystemType string
	// Version is the interface_version of the bind. Default: 3.4.
	Version pdu.InterfaceVersion
	// AddressRange says which addresses are ours. Most SMSCs want none.
	AddressRange pdu.Address
	// Rate is how many messages a second all sessions together send at most.
	// Default: no limit.
	Rate rate.Limit
	// Session has the settings of each session: window, timeouts, limits. Its
	// Handler and Observer are not used.
	Session session.Config
	// MinBackoff and MaxBackoff are the first and the longest pause before a
	// session is bound again. Default: 1 second and 1 minute.
	MinBackoff, MaxBackoff time.Duration
	// IDs says how the message_id of a receipt comes from that of the response.
	// Default: it is found out.
	IDs receipt.Rule
	// Reassembly bounds what is kept of long messages that are not complete.
	Reassembly coding.Limits
	// Parts are where these messages are collected. Binds of the same account in a
	// process should have the same ones. Default: these have their own.
	Parts *assembly.Lists

	// dial replaces how to connect, in tests.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Validate returns the error that [NewBinds] would.
func (c *BindConfig) Validate() error {
	if len(c.Addresses) == 0 {
		return errors.New("no address of the SMSC")
	}
	for _, address := range c.Addresses {
		if err := checkAddress(address); err != nil {
			return err
		}
	}
	if c.SystemID == "" {
		return errors.New("no system_id")
	}
	if len(c.Modes) > maxSessions {
		return fmt.Errorf("%d sessions, the limit is %d", len(c.Modes), maxSessions)
	}
	for _, mode := range c.modes() {
		if mode != pdu.BindTransmitter && mode != pdu.BindReceiver && mode != pdu.BindTransceiver {
			return errors.New("a session is bound as transmitter, receiver or transceiver")
		}
	}
	if c.Rate < 0 || c.ConnectTimeout < 0 || c.MinBackoff < 0 || c.MaxBackoff < 0 {
		return errors.New("the rate, the connect timeout and the pauses must not be negative")
	}
	bind := c.bind()
	bind.Mode = pdu.BindTransceiver
	if _, err := bind.AppendTo(nil); err != nil {
		return err // It quotes no values.
	}
	return (&session.PoolConfig{Connector: session.Connector{Config: c.Session}, MinBackoff: c.MinBackoff, MaxBackoff: c.MaxBackoff}).Validate()
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("'%s' is no address: want host:port", address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("'%s' has no valid port", address)
	}
	return nil
}

func (c *BindConfig) modes() []pdu.BindMode {
	if len(c.Modes) == 0 {
		return []pdu.BindMode{pdu.BindTransceiver}
	}
	return c.Modes
}

// receives tells whether receipts can come back.
func (b *Binds) receives() bool {
	return slices.ContainsFunc(b.cfg.modes(), func(m pdu.BindMode) bool { return m != pdu.BindTransmitter })
}

func (c *BindConfig) bind() pdu.Bind {
	return pdu.Bind{
		SystemID: c.SystemID, Password: c.Password, SystemType: c.SystemType,
		InterfaceVersion: c.Version, AddressRange: c.AddressRange,
	}
}

// Key returns a text that is the same for two configs if [Binds] of one can serve
// the other. It is a hash, so the password does not show.
func (c *BindConfig) Key() string {
	s := c.Session
	s.Handler, s.Observer = nil, nil
	h := sha256.New()
	secure := "plain"
	if c.TLS != nil {
		secure = "tls:" + c.TLSKey
	}
	_, _ = fmt.Fprintf(h, "%q %q %d %v %q %q %q %d %+v %v %+v %d %d %d %+v",
		c.Addresses, secure, c.ConnectTimeout, c.modes(), c.SystemID, c.Password, c.SystemType, c.Version,
		c.AddressRange, float64(c.Rate), s, c.MinBackoff, c.MaxBackoff, c.IDs, c.Reassembly)
	return hex.EncodeToString(h.Sum(nil))
}

// smsc names the SMSC for the durable links of messages, which have to be found
// again after a restart, also with other settings.
func (c *BindConfig) smsc() string { return c.SystemID + "@" + c.Addresses[0] }

// connector returns what makes the sessions.
func (c *BindConfig) connector(handler session.Handler, observer session.Observer) session.Connector {
	connector := session.Connector{
		Address: c.Addresses[0], TLS: c.TLS, ConnectTimeout: c.ConnectTimeout, Bind: c.bind(), Config: c.Session, Dial: c.dial,
	}
	connector.Config.Handler, connector.Config.Observer = handler, observer
	if len(c.Addresses) > 1 {
		each := c.ConnectTimeout
		if each == 0 {
			each = session.DefaultConnectTimeout
		}
		connector.ConnectTimeout = each * time.Duration(len(c.Addresses))
		connector.TLS = nil // The name to verify depends on which address answers.
		connector.Dial = (&failover{addresses: c.Addresses, tls: c.TLS, timeout: each}).dial
	}
	return connector
}

// failover connects to the first address that answers.
type failover struct {
	addresses []string
	tls       *tls.Config
	timeout   time.Duration
}

func (f *failover) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var failed []error
	for _, address := range f.addresses {
		conn, err := f.dialOne(ctx, network, address)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", address, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

func (f *failover) dialOne(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if f.tls == nil {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	// It takes the name to verify from the address if there is none.
	return (&tls.Dialer{Config: f.tls}).DialContext(ctx, network, address)
}

// sessionKey names a session in logs.
func sessionKey(mode pdu.BindMode) string { return strings.TrimPrefix(mode.String(), "bind_") }
