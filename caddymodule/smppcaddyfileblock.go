package caddymodule

import (
	"encoding"
	"errors"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// textUnmarshaler reads one of a few names.
type textUnmarshaler = encoding.TextUnmarshaler

// errNoConditions explains that routes have no conditions.
var errNoConditions = errors.New("to has no conditions yet")

// unmarshalBlock parses the options in a block, each of which may be there once but for
// to, and which must not be empty.
func unmarshalBlock(d *caddyfile.Dispenser, name string, option func(option string) error) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		o := d.Val()
		if seen[o] && o != "to" {
			return d.Errf("%s is already set", o)
		}
		seen[o] = true
		if err := option(o); err != nil {
			return err
		}
	}
	if len(seen) == 0 && name != "tls" {
		return d.Errf("%s needs a block of options", name)
	}
	return nil
}

// unmarshalText parses an option of one text. Its errors do not quote it: it may
// be a password.
func unmarshalText(d *caddyfile.Dispenser, option string, into *string) error {
	if !d.AllArgs(into) {
		return d.Errf("%s: expected one argument; quote one with spaces", option)
	}
	if *into == "" {
		return d.Errf("%s must not be empty", option)
	}
	return nil
}

func unmarshalName(d *caddyfile.Dispenser, option string, into textUnmarshaler) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		return d.Errf("%s: %v", option, err)
	}
	return nil
}

func unmarshalNumber(d *caddyfile.Dispenser, option string, least, most int, into *int) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return d.Errf("%s: '%s' is not a number from %d to %d", option, text, least, most)
	}
	*into = n
	return nil
}

// unmarshalOctets parses numbers from 0 to 255, in decimal, or hexadecimal with 0x.
func unmarshalOctets(d *caddyfile.Dispenser, option string, into ...*uint8) error {
	args := d.RemainingArgs()
	if len(args) != len(into) {
		return d.ArgErr()
	}
	for i, arg := range args {
		n, err := strconv.ParseUint(arg, 0, 8)
		if err != nil {
			return d.Errf("%s: '%s' is not a number from 0 to 255", option, arg)
		}
		*into[i] = uint8(n) //nolint:gosec // It was parsed as 8 bits.
	}
	return nil
}

func unmarshalOctet(d *caddyfile.Dispenser, option string, into *uint8) error {
	return unmarshalOctets(d, option, into)
}

func unmarshalNumbering(d *caddyfile.Dispenser, option string, into **SMPPNumbering) error {
	*into = new(SMPPNumbering)
	return unmarshalOctets(d, option, &(*into).TON, &(*into).NPI)
}

func (s *SMPP) unmarshalTLV(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 || len(args) > 3 {
		return d.ArgErr()
	}
	tag, err := strconv.ParseUint(args[0], 0, 16)
	if err != nil || tag == 0 {
		return d.Errf("tlv: '%s' is not a tag from 1 to 0xffff, such as 0x1401", args[0])
	}
	tlv := SMPPTLV{Tag: uint16(tag), Value: args[len(args)-1]} //nolint:gosec // It was parsed as 16 bits.
	if len(args) == 3 {
		if err := tlv.Type.UnmarshalText([]byte(args[1])); err != nil {
			return d.Errf("tlv: %v", err)
		}
	}
	if tlv.Value == "" {
		return d.Err("tlv: the value must not be empty")
	}
	s.TLVs = append(s.TLVs, tlv)
	return nil
}

func (s *SMPP) unmarshalLanguages(d *caddyfile.Dispenser) error {
	return checkEach(d, d.RemainingArgs(), func(code string) error {
		var language coding.Language
		if err := language.UnmarshalText([]byte(code)); err != nil {
			return err
		}
		s.Languages = append(s.Languages, language)
		return nil
	})
}

func (s *SMPP) unmarshalCommandStatus(d *caddyfile.Dispenser) error {
	var code, class string
	if !d.AllArgs(&code, &class) {
		return d.ArgErr()
	}
	if _, ok := s.CommandStatus[code]; ok {
		return d.Errf("command_status %s is already set", code)
	}
	if _, err := status.ParseOverrides(code + " " + class); err != nil {
		return d.Errf("command_status: %v", err)
	}
	if s.CommandStatus == nil {
		s.CommandStatus = make(map[string]string)
	}
	s.CommandStatus[code] = class
	return nil
}

func (s *SMPP) unmarshalTimeouts(d *caddyfile.Dispenser) error {
	t := new(SMPPTimeouts)
	s.Timeouts = t
	return unmarshalTimeouts(d, map[string]*caddy.Duration{
		"connect": &t.Connect, "bind": &t.Bind, "response": &t.Response, "session": &t.Session,
		"enquire_link": &t.EnquireLink, "enquire_link_response": &t.EnquireLinkResponse, "inactivity": &t.Inactivity,
		"reconnect": &t.Reconnect, "max_reconnect": &t.MaxReconnect,
	})
}

// unmarshalTimeouts parses a block of durations, of which some can be off.
func unmarshalTimeouts(d *caddyfile.Dispenser, durations map[string]*caddy.Duration) error {
	return unmarshalBlock(d, "timeouts", func(option string) error {
		into, ok := durations[option]
		if !ok {
			return d.Errf("unrecognized option '%s'", option)
		}
		var text string
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		if text == "off" && (option == "enquire_link" || option == "inactivity") {
			*into = -1
			return nil
		}
		return parseDuration(d, text, into)
	})
}

func (s *SMPP) unmarshalReceipts(d *caddyfile.Dispenser) error {
	r := new(SMPPReceipts)
	s.Receipts = r
	return unmarshalBlock(d, "receipts", func(option string) error {
		switch option {
		case "type":
			return unmarshalText(d, option, &r.Type)
		case "to":
			return unmarshalTo(d, &r.To)
		case "expire":
			var text string
			if !d.AllArgs(&text) {
				return d.ArgErr()
			}
			return parseDuration(d, text, &r.Expire)
		case "time_zone":
			if err := unmarshalText(d, option, &r.TimeZone); err != nil {
				return err
			}
			if _, err := time.LoadLocation(r.TimeZone); err != nil {
				return d.Errf("time_zone: %v", err)
			}
			return nil
		default:
			return d.Errf("unrecognized option '%s'", option)
		}
	})
}

func (s *SMPP) unmarshalMessages(d *caddyfile.Dispenser) error {
	m := new(SMPPMessages)
	s.Messages = m
	return unmarshalBlock(d, "messages", func(option string) error {
		switch option {
		case "to":
			return unmarshalTo(d, &m.To)
		case "type":
			return unmarshalText(d, option, &m.Type)
		default:
			return d.Errf("unrecognized option '%s'", option)
		}
	})
}

// unmarshalTo parses the destinations of a route. Whether they exist is known
// only when all of them are parsed.
func unmarshalTo(d *caddyfile.Dispenser, routes *[]Route) error {
	names := d.RemainingArgs()
	err := checkEach(d, names, func(name string) error {
		if name == "when" {
			return errNoConditions
		}
		return checkName(name, "destination")
	})
	*routes = append(*routes, Route{Destinations: names})
	return err
}
