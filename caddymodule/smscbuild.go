package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

// check returns the first error in what was built.
func (s *SMSC) check() error {
	switch {
	case len(s.To) == 0:
		return errors.New("no destination; add 'to <destination>'")
	case s.ReceiptExpire < 0:
		return errors.New("receipt_expire must not be negative")
	}
	config := s.config
	config.Name = "smsc" // The app knows it.
	return config.Validate()
}

// build sets up the config of the server.
func (s *SMSC) build(resolve func(string) (string, error)) error {
	var err error
	if s.address, err = caddy.ParseNetworkAddressWithDefaults(s.Listen, "tcp", smppPort); err != nil {
		return fmt.Errorf("the address to listen on: %w", err)
	}
	if s.Listen == "" || !slices.Contains(smscNetworks, s.address.Network) {
		return errors.New("an SMSC needs a TCP address to listen on")
	}
	s.config = smsc.Config{
		SystemID: s.SystemID, MaxConnections: s.MaxConnections, TLS: s.TLS != nil, Charset: s.DefaultAlphabet,
	}
	if err := s.Timeouts.apply(&s.config.Session); err != nil {
		return err
	}
	if _, err := coding.New(coding.Config{Default: s.DefaultAlphabet}); err != nil {
		return fmt.Errorf("default_alphabet: %w", err)
	}
	for _, a := range s.Accounts {
		if a == nil {
			return errors.New("an account is empty")
		}
		account, err := a.build(resolve)
		if err != nil {
			return fmt.Errorf("account '%s': %w", a.SystemID, err)
		}
		s.config.Accounts = append(s.config.Accounts, account)
	}
	return nil
}

// apply sets the timeouts. It accepts nil.
func (t *SMSCTimeouts) apply(c *session.Config) error {
	if t == nil {
		return nil
	}
	return setTimeouts(
		timeout{"bind", t.Bind, false, &c.BindTimeout},
		timeout{"response", t.Response, false, &c.ResponseTimeout},
		timeout{"enquire_link", t.EnquireLink, true, &c.EnquireInterval},
		timeout{"enquire_link_response", t.EnquireLinkResponse, false, &c.EnquireTimeout},
		timeout{"inactivity", t.Inactivity, true, &c.InactivityTimeout},
	)
}

func (a *SMSCAccount) build(resolve func(string) (string, error)) (smsc.Account, error) {
	account := smsc.Account{SystemID: a.SystemID, MaxBinds: a.MaxBinds, Window: a.Window, Rate: rate.Limit(a.Rate)}
	for i, hash := range a.Passwords {
		text, err := resolve(hash)
		if err != nil {
			return account, fmt.Errorf("password %d: %w", i+1, err)
		}
		password, err := smsc.ParsePassword(text)
		if err != nil {
			return account, fmt.Errorf("password %d: %w", i+1, err)
		}
		account.Passwords = append(account.Passwords, password)
	}
	for _, text := range a.Allow {
		prefix, err := parseAllowed(text)
		if err != nil {
			return account, err
		}
		account.Allow = append(account.Allow, prefix)
	}
	for _, name := range a.Bind {
		mode, err := lookUp("bind", smppModes, name)
		if err != nil {
			return account, err
		}
		account.Modes = append(account.Modes, mode)
	}
	return account, nil
}

// laterHash stands in for one that is not known when a Caddyfile is adapted.
const laterHash = "$2a$04$2FOAU1bV5x670ft/JQHh1OY1iUmUlcMut6pXvKLpXVEW2zb9T/Z92" //nolint:gosec // Of a password that nobody has.

// hashAtAdapt has something valid stand in for what has placeholders.
func hashAtAdapt(text string) (string, error) {
	if strings.Contains(text, "{") {
		return laterHash, nil
	}
	return text, nil
}

// parseAllowed reads an address or a prefix.
func parseAllowed(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return prefix, fmt.Errorf("allow: '%s' is neither an address nor a prefix such as 192.0.2.0/24", text)
	}
	return prefix.Masked(), nil
}

// sendsReceipts has messages kept for a destination that sends their receipts.
func (s *SMSC) sendsReceipts() {
	s.route.ReceiptTime = cmp.Or(time.Duration(s.ReceiptExpire), smsc.DefaultReceiptTime)
}

// receives tells whether an account may bind in a way that it gets messages.
func (a *SMSCAccount) receives() bool {
	if len(a.Bind) == 0 {
		return true
	}
	for _, name := range a.Bind {
		if mode := smppModes[name]; mode == pdu.BindReceiver || mode == pdu.BindTransceiver {
			return true
		}
	}
	return false
}
