package smppbridge

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestSourceAddress(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want pdu.Address
		fail string
	}{
		{"", pdu.Address{}, ""},
		{"ACME", pdu.Address{TON: 5, Addr: "ACME"}, ""},
		{" My Shop 24 ", pdu.Address{TON: 5, Addr: "My Shop 24"}, ""},
		{"+49 170 1234567", pdu.Address{TON: 1, NPI: 1, Addr: "491701234567"}, ""},
		{"0049-170-1234567", pdu.Address{TON: 1, NPI: 1, Addr: "491701234567"}, ""},
		{"491701234567", pdu.Address{TON: 1, NPI: 1, Addr: "491701234567"}, ""},
		{"01701234567", pdu.Address{NPI: 1, Addr: "01701234567"}, ""},
		{"12345", pdu.Address{TON: 3, Addr: "12345"}, ""},
		{"12345678901234567", pdu.Address{NPI: 1, Addr: "12345678901234567"}, ""},
		{"TwelveLetters", pdu.Address{}, "has 13 characters, the limit is 11"},
		{"123456789012345678901", pdu.Address{}, "has 21 characters, the limit is 20"},
		{"Müller", pdu.Address{}, "not ASCII"},
		{"a\x00b", pdu.Address{}, "not ASCII"},
	} {
		got, err := sourceAddress(tt.in, nil)
		requireField(t, err, tt.fail, tt.in)
		if tt.fail == "" {
			require.Equal(t, tt.want, got, tt.in)
		}
	}
	got, err := sourceAddress("abbreviated text", &AddressKind{TON: pdu.TONAbbreviated, NPI: pdu.NPIPrivate})
	require.NoError(t, err)
	require.Equal(t, pdu.Address{TON: 6, NPI: 9, Addr: "abbreviated text"}, got)
}

func TestDestAddress(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want pdu.Address
		fail string
	}{
		{"+49 (170) 123-4567", pdu.Address{TON: 1, NPI: 1, Addr: "491701234567"}, ""},
		{"+1", pdu.Address{TON: 1, NPI: 1, Addr: "1"}, ""},
		{"110", pdu.Address{TON: 3, Addr: "110"}, ""},
		{"", pdu.Address{}, "is empty"},
		{"+", pdu.Address{}, "no telephone number"},
		{"+49x", pdu.Address{}, "no telephone number"},
		{"+4+9", pdu.Address{}, "no telephone number"},
		{"٣٤٥٦٧٨٩", pdu.Address{}, "no telephone number"},
		{strings.Repeat("1", 21), pdu.Address{}, "the limit is 20"},
	} {
		got, err := destAddress(tt.in, nil)
		requireField(t, err, tt.fail, tt.in)
		if tt.fail == "" {
			require.Equal(t, tt.want, got, tt.in)
		}
	}
}

// requireField checks an error, which must not quote the value.
func requireField(t *testing.T, err error, want, value string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err, value)
		return
	}
	var bad *badField
	require.ErrorAs(t, err, &bad, value)
	require.ErrorContains(t, err, want, value)
	if len(value) > 5 {
		require.NotContains(t, err.Error(), value)
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]string{
		"":                          "",
		"90m":                       "000000013000000R",
		" 7d ":                      "000007000000000R",
		"60d":                       "260303030405000+",
		"2026-01-02T04:04:06+01:00": "260102030406000+",
		"260102030405000+":          "260102030405000+",
		"000000010000000R":          "000000010000000R",
	} {
		got, err := timeOf("validity_period", in, now)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for in, want := range map[string]string{
		"soon":                 "neither a period",
		"-1h":                  "no time in the future",
		"0s":                   "no time in the future",
		"2026-01-02T03:04:05Z": "no time in the future",
		"36500d":               "too far",
		"99999999d":            "neither a period",
		"2100-01-01T00:00:00Z": "too far",
		"999999999999999+":     "neither a period",
	} {
		_, err := timeOf("validity_period", in, now)
		requireField(t, err, want, in)
	}
}

