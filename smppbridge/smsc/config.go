package smsc

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// The values of fields that are left zero.
const (
	DefaultMaxConnections = 2000
	DefaultMaxBinds       = 10
)

// The limits of a config.
const (
	maxAccounts    = 10_000
	maxConnections = 100_000
	maxWindow      = 10_000
	maxPasswords   = 16
	maxSystemID    = 15 // 3.4 section 5.2.1
)

// Config describes a [Server].
type Config struct {
	// Name is the source of the events.
	Name string
	// SystemID is what ESMEs are told, at most 15 characters. Default: the
	// beginning of Name.
	SystemID string
	// Accounts may bind.
	Accounts []Account
	// MaxConnections is how many there are at a time, bound or not. Default: 2000.
	MaxConnections int
	// TLS has ESMEs connect with TLS. The settings are those of the [Route].
	TLS bool
	// Parts are where long messages are collected. All servers of a process should
	// have the same ones. Default: this one has its own.
	Parts *assembly.Lists
	// Charset is what data_coding 0 means in messages of ESMEs. Default: GSM 03.38.
	Charset coding.Charset
	// Session has the timeouts and limits of sessions. Its Handler and Observer
	// are not used.
	Session session.Config
}

// Account is an ESME that may bind.
type Account struct {
	// SystemID is its name, at most 15 characters.
	SystemID string
	// Passwords are those that it may have, any of which may match.
	Passwords []Password
	// Allow has the addresses it may connect from. Default: all.
	Allow []netip.Prefix
	// Modes are how it may bind. Default: all.
	Modes []pdu.BindMode
	// MaxBinds is how many sessions it may have at a time. Default: 10.
	MaxBinds int
	// Window is how many messages of a session may wait for their answer at a
	// time, in each direction. Default: 10 that are delivered, 100 that are
	// submitted.
	Window int
	// Rate is how many messages a second all sessions of the account together
	// carry at most, in each direction. Default: no limit.
	Rate rate.Limit
}

// Validate returns the error that [New] would.
func (c *Config) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("the SMSC has no name")
	case len(c.SystemID) > maxSystemID:
		return fmt.Errorf("the system_id has more than %d characters", maxSystemID)
	case !printable(c.SystemID):
		return errors.New("the system_id has characters that are not ASCII")
	case len(c.Accounts) == 0:
		return errors.New("no account may bind")
	case len(c.Accounts) > maxAccounts:
		return fmt.Errorf("%d accounts, the limit is %d", len(c.Accounts), maxAccounts)
	case c.MaxConnections < 0 || c.MaxConnections > maxConnections:
		return fmt.Errorf("the number of connections must be from 1 to %d", maxConnections)
	}
	seen := make(map[string]bool, len(c.Accounts))
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if err := a.validate(); err != nil {
			return fmt.Errorf("account '%s': %w", a.SystemID, err)
		}
		if seen[a.SystemID] {
			return fmt.Errorf("there are two accounts '%s'", a.SystemID)
		}
		seen[a.SystemID] = true
	}
	return nil
}

func (a *Account) validate() error {
	switch {
	case a.SystemID == "":
		return errors.New("the system_id is empty")
	case len(a.SystemID) > maxSystemID:
		return fmt.Errorf("the system_id has more than %d characters", maxSystemID)
	case !printable(a.SystemID):
		return errors.New("the system_id has characters that are not ASCII")
	case len(a.Passwords) == 0:
		return errors.New("no password")
	case len(a.Passwords) > maxPasswords:
		return fmt.Errorf("%d passwords, the limit is %d", len(a.Passwords), maxPasswords)
	case a.MaxBinds < 0 || a.MaxBinds > maxConnections:
		return fmt.Errorf("the number of binds must be from 1 to %d", maxConnections)
	case a.Window < 0 || a.Window > maxWindow:
		return fmt.Errorf("the window must be from 1 to %d", maxWindow)
	case !(a.Rate >= 0):
		return errors.New("the rate must not be negative")
	}
	for i := range a.Passwords {
		if a.Passwords[i].verifier == nil {
			return errors.New("no password")
		}
	}
	for _, mode := range a.Modes {
		if mode != pdu.BindTransmitter && mode != pdu.BindReceiver && mode != pdu.BindTransceiver {
			return errors.New("an account binds as transmitter, receiver or transceiver")
		}
	}
	return nil
}

// Key returns a text that is the same for two configs if the [Server] of one can
// serve the other. It is a hash, so that no hash of a password shows.
func (c *Config) Key() string {
	s := c.Session
	s.Handler, s.Observer = nil, nil
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %d %t %d %+v", c.Name, c.SystemID, c.MaxConnections, c.TLS, c.Charset, s)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		_, _ = fmt.Fprintf(h, "\n%q %v %v %d %d %v", a.SystemID, a.Allow, a.Modes, a.MaxBinds, a.Window, float64(a.Rate))
		for j := range a.Passwords {
			_, _ = fmt.Fprintf(h, " %q", a.Passwords[j].hash)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// systemID returns what ESMEs are told.
func (c *Config) systemID() string {
	return cmp.Or(c.SystemID, c.Name[:min(len(c.Name), maxSystemID)])
}

// printable tells whether a text is ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
