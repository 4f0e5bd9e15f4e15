package caddymodule

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

// smscPool has the servers in use by their settings. They outlive the configs that
// use them: a reload that leaves their settings alone finds clients bound.
var smscPool = caddy.NewUsagePool()

// defaultSMSCGrace is how long messages under way have to be answered when a
// server closes, unless there is a shorter grace_period. A reload waits for it.
const defaultSMSCGrace = 10 * time.Second

// pooledSMSC is a server that closes when no config uses it.
type pooledSMSC struct {
	*smsc.Server
	grace atomic.Int64 // nanoseconds
}

// Destruct implements [caddy.Destructor].
func (p *pooledSMSC) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(p.grace.Load()))
	defer cancel()
	return p.Close(ctx)
}

// openedSMSC is a config's share of a server.
type openedSMSC struct {
	*smsc.Attachment
	server *pooledSMSC
	key    string
	ctx    caddy.Context
}

// Destinations implements [SourceModule].
func (s *SMSC) Destinations() []string { return routeNames(s.To) }

// Open implements [SourceModule]: it listens, but accepts no connection yet.
func (s *SMSC) Open(name string, engine *relay.Engine) (Source, error) {
	config := s.config
	config.Name, config.Parts = name, &longMessages
	key := config.Key() + " " + s.address.String()
	value, _, err := smscPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		listeners, err := listenTCP(s.ctx, s.address)
		if err != nil {
			return nil, err
		}
		server, err := smsc.New(config, listeners...)
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		p := &pooledSMSC{Server: server}
		p.grace.Store(int64(defaultSMSCGrace))
		return p, nil
	})
	if err != nil {
		return nil, err
	}
	o := &openedSMSC{server: value.(*pooledSMSC), key: key, ctx: s.ctx}
	route := s.route
	route.Store, route.Logger = engine, route.Logger.With("smsc", name)
	o.Attachment = o.server.Attach(route)
	return o, nil
}

// listenTCP listens on all ports of an address, as Caddy does: another config can
// have the same.
func listenTCP(ctx context.Context, address caddy.NetworkAddress) ([]net.Listener, error) {
	all, err := address.ListenAll(ctx, net.ListenConfig{})
	if err != nil {
		return nil, fmt.Errorf("listening for SMPP: %w", err)
	}
	listeners := make([]net.Listener, len(all))
	for i, one := range all {
		listeners[i] = one.(net.Listener) // The network was checked.
	}
	return listeners, nil
}

// Activate implements [Source].
func (o *openedSMSC) Activate() {
	if grace := gracePeriod(o.ctx); grace > 0 && grace < defaultSMSCGrace {
		o.server.grace.Store(int64(grace))
	}
	o.Attachment.Activate()
}

// Close implements [Source].
func (o *openedSMSC) Close() error {
	// The last config takes messages until the server has closed.
	if references, ok := smscPool.References(o.key); ok && references > 1 {
		o.Detach()
	}
	_, err := smscPool.Delete(o.key)
	o.Detach()
	return err
}

// config loads the certificate. It is loaded again with each config.
func (t *SMSCTLS) config() (*tls.Config, error) {
	file, err := resolveSecret(t.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := resolveSecret(t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// Interface guards
var (
	_ caddy.Destructor = (*pooledSMSC)(nil)
	_ Source           = (*openedSMSC)(nil)
)