// Events that can't be messages are dead letters with a reason, and nothing of
// them is sent.
func TestBadEvents(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		body   string
		detail string
	}{
		{"no recipient", nil, `{"text":"Hello"}`, "dest_addr is empty"},
		{"bad recipient", nil, `{"to":"somebody","text":"Hello"}`, "dest_addr is no telephone number"},
		{"no JSON", nil, `to=491700000001`, "dest_addr is empty"},
		{"a list of no recipients", nil, `{"to":[],"text":"Hello"}`, "dest_addr is empty"},
		{"a list of something else", nil, `{"to":[{}],"text":"Hello"}`, "dest_addr is a list of something else"},
		{"too many recipients", nil, `{"to":"` + manyRecipients + `","text":"Hello"}`, "dest_addr has 1001 recipients, the limit is 1000"},
		{"too long", nil, `{"to":"491700000001","text":"` + strings.Repeat("x", 2000) + `"}`, "text needs more than 10 short messages"},
		{"far too long", nil, `{"to":"491700000001","text":"` + strings.Repeat("x", 70_000) + `"}`, "the message has 70000 characters"},
		{"not in the coding", func(c *Config) { latin := byte(3); c.Coding.DataCoding = &latin }, `{"to":"491700000001","text":"Привет"}`, "U+041F at offset 0"},
		{"bad sender", func(c *Config) { c.SourceAddrs = []*relay.Template{template(t, "{event.json.from}")} }, `{"to":"491700000001","from":"somebody else"}`, "source_addr has 13 characters"},
		{"bad number", func(c *Config) { c.Priority = template(t, "{event.json.prio}") }, `{"to":"491700000001","prio":"high"}`, "priority is no number from 0 to 3"},
		{"number too large", func(c *Config) { c.ProtocolID = template(t, "{event.json.pid}") }, `{"to":"491700000001","pid":256}`, "protocol_id is no number from 0 to 255"},
		{"bad time", func(c *Config) { c.ValidityPeriod = template(t, "{event.json.until}") }, `{"to":"491700000001","until":"tomorrow"}`, "validity_period is neither"},
		{"bad service type", func(c *Config) { c.ServiceType = template(t, "{event.json.kind}") }, `{"to":"491700000001","kind":"toolong"}`, "service_type has 7 characters"},
		{"bad hex", func(c *Config) { c.Text, c.Hex = nil, template(t, "{event.json.hex}") }, `{"to":"491700000001","hex":"abc"}`, "hex has something else"},
		{"bad TLV", func(c *Config) {
			c.TLVs = []TLV{{Tag: 0x1400, Type: TLVUint8, Value: template(t, "{event.json.n}")}}
		}, `{"to":"491700000001","n":256}`, "TLV 0x1400 is no number from 0 to 255"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take, func(c *Config, _ *BindConfig) {
					if tt.change != nil {
						tt.change(c)
					}
				})
				defer b.close()
				d := delivery(t, "", "")
				d.Event.Body = []byte(tt.body)
				r := b.Deliver(t.Context(), d)
				require.Equal(t, relay.Permanent, r.Outcome)
				require.Equal(t, relay.ReasonBadRequest, r.Reason)
				require.Contains(t, r.Detail, tt.detail)
				for _, value := range []string{"somebody", "tomorrow", "toolong", "high", "xxx", "Привет"} {
					require.NotContains(t, r.Detail, value)
				}
				require.Empty(t, b.smsc.submitted())
			})
		})
	}
}

// FuzzRender renders hostile values: whatever they are, a message is encoded that
// can be sent, or there is a reason that does not quote them.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{"491700000001", "+49 170", "[1]", "7d", "260102030405000+", "\x00", "é", "0xff", "99999999999999999999"} {
		f.Add(seed, seed, seed, seed)
	}
	value := func(name string) *relay.Template {
		t, err := relay.ParseTemplate("{event.json."+name+"}", nil)
		require.NoError(f, err)
		return t
	}
	config := func(change func(*Config)) *Destination {
		c := Config{
			Name: "sms", SourceAddrs: []*relay.Template{value("from")}, DestAddr: value("to"), Text: value("text"),
			ServiceType: value("other"), UserMessageReference: true, Store: newFakeStore(),
			TLVs: []TLV{{Tag: 0x1400, Type: TLVCString, Value: value("text")}, {Tag: 0x1401, Value: value("other")}},
		}
		change(&c)
		binds, err := NewBinds(BindConfig{Addresses: []string{"smsc.test:2775"}, SystemID: "esme"})
		require.NoError(f, err)
		d, err := New(c, binds)
		require.NoError(f, err)
		return d
	}
	all := []*Destination{
		config(func(*Config) {}),
		config(func(c *Config) {
			c.Text, c.Hex, c.TLVs = nil, value("text"), nil
			c.ValidityPeriod, c.ScheduleDeliveryTime = value("other"), value("from")
			c.SourceAddrs = nil
		}),
		config(func(c *Config) {
			c.Operation, c.ServiceType = DataSM, nil
			c.TLVs = []TLV{{Tag: 0x1400, Type: TLVHex, Value: value("other")}, {Tag: 0x1401, Type: TLVUint32, Value: value("from")}}
		}),
		config(func(c *Config) { c.Priority, c.ProtocolID, c.TLVs = value("other"), value("from"), nil }),
	}
	f.Fuzz(func(t *testing.T, to, from, text, other string) {
		body, err := json.Marshal(map[string]string{"to": to, "from": from, "text": text, "other": other})
		require.NoError(t, err)
		for _, d := range all {
			checkRendered(t, d, &relay.Delivery{ID: "q_1", Attempt: 1, Event: &relay.Event{ID: "e1", Body: body}, Note: []byte(other)}, text)
		}
	})
}

func checkRendered(t *testing.T, d *Destination, delivery *relay.Delivery, text string) {
	t.Helper()
	message := messages.Get().(*coding.Message)
	defer messages.Put(message)
	a := attempt{Destination: d, delivery: delivery, message: message}
	if err := a.prepare(); err != nil {
		if len(text) > 20 {
			require.NotContains(t, err.Error(), text)
		}
		return
	}
	for i := range a.note.Parts {
		p, err := a.request(i)
		require.NoError(t, err)
		_, err = p.AppendTo(nil)
		require.NoError(t, err)
	}
}
