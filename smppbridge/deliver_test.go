package smppbridge

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

const recipient = "+491700000001"

// long is a text of three parts.
var long = strings.Repeat("0123456789", 40)

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello {ü}"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, "message_id m1", r.Detail)
		require.Zero(t, r.Status)
		require.Equal(t, []notePart{{State: partAccepted, MessageID: "m1"}}, parts(t, r))
		require.Len(t, r.Links, 1)
		require.Equal(t, DefaultReceiptTime, r.Links[0].For)
		o, err := decodeOrigin(r.Links[0].Value)
		require.NoError(t, err)
		require.Equal(t, &origin{
			MessageID: "m1", Recipient: "491700000001", EventID: "e1", Source: "github", Type: "alarm",
			Delivery: "q_1", Destination: "sms", Part: 1, Total: 1,
		}, o)
		p := b.smsc.submitted()[0]
		require.Equal(t, pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"}, p.SourceAddr)
		require.Equal(t, pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"}, p.DestAddr)
		require.Equal(t, pdu.RegisteredDeliveryFinal, p.RegisteredDelivery)
		require.Equal(t, []byte("Hello \x1b(~\x1b)"), p.ShortMessage)
	})
}

func TestFieldsOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.ServiceType, c.ProtocolID, c.Priority = template(t, "CMT"), template(t, "0x40"), template(t, "2")
			c.ValidityPeriod, c.ScheduleDeliveryTime = template(t, "1d"), template(t, "{event.json.at}")
			c.ReplaceIfPresent, c.ESMClass, c.UserMessageReference = true, pdu.ESMClassStoreAndForward, true
			c.Coding.Flash = true
			c.TLVs = []TLV{
				{Tag: 0x1400, Type: TLVCString, Value: template(t, "{event.id}")},
				{Tag: 0x1401, Type: TLVUint16, Value: template(t, "258")},
				{Tag: 0x1402, Type: TLVHex, Value: template(t, "c0 ff ee")},
				{Tag: 0x1403, Value: template(t, "{event.json.nothing}")},
			}
		})
		defer b.close()
		d := delivery(t, recipient, "Hi")
		d.Event.Body = []byte(`{"to":"` + recipient + `","text":"Hi","at":"2030-01-02T03:04:05+01:00"}`)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		p := b.smsc.submitted()[0]
		require.Equal(t, "CMT", p.ServiceType)
		require.EqualValues(t, 0x40, p.ProtocolID)
		require.EqualValues(t, 2, p.PriorityFlag)
		require.EqualValues(t, 1, p.ReplaceIfPresent)
		require.Equal(t, pdu.ESMClassStoreAndForward, p.ESMClass)
		require.Equal(t, "000001000000000R", p.ValidityPeriod)
		require.Equal(t, "300102020405000+", p.ScheduleDeliveryTime)
		require.EqualValues(t, 0xf0, p.DataCoding)
		var tlvs []string
		for tag, value := range p.TLVs.All() {
			tlvs = append(tlvs, tag.String()+"="+string(value))
		}
		require.Equal(t, []string{"0x1400=e1\x00", "0x1401=\x01\x02", "0x1402=\xc0\xff\xee"}, tlvs[:3])
		require.Len(t, tlvs, 4)
		require.Contains(t, tlvs[3], "user_message_reference=")
	})
}

func TestTransportsOfLongMessages(t *testing.T) {
	for transport, check := range map[coding.Transport]func(*testing.T, []*pdu.SubmitSM){
		coding.UDH8: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 3)
			for i, p := range all {
				require.True(t, p.ESMClass.UDHI())
				require.Equal(t, []byte{5, 0, 3, all[0].ShortMessage[3], 3, byte(i + 1)}, p.ShortMessage[:6])
			}
		},
		coding.SAR: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 3)
			first, found := all[0].TLVs.SAR()
			require.True(t, found)
			for i, p := range all {
				sar, _ := p.TLVs.SAR()
				require.Equal(t, pdu.SAR{Ref: first.Ref, Total: 3, Seq: uint8(i + 1)}, sar)
			}
		},
		coding.Payload: func(t *testing.T, all []*pdu.SubmitSM) {
			require.Len(t, all, 1)
			require.Empty(t, all[0].ShortMessage)
			require.Equal(t, long, string(all[0].Message()))
		},
	} {
		t.Run(transport.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take, func(c *Config, _ *BindConfig) { c.Coding.Transport = transport })
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, long))
				require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
				check(t, b.smsc.submitted())
			})
		})
	}
}

