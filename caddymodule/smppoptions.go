package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/smppbridge"
)

// SMPPNumbering is what kind of number an address is.
type SMPPNumbering struct {
	// The type of number (TON), from 0 to 255: 0 unknown, 1 international,
	// 2 national, 3 network specific, 5 alphanumeric.
	TON uint8 `json:"ton"`

	// The numbering plan indicator (NPI), from 0 to 255: 0 unknown, 1 ISDN
	// (E.164).
	NPI uint8 `json:"npi"`
}

// SMPPTLV is an optional parameter of messages. It is left out of a message in
// which its value is empty.
type SMPPTLV struct {
	// The number of the parameter, from 1 to 65535. Required.
	Tag uint16 `json:"tag,omitempty"`

	// How the value is written: `string`, `cstring` (a NUL is added), `hex`, or
	// a number, `uint8`, `uint16` or `uint32`. Default: `string`.
	Type smppbridge.TLVType `json:"type,omitempty"`

	// The value. Required.
	Value string `json:"value,omitempty"`
}

// SMPPTLS says how connections to the SMSC are encrypted.
type SMPPTLS struct {
	// The authorities whose certificates are trusted. Default: those of the
	// system.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// The name that the certificate must have. Default: the host of the address.
	ServerName string `json:"server_name,omitempty"`

	// Our own certificate, a PEM file, if the SMSC wants one.
	ClientCertificateFile string `json:"client_certificate_file,omitempty"`

	// The key of that, a PEM file.
	ClientCertificateKeyFile string `json:"client_certificate_key_file,omitempty"`

	// Whether to trust any certificate, so that whoever is in between can read
	// the password and all messages. Default: `false`.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// SMPPTimeouts says how long to wait for what. Where -1 is possible, it means
// never.
type SMPPTimeouts struct {
	// For a connection, TLS included, to each of the addresses. Default: `10s`.
	Connect caddy.Duration `json:"connect,omitempty"`

	// For the answer to a bind. Default: `30s`.
	Bind caddy.Duration `json:"bind,omitempty"`

	// For the answer to a message. Do not make it short: an SMSC that answers
	// late has taken the message nevertheless. Default: `60s`.
	Response caddy.Duration `json:"response,omitempty"`

	// For a session that is bound, before a delivery makes room for another.
	// Default: `30s`.
	Session caddy.Duration `json:"session,omitempty"`

	// Without anything from the SMSC, until it is asked with enquire_link; -1
	// never asks. Default: `30s`.
	EnquireLink caddy.Duration `json:"enquire_link,omitempty"`

	// For the answer to enquire_link, before the connection is closed. Default:
	// `10s`.
	EnquireLinkResponse caddy.Duration `json:"enquire_link_response,omitempty"`

	// Without anything from the SMSC at all, until the session is unbound; -1
	// never does. Default: `5m`, and never for a transmitter.
	Inactivity caddy.Duration `json:"inactivity,omitempty"`

	// Before a session is bound again for the first time. Default: `1s`.
	Reconnect caddy.Duration `json:"reconnect,omitempty"`

	// Before that when it has failed again and again. Default: `1m`.
	MaxReconnect caddy.Duration `json:"max_reconnect,omitempty"`
}

// SMPPReceipts says what becomes of delivery receipts.
type SMPPReceipts struct {
	// The type of their events. Default: `smpp.receipt`.
	Type string `json:"type,omitempty"`

	// The destinations that get them. Required unless messages are delivered on
	// the receipt.
	To []Route `json:"to,omitempty"`

	// How long after a message its receipts are expected, and can be joined with
	// the event that it came from. Default: 7 days.
	Expire caddy.Duration `json:"expire,omitempty"`

	// The time zone of the dates in receipts, such as `Europe/Paris`, since they
	// say none themselves. Default: `UTC`.
	TimeZone string `json:"time_zone,omitempty"`
}

// SMPPMessages says what becomes of messages that mobile phones send.
type SMPPMessages struct {
	// The type of their events. Default: `smpp.message`.
	Type string `json:"type,omitempty"`

	// The destinations that get them. Required.
	To []Route `json:"to,omitempty"`
}
