package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the destination from Caddyfile tokens. Syntax:
//
//	smsc <name> <system_id> {
//		source_addr <address>
//		dest_addr <address>
//		text <text>
//		hex <digits>
//		pdu deliver_sm|data_sm
//		default_alphabet gsm7|gsm7_packed|ascii|latin1|utf-8
//		data_coding <number>
//		flash
//		long_messages udh8|udh16|sar|payload
//		max_parts <number>
//		wait <duration>
//	}
//	smsc <name> {
//		receipts
//		default_alphabet gsm7|gsm7_packed|ascii|latin1|utf-8
//		wait <duration>
//	}
//
// The options are explained at the JSON fields.
func (d *SMSCDestination) UnmarshalCaddyfile(dispenser *caddyfile.Dispenser) error {
	dispenser.Next() // consume the type
	here := dispenser.Token()
	args := dispenser.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return dispenser.Err("expected the name of the smsc, and the system_id of its account unless these are receipts")
	}
	if d.SMSC = args[0]; len(args) > 1 {
		d.SystemID = args[1]
	}
	if err := unmarshalBlock(dispenser, "smsc", func(option string) error { return d.unmarshalOption(dispenser, option) }); err != nil {
		return err
	}
	probe := *d
	err := probe.build(smppAtAdapt)
	if err == nil {
		err = probe.check()
	}
	return wrapAt(here, err)
}

func (d *SMSCDestination) unmarshalOption(dispenser *caddyfile.Dispenser, option string) error {
	switch option {
	case "source_addr":
		return unmarshalText(dispenser, option, &d.SourceAddr)
	case "dest_addr":
		return unmarshalText(dispenser, option, &d.DestAddr)
	case "text":
		return unmarshalText(dispenser, option, &d.Text)
	case "hex":
		return unmarshalText(dispenser, option, &d.Hex)
	case "pdu":
		return unmarshalText(dispenser, option, &d.PDU)
	case "default_alphabet":
		return unmarshalName(dispenser, option, &d.DefaultAlphabet)
	case "data_coding":
		d.DataCoding = new(uint8)
		return unmarshalOctet(dispenser, option, d.DataCoding)
	case "long_messages":
		return unmarshalName(dispenser, option, &d.LongMessages)
	case "max_parts":
		return unmarshalNumber(dispenser, option, 1, smppMaxParts, &d.MaxParts)
	case "wait":
		return unmarshalDuration(dispenser, &d.Wait)
	case "flash":
		return unmarshalFlag(dispenser, &d.Flash)
	case "receipts":
		return unmarshalFlag(dispenser, &d.Receipts)
	default:
		return dispenser.Errf("unrecognized option '%s'", option)
	}
}

func unmarshalFlag(d *caddyfile.Dispenser, into *bool) error {
	*into = true
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func unmarshalDuration(d *caddyfile.Dispenser, into *caddy.Duration) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return parseDuration(d, text, into)
}

// wrapAt gives an error the place of a token.
func wrapAt(token caddyfile.Token, err error) error {
	if err == nil {
		return nil
	}
	here := caddyfile.NewDispenser([]caddyfile.Token{token})
	here.Next()
	return here.WrapErr(err)
}

// Interface guard
var _ caddyfile.Unmarshaler = (*SMSCDestination)(nil)
