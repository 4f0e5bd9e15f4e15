package smppbridge

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// maxText bounds what is encoded: more than 255 parts of anything.
const maxText = 64 << 10

// fields are what a message is made of, but for its parts.
type fields struct {
	source, dest         pdu.Address
	text                 string // or octets
	serviceType          string
	protocolID, priority uint8
	validity, schedule   string
	tlvs                 pdu.TLVs
}

// badField says why an event can't be a message. It never holds the value, which
// may be the text of the message or part of it.
type badField struct{ field, reason string }

func (e *badField) Error() string { return e.field + " " + e.reason }

func fieldError(field, reason string) error { return &badField{field, reason} }

func tooLong(field string, length, limit int) error {
	return fieldError(field, fmt.Sprintf("has %d characters, the limit is %d", length, limit))
}

// renderer fills in a part of the fields from its templates.
type renderer struct {
	templates []*relay.Template
	render    func(c *Config, f *fields, d *relay.Delivery) error
}

// renderers are those of fields that can be checked without an event if their
// templates have no placeholders.
func (c *Config) renderers() []renderer {
	steps := []renderer{
		{[]*relay.Template{c.DestAddr}, (*Config).renderDest},
		{[]*relay.Template{c.Text, c.Hex}, (*Config).renderText},
		{[]*relay.Template{c.ServiceType}, (*Config).renderServiceType},
		{[]*relay.Template{c.ProtocolID, c.Priority}, (*Config).renderNumbers},
		{[]*relay.Template{c.ValidityPeriod, c.ScheduleDeliveryTime}, (*Config).renderTimes},
	}
	for _, source := range c.SourceAddrs {
		steps = append(steps, renderer{[]*relay.Template{source}, func(c *Config, f *fields, d *relay.Delivery) (err error) {
			f.source, err = sourceAddress(source.Execute(d), c.SourceKind)
			return err
		}})
	}
	for i := range c.TLVs {
		steps = append(steps, renderer{[]*relay.Template{c.TLVs[i].Value}, func(c *Config, f *fields, d *relay.Delivery) error {
			return c.TLVs[i].add(&f.tlvs, d)
		}})
	}
	return steps
}

// render executes all templates but those of the addresses, which depend on more.
func (c *Config) render(f *fields, d *relay.Delivery) error {
	if err := c.renderText(f, d); err != nil {
		return err
	}
	if err := c.renderServiceType(f, d); err != nil {
		return err
	}
	if err := c.renderNumbers(f, d); err != nil {
		return err
	}
	if err := c.renderTimes(f, d); err != nil {
		return err
	}
	for i := range c.TLVs {
		if err := c.TLVs[i].add(&f.tlvs, d); err != nil {
			return err
		}
	}
	return nil
}

func execute(t *relay.Template, d *relay.Delivery) string {
	if t == nil {
		return ""
	}
	return t.Execute(d)
}

func (c *Config) renderText(f *fields, d *relay.Delivery) error {
	f.text = execute(c.Text, d)
	if c.Hex != nil {
		octets, err := hex.DecodeString(removeSpace(c.Hex.Execute(d)))
		if err != nil {
			return fieldError("hex", "has something else than pairs of hexadecimal digits")
		}
		f.text = string(octets)
	}
	if len(f.text) > maxText {
		return tooLong("the message", len(f.text), maxText)
	}
	return nil
}

func removeSpace(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

func (c *Config) renderServiceType(f *fields, d *relay.Delivery) error {
	f.serviceType = execute(c.ServiceType, d)
	if err := checkLength("service_type", f.serviceType, 5); err != nil {
		return err
	}
	if strings.IndexFunc(f.serviceType, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		return fieldError("service_type", "has characters that are not ASCII")
	}
	return nil
}

func (c *Config) renderNumbers(f *fields, d *relay.Delivery) (err error) {
	if f.protocolID, err = octet("protocol_id", execute(c.ProtocolID, d), 255); err != nil {
		return err
	}
	f.priority, err = octet("priority", execute(c.Priority, d), 3)
	return err
}

// octet reads a small number; nothing is 0.
func octet(field, s string, most uint8) (uint8, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil || n > uint64(most) {
		return 0, fieldError(field, fmt.Sprintf("is no number from 0 to %d", most))
	}
	return uint8(n), nil
}

func (c *Config) renderTimes(f *fields, d *relay.Delivery) (err error) {
	if c.ValidityPeriod == nil && c.ScheduleDeliveryTime == nil {
		return nil
	}
	now := time.Now()
	if f.validity, err = timeOf("validity_period", execute(c.ValidityPeriod, d), now); err != nil {
		return err
	}
	f.schedule, err = timeOf("schedule_delivery_time", execute(c.ScheduleDeliveryTime, d), now)
	return err
}

// timeOf returns a time in the format of SMPP: relative if it is given that way,
// since the clock of the SMSC may differ from ours.
func timeOf(field, s string, now time.Time) (string, error) {
	if s = strings.TrimSpace(s); s == "" {
		return "", nil
	}
	if _, err := pdu.ParseTime(s, now); err == nil {
		return s, nil
	}
	if period, ok := parsePeriod(s); ok {
		if formatted, err := pdu.FormatPeriod(period); err == nil {
			return formatted, nil
		}
		if period <= 0 {
			return "", fieldError(field, "is no time in the future")
		}
		return formatTime(field, now.Add(period))
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return "", fieldError(field, "is neither a period such as 90m or 7d, nor a time as in RFC 3339 or SMPP")
	}
	if !t.After(now) {
		return "", fieldError(field, "is no time in the future")
	}
	return formatTime(field, t)
}

// relativeTime makes a period of a time in the format of SMPP, for an SMSC whose
// clock differs from ours, and tells whether it was none before.
func relativeTime(s *string, now time.Time) bool {
	t, err := pdu.ParseTime(*s, now)
	if err != nil || *s == "" {
		return false
	}
	period, err := pdu.FormatPeriod(t.Sub(now).Round(time.Second))
	if err != nil || period == *s {
		return false
	}
	*s = period
	return true
}

func formatTime(field string, t time.Time) (string, error) {
	s, err := pdu.FormatTime(t)
	if err != nil {
		return "", fieldError(field, "is too far in the future")
	}
	return s, nil
}

// maxDays keeps a period within what fits into a [time.Duration].
const maxDays = 36_500

// parsePeriod reads what [time.ParseDuration] does, and whole days.
func parsePeriod(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		return time.Duration(min(n, maxDays)) * 24 * time.Hour, err == nil && n <= maxDays //nolint:gosec // Bounded.
	}
	period, err := time.ParseDuration(s)
	return period, err == nil
}
