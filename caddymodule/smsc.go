package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

func init() {
	caddy.RegisterModule(SMSC{})
}

// smppPort is what IANA has registered for SMPP.
const smppPort = 2775

// smscNetworks are those that have connections.
var smscNetworks = []string{"tcp", "tcp4", "tcp6", "unix", "fd"}

// SMSC accepts sessions of SMPP clients (ESMEs), as the short message center of
// an operator does (SMPP 3.4). Each message that a client submits becomes an
// event, and is answered with a message_id once that is durable. Events can be
// delivered to clients by destinations of the type `smsc`.
//
// ### Events
//
// The id of an event is the message_id, its key the recipient, and its body is
// JSON:
//
// Field | Value
// ------|------
// `system_id` | the account
// `message_id`, `message_ids` | our id of the message, and of the parts of a long one
// `source_addr`, `dest_addr` | the addresses; `source_addr_ton`, `source_addr_npi` and so on have their kinds
// `text`, or `hex` | the text, whatever its coding was, or the octets of a binary message
// `parts`, `received`, `complete` | how many parts it has, which have come, and whether that is all
// `registered_delivery`, `data_coding`, `esm_class`, `service_type`, `protocol_id`, `priority`, `validity_period`, `schedule_delivery_time`, `user_message_reference`, `source_port`, `destination_port`, `tlvs` | what else the client said
//
// ### Reloads
//
// Sessions stay bound while one config replaces another, if the settings of
// accounts and sessions are the same. Where events go, and the certificate, can
// change all the same.
type SMSC struct {
	// The network address to listen on. Required. Default port: 2775.
	Listen string `json:"listen,omitempty"`

	// What clients are told to be bound to, at most 15 characters. Default: the
	// beginning of the name.
	SystemID string `json:"system_id,omitempty"`

	// Who may bind. Required.
	Accounts []*SMSCAccount `json:"accounts,omitempty"`

	// How to encrypt connections. Default: they are not encrypted.
	TLS *SMSCTLS `json:"tls,omitempty"`

	// What data_coding 0 means in messages of clients: `gsm7`, `gsm7_packed`,
	// `ascii`, `latin1` or `utf-8`. Default: `gsm7`.
	DefaultAlphabet coding.Charset `json:"default_alphabet,omitempty"`

	// How many connections there may be at a time, bound or not. Default: 2000.
	MaxConnections int `json:"max_connections,omitempty"`

	// How long to wait for what in a session.
	Timeouts *SMSCTimeouts `json:"timeouts,omitempty"`

	// How long a message with which receipts are asked for is kept for them, if
	// there is a destination that sends them. Default: 7 days.
	ReceiptExpire caddy.Duration `json:"receipt_expire,omitempty"`

	// The type of the events. Default: `smpp.submit`.
	EventType string `json:"event_type,omitempty"`

	// Where to relay events to. Required.
	To []Route `json:"to,omitempty"`

	ctx     caddy.Context
	config  smsc.Config
	route   smsc.Route
	address caddy.NetworkAddress
}

// SMSCAccount is a client that may bind.
type SMSCAccount struct {
	// Its name, at most 15 characters. Required.
	SystemID string `json:"system_id,omitempty"`

	// The hashes of its passwords, any of which may match: bcrypt or argon2id, as
	// `caddy hash-password` makes them. Placeholders such as `{env.NAME}` and
	// `{file.PATH}` are resolved when the config is loaded, and an unset or empty
	// one is an error. Required; at most 16.
	Passwords []string `json:"passwords,omitempty"`

	// The addresses, and prefixes such as `192.0.2.0/24`, that it may connect
	// from. Default: all.
	Allow []string `json:"allow,omitempty"`

	// How it may bind: `transmitter`, `receiver` and `transceiver`. Default: all.
	Bind []string `json:"bind,omitempty"`

	// How many sessions it may have at a time. Default: 10.
	MaxBinds int `json:"max_binds,omitempty"`

	// How many messages of a session may wait for their answers, in each
	// direction, from 1 to 10000. Default: 10 that are delivered to it, and 100
	// that it submits.
	Window int `json:"window,omitempty"`

	// How many messages a second all of its sessions together carry at most, in
	// each direction; parts of long messages count. What it submits beyond that is
	// refused with ESME_RTHROTTLED. Default: no limit.
	Rate float64 `json:"rate,omitempty"`
}

// SMSCTLS says how connections of clients are encrypted.
type SMSCTLS struct {
	// The certificate with its chain, a PEM file. Required.
	CertificateFile string `json:"certificate_file,omitempty"`

	// The key of that, a PEM file. Required.
	KeyFile string `json:"key_file,omitempty"`
}

// SMSCTimeouts says how long to wait for what. Where -1 is possible, it means
// never.
type SMSCTimeouts struct {
	// For the bind, once a client is connected. Default: `30s`.
	Bind caddy.Duration `json:"bind,omitempty"`

	// For the answer to a message, before it is delivered again later. Default:
	// `60s`.
	Response caddy.Duration `json:"response,omitempty"`

	// Without anything from the client, until it is asked with enquire_link; -1
	// never asks. Default: `30s`.
	EnquireLink caddy.Duration `json:"enquire_link,omitempty"`

	// For the answer to enquire_link, before the connection is closed. Default:
	// `10s`.
	EnquireLinkResponse caddy.Duration `json:"enquire_link_response,omitempty"`

	// Without anything from the client at all, until the session is unbound; -1
	// never does. Default: `5m`.
	Inactivity caddy.Duration `json:"inactivity,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (SMSC) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay.sources.smsc",
		New: func() caddy.Module { return new(SMSC) },
	}
}

// Provision resolves the placeholders. It does not listen yet.
func (s *SMSC) Provision(ctx caddy.Context) error {
	s.ctx = ctx
	if err := s.build(resolveSecret); err != nil {
		return err
	}
	s.route = smsc.Route{
		To: routeNames(s.To), Type: s.EventType, Logger: ctx.Slogger(), Observer: smscObserver{},
	}
	if s.TLS == nil {
		return nil
	}
	var err error
	if s.route.TLS, err = s.TLS.config(); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// Validate implements caddy.Validator.
func (s *SMSC) Validate() error { return s.check() }

// Interface guards
var (
	_ caddy.Provisioner = (*SMSC)(nil)
	_ caddy.Validator   = (*SMSC)(nil)
	_ SourceModule      = (*SMSC)(nil)
)
