package caddymodule

import (
	"errors"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the destination from Caddyfile tokens. Syntax:
//
//	smpp <host:port>... {
//		bind transceiver | transmitter [receiver]
//		sessions <number>
//		system_id <id>
//		password <password>
//		system_type <type>
//		interface_version 3.3|3.4|5.0
//		address_range <range>
//		tls {
//			trust_pool <module> ...
//			server_name <name>
//			client_auth <certificate_file> <key_file>
//			insecure_skip_verify
//		}
//		window <number>
//		rate <number>/s
//		timeouts {
//			connect|bind|response|session <duration>
//			enquire_link <duration>|off
//			enquire_link_response <duration>
//			inactivity <duration>|off
//			reconnect|max_reconnect <duration>
//		}
//
//		source_addr <address>...
//		source_choice round_robin|sticky
//		source_numbering <ton> <npi>
//		dest_addr <number>
//		dest_numbering <ton> <npi>
//		text <text>
//		hex <digits>
//		registered_delivery none|final|failure|all
//		service_type <type>
//		esm_class <number>
//		protocol_id <number>
//		priority <number>
//		validity_period <period|time>
//		schedule_delivery_time <period|time>
//		replace_if_present
//		tlv <tag> [string|cstring|hex|uint8|uint16|uint32] <value>
//		user_message_reference
//		pdu submit_sm|data_sm|deliver_sm
//		default_alphabet gsm7|gsm7_packed|ascii|latin1|utf-8
//		data_coding <number>
//		allow_latin1
//		languages <code>...
//		transliterate
//		flash
//		long_messages udh8|udh16|sar|payload
//		max_parts <number>
//		command_status <status> permanent|retry|throttle|rebind|bind_refused|ambiguous
//		duplicates avoid|allow
//
//		delivered_on response|receipt
//		message_id auto|as_is|fold|strip|hex_to_dec|dec_to_hex
//		receipts {
//			type <type>
//			to <destination>...
//			expire <duration>
//			time_zone <name>
//		}
//		messages {
//			type <type>
//			to <destination>...
//		}
//	}
//
// Only tlv, command_status and to can be repeated. The options are explained at
// the JSON fields.
func (s *SMPP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the type
	at := map[string]caddyfile.Token{"": d.Token()}
	s.Addresses = d.RemainingArgs()
	if len(s.Addresses) == 0 {
		return d.Err("expected the address of the SMSC, as host:port")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if _, ok := at[option]; ok && option != "tlv" && option != "command_status" {
			return d.Errf("%s is already set", option)
		}
		at[option] = d.Token()
		if err := s.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	return s.checkCaddyfile(at)
}

// checkCaddyfile makes all checks that need no placeholders, on a copy that has
// nothing but the options. An error is reported at the option that it begins
// with, or else at the destination.
func (s *SMPP) checkCaddyfile(at map[string]caddyfile.Token) error {
	probe := *s
	err := probe.build(smppAtAdapt)
	if err == nil {
		err = probe.check()
	}
	if err == nil {
		return nil
	}
	option, _, _ := strings.Cut(err.Error(), " ")
	token, ok := at[strings.TrimSuffix(option, ":")]
	if !ok {
		token = at[""]
	}
	here := caddyfile.NewDispenser([]caddyfile.Token{token})
	here.Next()
	return here.WrapErr(err)
}

func (s *SMPP) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	if text := s.textOption(option); text != nil {
		return unmarshalText(d, option, text)
	}
	if name := s.namedOption(option); name != nil {
		return unmarshalName(d, option, name)
	}
	if flag := s.flagOption(option); flag != nil {
		*flag = true
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	}
	if number, least, most := s.numberOption(option); number != nil {
		return unmarshalNumber(d, option, least, most, number)
	}
	switch option {
	case "bind":
		s.Bind = d.RemainingArgs()
		return checkEach(d, s.Bind, func(name string) error {
			_, err := lookUp("bind", smppModes, name)
			return err
		})
	case "tls":
		return s.unmarshalTLS(d)
	case "rate":
		return unmarshalRate(d, &s.Rate)
	case "timeouts":
		return s.unmarshalTimeouts(d)
	case "source_addr":
		s.SourceAddr = d.RemainingArgs()
		return checkEach(d, s.SourceAddr, notEmpty)
	case "source_numbering":
		return unmarshalNumbering(d, option, &s.SourceNumbering)
	case "dest_numbering":
		return unmarshalNumbering(d, option, &s.DestNumbering)
	case "esm_class":
		return unmarshalOctet(d, option, &s.ESMClass)
	case "data_coding":
		s.DataCoding = new(uint8)
		return unmarshalOctet(d, option, s.DataCoding)
	case "tlv":
		return s.unmarshalTLV(d)
	case "languages":
		return s.unmarshalLanguages(d)
	case "command_status":
		return s.unmarshalCommandStatus(d)
	case "receipts":
		return s.unmarshalReceipts(d)
	case "messages":
		return s.unmarshalMessages(d)
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
}

// textOption returns where an option of one text is kept, or nil.
func (s *SMPP) textOption(option string) *string {
	return map[string]*string{
		"system_id": &s.SystemID, "password": &s.Password, "system_type": &s.SystemType,
		"interface_version": &s.InterfaceVersion, "address_range": &s.AddressRange,
		"dest_addr": &s.DestAddr, "text": &s.Text, "hex": &s.Hex, "service_type": &s.ServiceType,
		"registered_delivery": &s.RegisteredDelivery, "protocol_id": &s.ProtocolID, "priority": &s.Priority,
		"validity_period": &s.ValidityPeriod, "schedule_delivery_time": &s.ScheduleDeliveryTime,
	}[option]
}

// namedOption returns what reads the value of an option with a few of them, or
// nil.
func (s *SMPP) namedOption(option string) textUnmarshaler {
	switch option {
	case "source_choice":
		return &s.SourceChoice
	case "default_alphabet":
		return &s.DefaultAlphabet
	case "long_messages":
		return &s.LongMessages
	case "duplicates":
		return &s.Duplicates
	case "pdu":
		return &s.PDU
	case "delivered_on":
		return &s.DeliveredOn
	case "message_id":
		return &s.MessageID
	default:
		return nil
	}
}

// flagOption returns where an option without a value is kept, or nil.
func (s *SMPP) flagOption(option string) *bool {
	return map[string]*bool{
		"replace_if_present": &s.ReplaceIfPresent, "user_message_reference": &s.UserMessageReference,
		"allow_latin1": &s.AllowLatin1, "transliterate": &s.Transliterate, "flash": &s.Flash,
	}[option]
}

// numberOption returns where a number is kept, and from where to where it may
// be.
func (s *SMPP) numberOption(option string) (number *int, least, most int) {
	switch option {
	case "sessions":
		return &s.Sessions, 1, smppMaxSessions
	case "window":
		return &s.Window, 1, smppMaxWindow
	case "max_parts":
		return &s.MaxParts, 1, smppMaxParts
	default:
		return nil, 0, 0
	}
}

// unmarshalRate parses a number of messages in a time.
func unmarshalRate(d *caddyfile.Dispenser, into *float64) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	if per, ok := seconds[unit]; ok && err == nil && n > 0 && n <= smppMaxRate*per {
		*into = n / per
		return nil
	}
	return d.Errf("rate: '%s' is not a number of messages such as 100/s, 30/m or 500/h", text)
}

func notEmpty(value string) error {
	if value == "" {
		return errors.New("a value must not be empty")
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*SMPP)(nil)
