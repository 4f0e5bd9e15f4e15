package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func (s *SMPP) buildBind(resolve smppResolver) (err error) {
	b := &s.bind
	for _, address := range s.Addresses {
		resolved, err := resolve.text(address)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		b.Addresses = append(b.Addresses, resolved)
	}
	for _, field := range []struct {
		option, text string
		into         *string
	}{
		{"system_id", s.SystemID, &b.SystemID},
		{"password", s.Password, &b.Password},
		{"system_type", s.SystemType, &b.SystemType},
		{"address_range", s.AddressRange, &b.AddressRange.Addr},
	} {
		if field.text == "" {
			continue
		}
		if *field.into, err = resolve.text(field.text); err != nil {
			return fmt.Errorf("%s: %w", field.option, err)
		}
	}
	if b.Version, err = lookUp("interface_version", smppVersions, s.InterfaceVersion); err != nil {
		return err
	}
	if b.Modes, err = s.modes(); err != nil {
		return err
	}
	if s.Window < 0 || s.Window > smppMaxWindow {
		return fmt.Errorf("window: must be from 1 to %d", smppMaxWindow)
	}
	if s.Rate < 0 || s.Rate > smppMaxRate {
		return fmt.Errorf("rate: must be from 0 to %d messages a second", smppMaxRate)
	}
	b.Rate, b.IDs = rate.Limit(s.Rate), s.MessageID
	b.Session.Window = s.Window
	return s.Timeouts.apply(b, &s.config)
}

// The limits of options. Those of the window and of parts are the bridge's own;
// the others are far more than SMSCs allow.
const (
	smppMaxWindow   = 10_000
	smppMaxParts    = 255
	smppMaxSessions = 100
	smppMaxRate     = 1_000_000 // messages a second
)

// modes returns the mode of each session.
func (s *SMPP) modes() (modes []pdu.BindMode, err error) {
	if s.Sessions < 0 || s.Sessions > smppMaxSessions {
		return nil, fmt.Errorf("sessions: must be from 1 to %d", smppMaxSessions)
	}
	names := s.Bind
	if len(names) == 0 {
		names = []string{"transceiver"}
	}
	for i, name := range names {
		mode, err := lookUp("bind", smppModes, name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(names[:i], name) || (len(names) > 1 && mode == pdu.BindTransceiver) {
			return nil, errors.New("bind: use transceiver, transmitter, or transmitter receiver")
		}
		modes = append(modes, slices.Repeat([]pdu.BindMode{mode}, max(s.Sessions, 1))...)
	}
	return modes, nil
}

// directions tells whether messages can be sent, and can come back.
func (s *SMPP) directions() (sends, receives bool) {
	for _, mode := range s.bind.Modes {
		sends = sends || mode != pdu.BindReceiver
		receives = receives || mode != pdu.BindTransmitter
	}
	return sends, receives
}

// apply sets the timeouts. It accepts nil.
func (t *SMPPTimeouts) apply(b *smppbridge.BindConfig, c *smppbridge.Config) error {
	if t == nil {
		return nil
	}
	err := setTimeouts(
		timeout{"connect", t.Connect, false, &b.ConnectTimeout},
		timeout{"bind", t.Bind, false, &b.Session.BindTimeout},
		timeout{"response", t.Response, false, &b.Session.ResponseTimeout},
		timeout{"session", t.Session, false, &c.WaitTimeout},
		timeout{"enquire_link", t.EnquireLink, true, &b.Session.EnquireInterval},
		timeout{"enquire_link_response", t.EnquireLinkResponse, false, &b.Session.EnquireTimeout},
		timeout{"inactivity", t.Inactivity, true, &b.Session.InactivityTimeout},
		timeout{"reconnect", t.Reconnect, false, &b.MinBackoff},
		timeout{"max_reconnect", t.MaxReconnect, false, &b.MaxBackoff},
	)
	if err != nil {
		return err
	}
	least, most := session.DefaultMinBackoff, session.DefaultMaxBackoff
	if b.MinBackoff > 0 {
		least = b.MinBackoff
	}
	if b.MaxBackoff > 0 {
		most = b.MaxBackoff
	}
	if most < least {
		return fmt.Errorf("timeouts: max_reconnect is %s, less than reconnect with %s", most, least)
	}
	return nil
}

// timeout is an option of the block timeouts.
type timeout struct {
	option string
	value  caddy.Duration
	off    bool // whether it can be -1
	into   *time.Duration
}

func setTimeouts(all ...timeout) error {
	for _, t := range all {
		if t.value < 0 && !t.off {
			return fmt.Errorf("timeouts: %s must not be negative", t.option)
		}
		*t.into = time.Duration(t.value)
	}
	return nil
}
