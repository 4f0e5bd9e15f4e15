package smppbridge

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// The values of a Config's fields that are left zero.
const (
	DefaultWaitTimeout = 30 * time.Second
	DefaultReceiptTime = 7 * 24 * time.Hour
	DefaultReceiptType = "smpp.receipt"
	DefaultMessageType = "smpp.message"
)

// Duplicates says what to do if it is unknown whether the SMSC has taken a
// message.
type Duplicates uint8

const (
	// AvoidDuplicates does not send such a message again: it becomes a dead
	// letter that says so.
	AvoidDuplicates Duplicates = iota
	// AllowDuplicates sends it again, so that the recipient may get it twice.
	AllowDuplicates
)

var duplicatesNames = [...]string{"avoid", "allow"}

// UnmarshalText reads avoid or allow.
func (d *Duplicates) UnmarshalText(text []byte) error {
	return parseName(d, duplicatesNames[:], text)
}

// MarshalText writes avoid or allow.
func (d Duplicates) MarshalText() ([]byte, error) { return []byte(duplicatesNames[d]), nil }

// DeliveredOn says when an event is delivered.
type DeliveredOn uint8

const (
	// OnResponse is once the SMSC has taken all parts of the message.
	OnResponse DeliveredOn = iota
	// OnReceipt is once the SMSC reports that the message was delivered. If it
	// reports a failure, or nothing in time, there is a dead letter.
	OnReceipt
)

var deliveredOnNames = [...]string{"response", "receipt"}

// UnmarshalText reads response or receipt.
func (o *DeliveredOn) UnmarshalText(text []byte) error {
	return parseName(o, deliveredOnNames[:], text)
}

// MarshalText writes response or receipt.
func (o DeliveredOn) MarshalText() ([]byte, error) { return []byte(deliveredOnNames[o]), nil }

// Config describes a [Destination]. The templates are executed for each
// delivery; a nil one is empty.
type Config struct {
	// Name is that of the destination. It is the source of what comes back.
	Name string
	// SourceAddrs are the senders, of which SourceChoice takes one. None leaves
	// the sender to the SMSC.
	SourceAddrs  []*relay.Template
	SourceChoice SourceChoice
	// DestAddr is the recipient: a telephone number, with or without "+", whose
	// digits may be grouped.
	DestAddr *relay.Template
	// SourceKind and DestKind replace the type and plan of numbers that are
	// found out otherwise.
	SourceKind, DestKind *AddressKind
	// Text is the message. Hex is a binary one instead, in hexadecimal digits;
	// its data_coding is 4 unless Coding has another.
	Text, Hex *relay.Template
	// ServiceType has at most 5 characters.
	ServiceType *relay.Template
	// ProtocolID (0 to 255) and Priority (0 to 3) are numbers. Default: 0.
	ProtocolID, Priority *relay.Template
	// ValidityPeriod and ScheduleDeliveryTime are periods from now, such as 90m
	// or 7d, times as in RFC 3339, or in the format of SMPP. Default: those of
	// the SMSC, which are its own limit, and at once.
	ValidityPeriod, ScheduleDeliveryTime *relay.Template
	// ReplaceIfPresent has the SMSC replace a message of the same addresses and
	// service_type that it still has.
	ReplaceIfPresent bool
	// ESMClass has the messaging mode and features; what the parts of a long
	// message need is added.
	ESMClass pdu.ESMClass
	// RegisteredDelivery says which receipts to ask for. Default: none.
	RegisteredDelivery pdu.RegisteredDelivery
	// TLVs are added to each part.
	TLVs []TLV
	// UserMessageReference adds a number of the delivery and part to each part,
	// the same on each try, by which the SMSC can tell copies.
	UserMessageReference bool
	// Operation is what messages are sent with. Default: submit_sm.
	Operation Operation
	// Coding says what the SMSC understands, and how long messages are sent.
	Coding coding.Config
	// Overrides are the classes of command_status that the SMSC uses in its own
	// way.
	Overrides status.Overrides
	// Duplicates says what to do if the outcome is unknown. Default: avoid.
	Duplicates Duplicates
	// WaitTimeout is how long a delivery waits for a session that is bound; for
	// room in its window it waits longer by the time of a response. Default: 30
	// seconds.
	WaitTimeout time.Duration
	// Receipts and Messages say where what comes back goes.
	Receipts, Messages Route
	// ReceiptType and MessageType are the types of their events. Default:
	// smpp.receipt and smpp.message.
	ReceiptType, MessageType string
	// DeliveredOn says when an event is delivered. Default: on the response.
	DeliveredOn DeliveredOn
	// ReceiptTime is how long receipts are expected. After that, an event says
	// that there was none. Default: 7 days.
	ReceiptTime time.Duration
	// Location is where dates of receipts are, which have no zone. Default: UTC.
	Location *time.Location
	// Store keeps what comes back and what it is joined with.
	Store Store
	// Logger may be nil. It gets no texts, and no addresses at info and above.
	Logger *slog.Logger
	// Observer may be nil.
	Observer Observer
}

