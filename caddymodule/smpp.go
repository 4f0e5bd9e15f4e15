package caddymodule

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

func init() {
	caddy.RegisterModule(SMPP{})
}

// SMPP delivers events as short messages, over sessions that it keeps bound to
// an SMSC (SMPP 3.4, and 5.0 where that differs). What comes back over them,
// delivery receipts and messages of mobile phones, can become events as well,
// whose source is the name of the destination.
//
// An event is delivered when the SMSC has answered each part of its message with
// the status 0. After other answers it is tried again, at once and more slowly,
// later, or never, as the status says. If it stays unknown whether the SMSC has
// taken a message, `duplicates` says whether to send it again.
//
// ### Addresses
//
// The addresses of the SMSC are those of the config and of nothing else, so
// private ones need no permission.
//
// ### Reloads
//
// Sessions stay bound while one config replaces another, as long as the settings
// that concern them are the same. Destinations with the same ones share their
// sessions.
//
// ### Placeholders
//
// Placeholders such as `{env.*}` and `{file.*}` are replaced when the config is
// loaded; one that is unset or empty is an error. The fields of messages can also
// have the placeholders `{event.*}`, which are replaced in each message:
// `source_addr`, `dest_addr`, `text`, `hex`, `service_type`, `protocol_id`,
// `priority`, `validity_period`, `schedule_delivery_time`, and the values of
// `tlvs`. An event whose values make no message becomes a dead letter.
type SMPP struct {
	// The addresses of the SMSC, as `host:port`. They are tried in turn, from
	// the first. At least one is required.
	Addresses []string `json:"addresses,omitempty"`

	// How to bind: `transceiver`, `transmitter`, or both `transmitter` and
	// `receiver`. Default: `transceiver`.
	Bind []string `json:"bind,omitempty"`

	// How many sessions to keep bound, of each kind in `bind`. Default: 1.
	Sessions int `json:"sessions,omitempty"`

	// The account at the SMSC, at most 15 characters. Required.
	SystemID string `json:"system_id,omitempty"`

	// Its password. Default: none.
	Password string `json:"password,omitempty"`

	// The kind of system that we are, if the SMSC wants to know, at most 12
	// characters. Default: none.
	SystemType string `json:"system_type,omitempty"`

	// The version of SMPP to bind with: `3.3`, `3.4` or `5.0`. Default: `3.4`.
	InterfaceVersion string `json:"interface_version,omitempty"`

	// The addresses that are ours, as the SMSC writes them. Few want this.
	// Default: none.
	AddressRange string `json:"address_range,omitempty"`

	// How to encrypt connections. Default: they are not encrypted.
	TLS *SMPPTLS `json:"tls,omitempty"`

	// How many messages of a session may wait for their answers, from 1 to
	// 10000. Default: 10.
	Window int `json:"window,omitempty"`

	// How many messages a second all sessions together send at most; parts of
	// long messages count. Default: as many as the SMSC takes.
	Rate float64 `json:"rate,omitempty"`

	// How long to wait for what.
	Timeouts *SMPPTimeouts `json:"timeouts,omitempty"`

	// The senders of messages: numbers, or up to 11 letters and digits. Of
	// several, `source_choice` takes one. Default: the SMSC sets the sender.
	SourceAddr []string `json:"source_addr,omitempty"`

	// How one of several senders is taken: `round_robin`, or `sticky`, which
	// takes the same one for the same recipient. Default: `round_robin`.
	SourceChoice smppbridge.SourceChoice `json:"source_choice,omitempty"`

	// The type of number and numbering plan of senders. Default: found out.
	SourceNumbering *SMPPNumbering `json:"source_numbering,omitempty"`

	// The recipient: a telephone number, with or without `+` before its country
	// code. Each of several, in a JSON array or separated by commas, has a
	// delivery of its own. Required.
	DestAddr string `json:"dest_addr,omitempty"`

	// The type of number and numbering plan of recipients. Default: found out.
	DestNumbering *SMPPNumbering `json:"dest_numbering,omitempty"`

	// The text. Default: empty.
	Text string `json:"text,omitempty"`

	// A binary message instead of a text, in hexadecimal digits. Its data_coding
	// is 4 unless `data_coding` has another.
	Hex string `json:"hex,omitempty"`

	// Which receipts to ask for: `none`, `final` (delivered or failed),
	// `failure` (failed only), or `all` (also on the way). Default: `final` if
	// there are `receipts`, or with `delivered_on receipt`, else `none`.
	RegisteredDelivery string `json:"registered_delivery,omitempty"`

	// The service_type, at most 5 characters. Default: empty.
	ServiceType string `json:"service_type,omitempty"`

	// The esm_class, from 0 to 255: messaging mode and features. What the parts
	// of long messages need is added. Default: 0.
	ESMClass uint8 `json:"esm_class,omitempty"`

	// The protocol_id, from 0 to 255. Default: 0.
	ProtocolID string `json:"protocol_id,omitempty"`

	// The priority_flag, from 0 to 3. Default: 0.
	Priority string `json:"priority,omitempty"`

	// How long the SMSC tries to deliver a message: a period such as `90m` or
	// `7d`, or a time as in RFC 3339 or SMPP. Default: up to the SMSC.
	ValidityPeriod string `json:"validity_period,omitempty"`

	// When the SMSC begins to deliver a message, written in the same ways.
	// Default: at once.
	ScheduleDeliveryTime string `json:"schedule_delivery_time,omitempty"`

	// Whether a message replaces one of the same addresses and `service_type`
	// that the SMSC still has. Default: `false`.
	ReplaceIfPresent bool `json:"replace_if_present,omitempty"`

	// Optional parameters of all messages.
	TLVs []SMPPTLV `json:"tlvs,omitempty"`

	// Whether messages have a user_message_reference, the same on each try, by
	// which the SMSC can tell copies. Default: `false`.
	UserMessageReference bool `json:"user_message_reference,omitempty"`

	// The operation to send messages with: `submit_sm`, `data_sm`, or
	// `deliver_sm`, which some services take that we are bound to. Default:
	// `submit_sm`.
	PDU smppbridge.Operation `json:"pdu,omitempty"`

	// What data_coding 0 means to the SMSC, in both directions: `gsm7`,
	// `gsm7_packed`, `ascii`, `latin1` or `utf-8`. Default: `gsm7`.
	DefaultAlphabet coding.Charset `json:"default_alphabet,omitempty"`

	// The data_coding of all messages, from 0 to 255. Default: that with the
	// fewest parts which carries the text.
	DataCoding *uint8 `json:"data_coding,omitempty"`

	// Whether data_coding 3 (Latin-1) may be chosen. Many networks do not carry
	// it well. Default: `false`.
	AllowLatin1 bool `json:"allow_latin1,omitempty"`

	// The national language tables of GSM 03.38 that may be chosen, as ISO 639-1
	// codes: `tr`, `es`, `pt`, `bn`, `gu`, `hi`, `kn`, `ml`, `or`, `pa`, `ta`,
	// `te` and `ur`. Default: none.
	Languages []coding.Language `json:"languages,omitempty"`

	// Whether to replace characters that GSM 03.38 does not have by such as look
	// alike, if that saves a text from UCS-2. Default: `false`.
	Transliterate bool `json:"transliterate,omitempty"`

	// Whether phones show messages at once and do not store them. Default:
	// `false`.
	Flash bool `json:"flash,omitempty"`

	// How the parts of long messages are marked: `udh8` or `udh16`, a header
	// with a reference of 8 or 16 bits; `sar`, the parameters of SMPP; or
	// `payload`, which leaves it to the SMSC to divide the text. Default: `udh8`.
	LongMessages coding.Transport `json:"long_messages,omitempty"`

	// How many parts a message may have, from 1 to 255. Default: 10.
	MaxParts int `json:"max_parts,omitempty"`

	// What a command_status means, if it is something else at this SMSC:
	// `permanent`, `retry`, `throttle`, `rebind`, `bind_refused` or `ambiguous`,
	// by its name or number, such as `ESME_RSYSERR`, `0x58` or `88`.
	CommandStatus map[string]string `json:"command_status,omitempty"`

	// Whether a message is sent again if it is unknown whether the SMSC has taken
	// it: `avoid` makes it a dead letter, and `allow` may send it twice.
	// Default: `avoid`.
	Duplicates smppbridge.Duplicates `json:"duplicates,omitempty"`

	// When an event is delivered: on the `response` of the SMSC, or on the
	// `receipt` that says so. If that tells of a failure, or does not come, there
	// is a dead letter. Default: `response`.
	DeliveredOn smppbridge.DeliveredOn `json:"delivered_on,omitempty"`

	// How the message_id of a receipt is written, compared with that of the
	// response: `as_is`; `fold`, also in other case; `strip`, also without zeros
	// at the beginning; `hex_to_dec`; or `dec_to_hex`. `auto` finds out which.
	// Default: `auto`.
	MessageID receipt.Rule `json:"message_id,omitempty"`

	// Where delivery receipts go. Default: they are answered and forgotten.
	Receipts *SMPPReceipts `json:"receipts,omitempty"`

	// Where messages of mobile phones go. Default: they are answered and
	// forgotten.
	Messages *SMPPMessages `json:"messages,omitempty"`

	config smppbridge.Config
	bind   smppbridge.BindConfig
}

// CaddyModule returns the Caddy module information.
func (SMPP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay.destinations.smpp",
		New: func() caddy.Module { return new(SMPP) },
	}
}
