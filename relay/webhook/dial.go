package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	// writeBuffer lets header and body of most events leave in one packet, in
	// bytes. The 4 KiB that net/http has by default cost events of 8 KiB half as
	// much CPU again.
	writeBuffer = 16 << 10
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 90 * time.Second
	// maxResponseHeader bounds the memory that a receiver's header can take.
	maxResponseHeader = 64 << 10
	// Without pings, a dead HTTP/2 connection fails every delivery until the
	// kernel gives up on it, which takes about a quarter of an hour.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// transport returns the guarded transport.
func (c *Config) transport() (*http.Transport, error) {
	if err := c.checkTransport(); err != nil {
		return nil, err
	}
	t := c.Transport
	if t == nil {
		t = c.ownTransport()
	} else {
		t.DialContext = c.Guard.wrapDial(t.DialContext, c.Resolver, c.timeout())
	}
	// What the receiver sends is kept as it is.
	t.DisableCompression = true
	t.WriteBufferSize = cmp.Or(t.WriteBufferSize, writeBuffer)
	t.MaxResponseHeaderBytes = cmp.Or(t.MaxResponseHeaderBytes, maxResponseHeader)
	t.MaxIdleConnsPerHost = cmp.Or(t.MaxIdleConnsPerHost, c.concurrency())
	t.IdleConnTimeout = cmp.Or(t.IdleConnTimeout, idleTimeout)
	// Dial and handshake outlive their attempt, since another may use the
	// connection, so they need limits of their own.
	t.TLSHandshakeTimeout = cmp.Or(t.TLSHandshakeTimeout, c.timeout())
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	}
	return t, nil
}

func (c *Config) checkTransport() error {
	t := c.Transport
	switch {
	case t == nil:
		return nil
	case t.Proxy != nil && !c.Guard.AllowPrivate:
		return errors.New("a proxy connects to addresses that can't be checked here; add allow_private to use one")
	case t.DialTLSContext != nil || t.DialTLS != nil || t.Dial != nil: //nolint:staticcheck // The deprecated fields would bypass the guard.
		return errors.New("the transport has a dialer of its own, which would bypass the check of addresses")
	default:
		return nil
	}
}

// ownTransport returns a transport without Proxy, so that the environment's
// proxy variables can't lead past the guard.
func (c *Config) ownTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: c.timeout(), ControlContext: c.Guard.Control}
	return &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true}
}

// Control is for [net.Dialer.ControlContext]. It checks an address after the
// name was looked up and before anything is sent to it, so no later answer of
// the DNS can change what was checked.
func (g Guard) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	addrPort, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("unexpected address %q: %w", address, err)
	}
	return g.Check(addrPort.Addr())
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// wrapDial returns a dial function that looks up names itself, and gives dial
// only addresses that the guard allows.
func (g Guard) wrapDial(dial dialFunc, resolver *net.Resolver, timeout time.Duration) dialFunc {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		addrs, err := resolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, err
		}
		var conn net.Conn
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
		for _, addr := range addrs {
			addr = addr.Unmap()
			if err = g.Check(addr); err != nil {
				continue
			}
			if conn, err = dial(ctx, network, net.JoinHostPort(addr.String(), port)); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
}
