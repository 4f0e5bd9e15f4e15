package caddymodule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// smppResolver deals with placeholders: when the config is loaded they are
// resolved, and when a Caddyfile is adapted it can't be known what they will be.
type smppResolver struct {
	// adapting is set if what text returns may only stand in for a value.
	adapting bool
	text     func(string) (string, error)
	template func(string) (*relay.Template, error)
}

var smppAtLoad = smppResolver{
	text:     resolveSecret,
	template: func(text string) (*relay.Template, error) { return relay.ParseTemplate(text, resolveAtLoad) },
}

// smppAtAdapt has something valid stand in for what has placeholders that are
// resolved later.
var smppAtAdapt = smppResolver{
	adapting: true,
	text: func(text string) (string, error) {
		if strings.Contains(text, "{") {
			return "later:1", nil // an address, too
		}
		return text, nil
	},
	template: func(text string) (*relay.Template, error) {
		later := false
		t, err := relay.ParseTemplate(text, func(string) (string, error) {
			later = true
			return "", nil
		})
		if err == nil && later {
			return relay.ParseTemplate("{event.id}", nil) // not a constant, so its value is not checked
		}
		return t, err
	},
}

// build sets up the configs of the bridge.
func (s *SMPP) build(resolve smppResolver) error {
	if err := s.buildBind(resolve); err != nil {
		return err
	}
	if err := s.buildMessage(resolve); err != nil {
		return err
	}
	return s.buildInbound()
}

// The names of what is a number in PDUs.
var (
	smppModes    = map[string]pdu.BindMode{"transceiver": pdu.BindTransceiver, "transmitter": pdu.BindTransmitter, "receiver": pdu.BindReceiver}
	smppVersions = map[string]pdu.InterfaceVersion{"": pdu.Version34, "3.3": pdu.Version33, "3.4": pdu.Version34, "5.0": pdu.Version50}
	smppReceipts = map[string]pdu.RegisteredDelivery{
		"none":    pdu.RegisteredDeliveryNone,
		"final":   pdu.RegisteredDeliveryFinal,
		"failure": pdu.RegisteredDeliveryFailure,
		"all":     pdu.RegisteredDeliveryFinal | pdu.RegisteredDeliveryIntermediate,
	}
)

// lookUp returns what a name of an option stands for.
func lookUp[T any](option string, names map[string]T, name string) (T, error) {
	value, ok := names[name]
	if !ok {
		known := slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return name == "" })
		return value, fmt.Errorf("%s: unknown choice '%s'; there are: %s", option, name, strings.Join(known, ", "))
	}
	return value, nil
}

func (s *SMPP) buildMessage(resolve smppResolver) (err error) {
	c := &s.config
	for _, text := range s.SourceAddr {
		t, err := resolve.template(text)
		if err != nil {
			return fmt.Errorf("source_addr: %w", err)
		}
		c.SourceAddrs = append(c.SourceAddrs, t)
	}
	for _, field := range []struct {
		option, text string
		into         **relay.Template
	}{
		{"dest_addr", s.DestAddr, &c.DestAddr},
		{"text", s.Text, &c.Text},
		{"hex", s.Hex, &c.Hex},
		{"service_type", s.ServiceType, &c.ServiceType},
		{"protocol_id", s.ProtocolID, &c.ProtocolID},
		{"priority", s.Priority, &c.Priority},
		{"validity_period", s.ValidityPeriod, &c.ValidityPeriod},
		{"schedule_delivery_time", s.ScheduleDeliveryTime, &c.ScheduleDeliveryTime},
	} {
		if field.text == "" {
			continue
		}
		if *field.into, err = resolve.template(field.text); err != nil {
			return fmt.Errorf("%s: %w", field.option, err)
		}
	}
	for _, tlv := range s.TLVs {
		value, err := resolve.template(tlv.Value)
		if err != nil {
			return fmt.Errorf("tlv %#x: %w", tlv.Tag, err)
		}
		if tlv.Tag == 0 || tlv.Value == "" {
			return errors.New("tlv: it needs a tag from 1 and a value")
		}
		c.TLVs = append(c.TLVs, smppbridge.TLV{Tag: pdu.Tag(tlv.Tag), Type: tlv.Type, Value: value})
	}
	c.SourceChoice, c.SourceKind, c.DestKind = s.SourceChoice, s.SourceNumbering.kind(), s.DestNumbering.kind()
	c.ESMClass, c.ReplaceIfPresent = pdu.ESMClass(s.ESMClass), s.ReplaceIfPresent
	c.UserMessageReference, c.Duplicates = s.UserMessageReference, s.Duplicates
	c.Coding = coding.Config{
		Default: s.DefaultAlphabet, DataCoding: s.DataCoding, Flash: s.Flash, Latin1: s.AllowLatin1,
		Languages: s.Languages, Transliterate: s.Transliterate, Transport: s.LongMessages, MaxParts: s.MaxParts,
	}
	c.Operation, c.DeliveredOn = s.PDU, s.DeliveredOn
	c.Overrides, err = s.overrides()
	return err
}

func (n *SMPPNumbering) kind() *smppbridge.AddressKind {
	if n == nil {
		return nil
	}
	return &smppbridge.AddressKind{TON: pdu.TON(n.TON), NPI: pdu.NPI(n.NPI)}
}

func (s *SMPP) overrides() (status.Overrides, error) {
	lines := make([]string, 0, len(s.CommandStatus))
	for _, code := range slices.Sorted(maps.Keys(s.CommandStatus)) {
		lines = append(lines, code+" "+s.CommandStatus[code])
	}
	overrides, err := status.ParseOverrides(lines...)
	if err != nil {
		return nil, fmt.Errorf("command_status: %w", err)
	}
	return overrides, nil
}

// buildInbound says where what comes back goes.
func (s *SMPP) buildInbound() (err error) {
	c := &s.config
	asked := s.RegisteredDelivery
	if asked == "" {
		asked = "none"
		if s.Receipts != nil || s.DeliveredOn == smppbridge.OnReceipt {
			asked = "final"
		}
	}
	if c.RegisteredDelivery, err = lookUp("registered_delivery", smppReceipts, asked); err != nil {
		return err
	}
	if r := s.Receipts; r != nil {
		if err := checkEventType("receipts", r.Type); err != nil {
			return err
		}
		c.Receipts, c.ReceiptType = smppRoute(r.To), r.Type
		c.ReceiptTime = time.Duration(r.Expire)
		if c.Location, err = time.LoadLocation(r.TimeZone); err != nil {
			return fmt.Errorf("receipts: time_zone: %w", err)
		}
	}
	if m := s.Messages; m != nil {
		if err := checkEventType("messages", m.Type); err != nil {
			return err
		}
		c.Messages, c.MessageType = smppRoute(m.To), m.Type
	}
	return nil
}

// checkEventType refuses what can't be the type of events.
func checkEventType(block, name string) error {
	if strings.Contains(name, "{") || len(name) > relay.MaxIDLength {
		return fmt.Errorf("%s: the type must have no placeholders, and not be long", block)
	}
	return nil
}

// smppRoute returns the destinations of routes as the bridge wants them.
func smppRoute(routes []Route) smppbridge.Route {
	names := routeNames(routes)
	return smppbridge.Route{To: func(*relay.Event) []string { return names }}
}

// routeNames returns the destinations that routes name, each once.
func routeNames(routes []Route) (names []string) {
	for _, route := range routes {
		for _, name := range route.Destinations {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