// Validate returns the error that [New] would.
func (c *Config) Validate() error {
	_, err := c.compile()
	return err
}

// New returns a destination that submits over binds. It gets no receipts and
// messages before [Destination.Start].
func New(c Config, binds *Binds) (*Destination, error) {
	d, err := c.compile()
	if err != nil {
		return nil, err
	}
	if binds == nil {
		return nil, errors.New("a destination needs binds")
	}
	d.binds = binds
	return d, nil
}

// compile does all of [New] but the binds.
func (c *Config) compile() (*Destination, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	d := &Destination{cfg: *c, references: coding.NewReferences()}
	d.cfg.WaitTimeout = cmp.Or(c.WaitTimeout, DefaultWaitTimeout)
	d.cfg.ReceiptTime = cmp.Or(c.ReceiptTime, DefaultReceiptTime)
	d.cfg.ReceiptType = cmp.Or(c.ReceiptType, DefaultReceiptType)
	d.cfg.MessageType = cmp.Or(c.MessageType, DefaultMessageType)
	if d.cfg.Logger == nil {
		d.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if d.cfg.Observer == nil {
		d.cfg.Observer = nopObserver{}
	}
	// What comes in has nothing to do with how messages are sent.
	inbound, err := coding.New(coding.Config{Default: c.Coding.Default})
	if err != nil {
		return nil, err
	}
	d.meaning = d.means
	d.inbound, d.parser = inbound, receipt.NewParser(inbound, c.Location)
	outbound := c.Coding
	if c.Hex != nil && outbound.DataCoding == nil {
		octets := byte(pdu.DataCodingOctet)
		outbound.DataCoding = &octets
	}
	d.coder, err = coding.New(outbound)
	if err == nil && c.Hex != nil && d.coder.Meaning(*outbound.DataCoding).Charset != coding.Binary {
		err = errors.New("a binary message needs a data_coding that is binary, such as 4 or 0xf5")
	}
	return d, err
}

// check refuses what can't work for any event.
func (c *Config) check() error {
	switch {
	case c.Name == "":
		return errors.New("the destination has no name")
	case c.DestAddr == nil:
		return errors.New("no dest_addr")
	case c.Text != nil && c.Hex != nil:
		return errors.New("a message has either a text or hex")
	case c.WaitTimeout < 0 || c.ReceiptTime < 0:
		return errors.New("times must not be negative")
	case c.Duplicates > AllowDuplicates || c.SourceChoice > Sticky || c.DeliveredOn > OnReceipt || c.Operation > DeliverSM:
		return errors.New("unknown choice")
	case c.Store == nil:
		return errors.New("a destination needs a store")
	case c.Operation == DataSM && (c.ProtocolID != nil || c.Priority != nil || c.ValidityPeriod != nil || c.ScheduleDeliveryTime != nil || c.ReplaceIfPresent):
		return errors.New("data_sm has no protocol_id, priority, validity_period, schedule_delivery_time and replace_if_present")
	case c.Operation == DeliverSM && (c.ValidityPeriod != nil || c.ScheduleDeliveryTime != nil || c.ReplaceIfPresent):
		return errors.New("deliver_sm has no validity_period, schedule_delivery_time and replace_if_present")
	case c.Operation == DeliverSM && (c.DeliveredOn == OnReceipt || c.RegisteredDelivery != 0 || c.Receipts.To != nil):
		return errors.New("there are no receipts for deliver_sm")
	case c.DeliveredOn == OnReceipt && !c.reported():
		return errors.New("delivered_on receipt needs receipts in any case: registered_delivery has to be final or all")
	case c.ESMClass.UDHI() && c.Hex == nil:
		return errors.New("only a message in hex can have its own user data header")
	}
	if len(c.TLVs) > maxTLVs {
		return fmt.Errorf("%d TLVs, the limit is %d", len(c.TLVs), maxTLVs)
	}
	for i := range c.TLVs {
		if err := c.TLVs[i].check(c.UserMessageReference); err != nil {
			return err
		}
	}
	return c.checkConstants()
}

// reported tells whether there is a receipt for each message, if all is well.
func (c *Config) reported() bool {
	return c.RegisteredDelivery.Receipt() == pdu.RegisteredDeliveryFinal
}

// checkConstants finds values that are wrong for each event, since they do not
// depend on it.
func (c *Config) checkConstants() error {
	var f fields
	for _, step := range c.renderers() {
		constant := true
		for _, t := range step.templates {
			if t != nil {
				_, ok := t.Constant()
				constant = constant && ok
			}
		}
		if !constant {
			continue
		}
		if err := step.render(c, &f, nil); err != nil {
			return err
		}
	}
	return nil
}

// parseName reads one of the names of an enumeration.
func parseName[T ~uint8](v *T, names []string, text []byte) error {
	for i, name := range names {
		if string(text) == name {
			*v = T(i) //nolint:gosec // There are a few names.
			return nil
		}
	}
	return fmt.Errorf("unknown choice '%s': use one of %s", text, joinNames(names))
}
