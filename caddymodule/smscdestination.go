package caddymodule

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/smsc"
)

func init() {
	caddy.RegisterModule(SMSCDestination{})
}

// SMSCDestination delivers events as short messages (deliver_sm) to a client that
// is bound to an SMSC of ours as receiver or transceiver. Of several sessions, the
// one with the most room in its window gets the next message. With `receipts`, it
// delivers events that tell what became of messages of clients, as the delivery
// receipts that these have asked for.
//
// An event is delivered when the client has answered each part of its message
// with the status 0. While none of its sessions is bound, and after answers such
// as ESME_RX_T_APPN, it is tried again; after those that say that the message will
// never be taken, such as ESME_RX_P_APPN, it becomes a dead letter. A part whose
// answer did not come is sent again, so the client may get it twice.
//
// ### Placeholders
//
// `source_addr`, `dest_addr`, `text` and `hex` can have the placeholders
// `{event.*}`, which are replaced in each message. All others, such as `{env.*}`,
// are replaced when the config is loaded.
type SMSCDestination struct {
	// The name of the SMSC. Required.
	SMSC string `json:"smsc,omitempty"`

	// The account there whose sessions get the messages. Required, but with
	// `receipts` it must be left out.
	SystemID string `json:"system_id,omitempty"`

	// Whether events are receipts. Each goes to the account that has submitted the
	// message, if that has asked for it with registered_delivery. Events are those of
	// `smpp` destinations with `receipts`, or any whose body is JSON with the member
	// `event.id`, which is the message_id of the message, and `state`:
	// `delivered`, `undeliverable`, `expired`, `deleted`, `rejected`, `skipped`,
	// `unknown`, `scheduled`, `enroute` or `accepted`. All other members are
	// optional: `final`, `done_date`, `error`, `network_error_code`, and `whole`. Of
	// the other options there are only `default_alphabet` and `wait` then. Default:
	// `false`.
	Receipts bool `json:"receipts,omitempty"`

	// The sender: a number, with or without `+`, or up to 11 letters and digits.
	// Default: empty.
	SourceAddr string `json:"source_addr,omitempty"`

	// The recipient, written in the same ways. Required without `receipts`.
	DestAddr string `json:"dest_addr,omitempty"`

	// The text. Default: empty.
	Text string `json:"text,omitempty"`

	// A binary message instead of a text, in hexadecimal digits. Its data_coding
	// is 4 unless `data_coding` has another.
	Hex string `json:"hex,omitempty"`

	// What messages are sent as, `deliver_sm` or `data_sm`. Default: `deliver_sm`.
	PDU string `json:"pdu,omitempty"`

	// What data_coding 0 means to the client: `gsm7`, `gsm7_packed`, `ascii`,
	// `latin1` or `utf-8`. Default: `gsm7`.
	DefaultAlphabet coding.Charset `json:"default_alphabet,omitempty"`

	// The data_coding of all messages, from 0 to 255. Default: that with the
	// fewest parts which carries the text.
	DataCoding *uint8 `json:"data_coding,omitempty"`

	// Whether the message is to be shown at once, and not stored (class 0). Default:
	// `false`.
	Flash bool `json:"flash,omitempty"`

	// How the parts of long messages are marked: `udh8` or `udh16`, a header with
	// a reference of 8 or 16 bits; `sar`, the parameters of SMPP; or `payload`,
	// which sends a long text in one piece. Default: `udh8`.
	LongMessages coding.Transport `json:"long_messages,omitempty"`

	// How many parts a message may have, from 1 to 255. Default: 10.
	MaxParts int `json:"max_parts,omitempty"`

	// How long a delivery waits for a session that is bound and has room in its
	// window, before it is tried again later. Default: `30s`.
	Wait caddy.Duration `json:"wait,omitempty"`

	config  smsc.DestinationConfig
	receipt smsc.ReceiptConfig
}

// CaddyModule returns the Caddy module information.
func (SMSCDestination) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay.destinations.smsc",
		New: func() caddy.Module { return new(SMSCDestination) },
	}
}

// Provision resolves the placeholders.
func (d *SMSCDestination) Provision(caddy.Context) error { return d.build(smppAtLoad) }

// Validate implements caddy.Validator.
func (d *SMSCDestination) Validate() error { return d.check() }

// check returns the first error in what was built.
func (d *SMSCDestination) check() error {
	probe := *d // The server is known only once the app has its sources.
	probe.serve(func() *smsc.Server { return nil })
	_, err := probe.Destination(0)
	return err
}

// serve sets the server.
func (d *SMSCDestination) serve(server func() *smsc.Server) {
	d.config.Server, d.receipt.Server = server, server
}

// Destination implements [DestinationModule].
func (d *SMSCDestination) Destination(int) (relay.Destination, error) {
	if d.Receipts {
		return smsc.NewReceiptDestination(d.receipt)
	}
	return smsc.NewDestination(d.config)
}

// errReceiptOptions explains what there is with receipts.
var errReceiptOptions = errors.New("receipts have no other options than default_alphabet and wait")

// checkReceipts refuses what the messages say themselves, or what is always the
// same.
func (d *SMSCDestination) checkReceipts() error {
	rest := *d
	rest.SMSC, rest.SystemID, rest.Receipts, rest.DefaultAlphabet, rest.Wait = "", "", false, 0, 0
	switch {
	case d.SystemID != "":
		return errors.New("receipts go to the accounts that the messages came from, so there is no system_id")
	case !reflect.ValueOf(rest).IsZero():
		return errReceiptOptions
	default:
		return nil
	}
}

// smscOperations tells of the names of PDUs whether they are data_sm.
var smscOperations = map[string]bool{"": false, "deliver_sm": false, "data_sm": true}

func (d *SMSCDestination) build(resolve smppResolver) (err error) {
	if d.Receipts {
		if err := d.checkReceipts(); err != nil {
			return err
		}
		d.receipt = smsc.ReceiptConfig{Charset: d.DefaultAlphabet, WaitTimeout: time.Duration(d.Wait)}
		return nil
	}
	d.config = smsc.DestinationConfig{
		SystemID: d.SystemID, WaitTimeout: time.Duration(d.Wait),
		Coding: coding.Config{
			Default: d.DefaultAlphabet, DataCoding: d.DataCoding, Flash: d.Flash, Transport: d.LongMessages, MaxParts: d.MaxParts,
		},
	}
	if d.config.DataSM, err = lookUp("pdu", smscOperations, d.PDU); err != nil {
		return err
	}
	for _, field := range []struct {
		option, text string
		into         **relay.Template
	}{
		{"source_addr", d.SourceAddr, &d.config.SourceAddr},
		{"dest_addr", d.DestAddr, &d.config.DestAddr},
		{"text", d.Text, &d.config.Text},
		{"hex", d.Hex, &d.config.Hex},
	} {
		if field.text == "" {
			continue
		}
		if *field.into, err = resolve.template(field.text); err != nil {
			return fmt.Errorf("%s: %w", field.option, err)
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner = (*SMSCDestination)(nil)
	_ caddy.Validator   = (*SMSCDestination)(nil)
	_ DestinationModule = (*SMSCDestination)(nil)
)
