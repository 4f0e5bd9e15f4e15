package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// smscMaxNumber bounds numbers of binds and connections.
const smscMaxNumber = 100_000

var errNoPassword = errors.New("an account needs a password; caddy hash-password makes hashes")

// unmarshalSMSC parses an SMSC with its name, which is that of the source.
func (a *App) unmarshalSMSC(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if err := checkName(name, "source"); err != nil {
		return d.WrapErr(err)
	}
	if _, ok := a.SourcesRaw[name]; ok {
		return d.Errf("there is already a source '%s'", name)
	}
	s := new(SMSC)
	if err := s.UnmarshalCaddyfile(caddyfile.NewDispenser(d.NextSegment())); err != nil {
		return err
	}
	if a.SourcesRaw == nil {
		a.SourcesRaw = make(map[string]json.RawMessage)
	}
	a.SourcesRaw[name] = caddyconfig.JSONModuleObject(s, "type", "smsc", nil)
	return nil
}

// checkSMSCCaddyfile makes the checks for which all destinations and sources must
// be known.
func (a *App) checkSMSCCaddyfile(d *caddyfile.Dispenser) error {
	sources := make(map[string]SourceModule)
	for _, name := range slices.Sorted(maps.Keys(a.SourcesRaw)) {
		s := new(SMSC)
		if err := json.Unmarshal(a.SourcesRaw[name], s); err != nil {
			return d.Errf("smsc %s: %v", name, err)
		}
		if err := checkDestinations(s.Destinations(), a.Destinations); err != nil {
			return d.Errf("smsc %s: %v", name, err)
		}
		if err := s.build(hashAtAdapt); err != nil {
			return d.Errf("smsc %s: %v", name, err)
		}
		sources[name] = s
	}
	if err := checkSMSCAddresses(sources); err != nil {
		return d.WrapErr(err)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Destinations)) {
		var to struct {
			Type string `json:"type"`
			SMSCDestination
		}
		if err := json.Unmarshal(a.Destinations[name].ToRaw, &to); err != nil || to.Type != "smsc" {
			continue // It is of another type.
		}
		if err := to.checkSource(sources); err != nil {
			return wrapAt(a.Destinations[name].token, fmt.Errorf("destination %s: %w", name, err))
		}
	}
	return nil
}

// UnmarshalCaddyfile sets up the SMSC from Caddyfile tokens. Syntax:
//
//	<name> <listen address> {
//		system_id <id>
//		account <system_id> {
//			password <hash>...
//			allow <address|prefix>...
//			bind transmitter|receiver|transceiver...
//			max_binds <number>
//			window <number>
//			rate <number>/s
//		}
//		tls <certificate_file> <key_file>
//		default_alphabet gsm7|gsm7_packed|ascii|latin1|utf-8
//		max_connections <number>
//		timeouts {
//			bind|response <duration>
//			enquire_link <duration>|off
//			enquire_link_response <duration>
//			inactivity <duration>|off
//		}
//		receipt_expire <duration>
//		type <type>
//		to <destination>...
//	}
//
// Only account and to can be repeated. The options are explained at the JSON
// fields.
func (s *SMSC) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the name
	here := d.Token()
	if !d.AllArgs(&s.Listen) {
		return d.Err("expected the address to listen on")
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "account" && option != "to" {
			return d.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := s.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	probe := *s
	err := probe.build(hashAtAdapt)
	if err == nil {
		err = probe.check()
	}
	return wrapAt(here, err)
}

func (s *SMSC) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case "system_id":
		return unmarshalText(d, option, &s.SystemID)
	case "account":
		return s.unmarshalAccount(d)
	case "tls":
		s.TLS = new(SMSCTLS)
		if !d.AllArgs(&s.TLS.CertificateFile, &s.TLS.KeyFile) {
			return d.Err("tls: expected two arguments, the files of the certificate and its key")
		}
		return nil
	case "default_alphabet":
		return unmarshalName(d, option, &s.DefaultAlphabet)
	case "max_connections":
		return unmarshalNumber(d, option, 1, smscMaxNumber, &s.MaxConnections)
	case "timeouts":
		t := new(SMSCTimeouts)
		s.Timeouts = t
		return unmarshalTimeouts(d, map[string]*caddy.Duration{
			"bind": &t.Bind, "response": &t.Response, "enquire_link": &t.EnquireLink,
			"enquire_link_response": &t.EnquireLinkResponse, "inactivity": &t.Inactivity,
		})
	case "receipt_expire":
		return unmarshalDuration(d, &s.ReceiptExpire)
	case "type":
		return unmarshalText(d, option, &s.EventType)
	case "to":
		return unmarshalTo(d, &s.To)
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
}

func (s *SMSC) unmarshalAccount(d *caddyfile.Dispenser) error {
	a := new(SMSCAccount)
	if !d.NextArg() {
		return d.ArgErr()
	}
	here := d.Token()
	a.SystemID = d.Val()
	s.Accounts = append(s.Accounts, a)
	if err := unmarshalBlock(d, "account", func(option string) error { return a.unmarshalOption(d, option) }); err != nil {
		return err
	}
	built, err := a.build(hashAtAdapt)
	if err == nil && len(built.Passwords) == 0 {
		return wrapAt(here, errNoPassword)
	}
	return wrapAt(here, err)
}

func (a *SMSCAccount) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case "password":
		a.Passwords = d.RemainingArgs()
		if len(a.Passwords) == 0 {
			return d.ArgErr()
		}
		return nil
	case "allow":
		a.Allow = d.RemainingArgs()
		return checkEach(d, a.Allow, func(text string) error {
			_, err := parseAllowed(text)
			return err
		})
	case "bind":
		a.Bind = d.RemainingArgs()
		return checkEach(d, a.Bind, func(name string) error {
			_, err := lookUp(option, smppModes, name)
			return err
		})
	case "max_binds":
		return unmarshalNumber(d, option, 1, smscMaxNumber, &a.MaxBinds)
	case "window":
		return unmarshalNumber(d, option, 1, smppMaxWindow, &a.Window)
	case "rate":
		return unmarshalRate(d, &a.Rate)
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
}

// Interface guard
var _ caddyfile.Unmarshaler = (*SMSC)(nil)