func TestBinary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.Text, c.Hex, c.ESMClass = nil, template(t, "{event.json.text}"), pdu.ESMClassUDHI
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "0605040B8423F0 DEADBEEF"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		p := b.smsc.submitted()[0]
		require.Equal(t, pdu.DataCodingOctet, p.DataCoding)
		require.True(t, p.ESMClass.UDHI())
		require.Equal(t, []byte{6, 5, 4, 0x0b, 0x84, 0x23, 0xf0, 0xde, 0xad, 0xbe, 0xef}, p.ShortMessage)
		r = b.Deliver(t.Context(), delivery(t, recipient, strings.Repeat("00", 200)))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Contains(t, r.Detail, "must fit into one part")
	})
}

func TestDataSM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) { c.Operation = DataSM })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, "message_id m1", r.Detail)
		require.Equal(t, "Hello", string(b.smsc.requests[0].(*pdu.DataSM).Message()))
	})
}

// Only the part that was refused, and those behind it, are sent again.
func TestResumeAfterTheFailedPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 2 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		}, func(c *Config, _ *BindConfig) { c.UserMessageReference = true })
		defer b.close()
		d := delivery(t, recipient, long)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		require.Contains(t, r.Detail, "part 2 of 3 was refused with ESME_RSYSERR")
		require.Contains(t, r.Detail, "part 1 message_id m1")
		require.Len(t, r.Links, 1)
		// The next attempt is of another process, whose references differ.
		b.close()
		b.open(func(c *Config, _ *BindConfig) { c.UserMessageReference = true })
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, "part 1 message_id m1, part 2 message_id m3, part 3 message_id m4", r.Detail)
		require.Len(t, r.Links, 2)
		all := b.smsc.submitted()
		require.Len(t, all, 4)
		require.Equal(t, all[1].ShortMessage, all[2].ShortMessage, "with the same reference")
		before, _ := all[1].TLVs.Uint16(pdu.TagUserMessageReference)
		after, _ := all[2].TLVs.Uint16(pdu.TagUserMessageReference)
		require.Equal(t, before, after)
		require.Equal(t, all[0].ShortMessage[:5], all[3].ShortMessage[:5])
	})
}

// If a new config cuts the text in another way, old and new parts don't mix.
func TestChangedMessageIsSentAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 2 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		})
		defer b.close()
		d := delivery(t, recipient, long)
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		d.Event = delivery(t, recipient, strings.ReplaceAll(long, "1", "x")).Event
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		all := b.smsc.submitted()
		require.Len(t, all, 5)
		require.NotEqual(t, all[0].ShortMessage[3], all[2].ShortMessage[3])
	})
}

func TestEmptyMessageID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { ok(r, "") })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome)
		require.Contains(t, r.Detail, "no message_id")
		require.Empty(t, r.Links)
	})
}

func TestSourcePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.SourceAddrs = []*relay.Template{template(t, "A"), template(t, "B"), template(t, "C")}
		})
		defer b.close()
		for range 4 {
			b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		}
		b.cfg.SourceChoice = Sticky
		for range 3 {
			b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		}
		var used []string
		for _, p := range b.smsc.submitted() {
			used = append(used, p.SourceAddr.Addr)
		}
		require.Equal(t, []string{"A", "B", "C", "A"}, used[:4])
		require.Equal(t, []string{used[4], used[4], used[4]}, used[4:])
	})
}

// Neither text nor password shows, also with PDUs in the log.
func TestLogsHaveNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := start(t, take, func(c *Config, _ *BindConfig) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("Confidential")))
		b.smsc.mu.Lock()
		b.smsc.answer = func(_ int, r *session.Request) { _ = r.Refuse(pdu.StatusInvDstAdr) }
		b.smsc.mu.Unlock()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		b.close()
		require.NotContains(t, r.Detail, "Hello")
		require.Contains(t, log.String(), "smpp session bound")
		require.Contains(t, log.String(), "deliver_sm")
		for _, secret := range []string{"secret", "Hello", "Confidential"} {
			require.NotContains(t, log.String(), secret)
		}
	})
}
