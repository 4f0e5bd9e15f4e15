package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// Provision resolves the placeholders. It opens no connection.
func (s *SMPP) Provision(ctx caddy.Context) error {
	if err := s.build(smppAtLoad); err != nil {
		return err
	}
	if s.TLS != nil {
		if err := s.TLS.provision(ctx, &s.bind); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	s.config.Logger = ctx.Slogger()
	return nil
}

// Validate implements caddy.Validator.
func (s *SMPP) Validate() error { return s.check() }

// check returns the first error in what was built.
func (s *SMPP) check() error {
	if err := s.checkDirections(); err != nil {
		return err
	}
	if err := s.bind.Validate(); err != nil {
		return err
	}
	config := s.config // These are known only once the app has its destinations.
	config.Name, config.Store = "smpp", new(smppStore)
	return config.Validate()
}

// checkDirections refuses what can't send, and what does not get what it wants.
func (s *SMPP) checkDirections() error {
	sends, receives := s.directions()
	switch {
	case !sends:
		return errors.New("bind: nothing can be sent over a receiver alone; use transceiver, or transmitter receiver")
	case !receives && (s.Receipts != nil || s.Messages != nil || s.DeliveredOn == smppbridge.OnReceipt):
		return errors.New("bind: nothing comes back over a transmitter alone; use transceiver, or transmitter receiver")
	case s.Receipts != nil && s.RegisteredDelivery == "none":
		return errors.New("registered_delivery: none asks for no receipts, but there is a block for them")
	case s.Receipts != nil && len(s.Receipts.To) == 0 && s.DeliveredOn != smppbridge.OnReceipt:
		return errors.New("receipts: no destination; add 'to <destination>'")
	case s.Messages != nil && len(s.Messages.To) == 0:
		return errors.New("messages: no destination; add 'to <destination>'")
	default:
		return nil
	}
}

// defaultConcurrency is twice what fits into the windows, so that there is always
// a message for a place that becomes free. With a rate, it is at most what can be
// sent in ten seconds: more would only wait for their turn.
func (s *SMPP) defaultConcurrency() int {
	window := s.Window
	if window == 0 {
		window = session.DefaultWindow
	}
	n := 2 * window * max(s.Sessions, 1)
	if s.Rate > 0 {
		n = min(n, int(min(10*s.Rate, maxConcurrency)))
	}
	return min(max(n, 1), maxConcurrency)
}

// join gives the module the app and its own name there, which it needs for what
// comes back.
func (s *SMPP) join(a *App, name string) {
	s.config.Name, s.config.Store = name, &smppStore{app: a}
	s.config.Logger = s.config.Logger.With("destination", name)
}

// Destination implements [DestinationModule].
func (s *SMPP) Destination(int) (relay.Destination, error) {
	return openSMPP(s.config, s.bind)
}

// Interface guards
var (
	_ caddy.Provisioner = (*SMPP)(nil)
	_ caddy.Validator   = (*SMPP)(nil)
	_ DestinationModule = (*SMPP)(nil)
)
