package smppbridge

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// manyRecipients are one more than there may be.
var manyRecipients = func() string {
	var all []string
	for i := range relay.MaxSplit + 1 {
		all = append(all, strconv.Itoa(491700000000+i))
	}
	return strings.Join(all, ",")
}()

func TestRecipients(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                     {""},
		" 491701234567 ":                       {"491701234567"},
		"[]":                                   {""},
		",;\n":                                 {""},
		"[\"+491701234567\"]":                  {"+491701234567"},
		"[491701234567]":                       {"491701234567"},
		"491701234567,491701234568":            {"491701234567", "491701234568"},
		"+49 170 1; +49 170 2\n 110":           {"+49 170 1", "+49 170 2", "110"},
		"[\"491701234567\",491701234568,\"\"]": {"491701234567", "491701234568"},
		"491701234567,+491701234567,00491701234567,491701234568": {"491701234567", "491701234568"},
		"somebody,somebody,else":                                 {"somebody", "else"},
	} {
		got, err := recipients(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for in, want := range map[string]string{
		"[\"a\"":          "is neither a telephone number nor a list",
		"[\"1\"],[\"2\"]": "is neither a telephone number nor a list",
		"[{}]":            "is a list of something else",
		"[[1]]":           "is a list of something else",
		"[null]":          "is a list of something else",
		manyRecipients:    "has 1001 recipients, the limit is 1000",
	} {
		_, err := recipients(in)
		requireField(t, err, "dest_addr "+want, in)
	}
}

func FuzzRecipients(f *testing.F) {
	for _, s := range []string{"", "1,2", "[1,\"2\"]", "[", "+1;1\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := recipients(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		encoded, err := json.Marshal(all)
		require.NoError(t, err)
		again, err := recipients(string(encoded))
		require.NoError(t, err)
		if strings.ToValidUTF8(s, "") == s {
			require.Equal(t, all, again)
		}
	})
}

// Each recipient has a delivery of its own, and what becomes of one is not the
// business of the others.
func TestSeveralRecipients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		body := `{"to":["+491700000001","nobody","491700000003"],"text":"Hello"}`
		d := delivery(t, recipient, "Hello")
		event := *d.Event
		event.Body = []byte(body)
		require.Equal(t, 3, b.Split(&event))
		for i, want := range []struct {
			outcome relay.Outcome
			detail  string
		}{
			{relay.Delivered, "message_id m1"},
			{relay.Permanent, "dest_addr is no telephone number"},
			{relay.Delivered, "message_id m2"},
			{relay.Permanent, "dest_addr has no recipient 4 any more"},
		} {
			r := b.Deliver(t.Context(), &relay.Delivery{ID: "q_" + strconv.Itoa(i), Event: &event, Destination: "sms", Index: i, Attempt: 1})
			require.Equal(t, want.outcome, r.Outcome)
			require.Contains(t, r.Detail, want.detail)
		}
		var to []string
		for _, p := range b.smsc.submitted() {
			to = append(to, p.DestAddr.Addr)
		}
		require.Equal(t, []string{"491700000001", "491700000003"}, to)
		event.Body = []byte(`{"to":"` + manyRecipients + `"}`)
		require.Equal(t, 1, b.Split(&event), "it says what is wrong")
	})
}

// A message of which something was sent goes on to its recipient, whatever the
// list is by then.
func TestRecipientIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 2 {
				_ = r.Refuse(pdu.StatusRxTAppn)
				return
			}
			take(n, r)
		}, func(c *Config, _ *BindConfig) { c.DestAddr = template(t, "+491700000001,+491700000002") })
		defer b.close()
		d := delivery(t, "", strings.Repeat("long ", 50))
		d.Index = 1
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome, r.Detail)
		b.cfg.DestAddr = template(t, "+491700000003")
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		for _, p := range b.smsc.submitted() {
			require.Equal(t, "491700000002", p.DestAddr.Addr)
		}
	})
}

func TestConstantRecipientsAreChecked(t *testing.T) {
	c := Config{Name: "sms", DestAddr: template(t, "+491700000001, nobody"), Store: newFakeStore()}
	require.ErrorContains(t, c.Validate(), "dest_addr is no telephone number")
	c.DestAddr = template(t, "+491700000001, +491700000002")
	require.NoError(t, c.Validate())
}

// takeAll is the other side of a session that takes all requests and keeps them,
// as services do that want deliver_sm, which no SMSC takes.
func takeAll(t *testing.T, conn net.Conn, requests chan<- pdu.PDU) {
	in := pdu.NewReader(conn, 0)
	for {
		frame, err := in.ReadFrame()
		if err != nil {
			return
		}
		p, err := new(pdu.Decoder).Decode(bytes.Clone(frame))
		if !assert.NoError(t, err) {
			return
		}
		requests <- p
		var answer pdu.PDU
		switch p.CommandID() {
		case pdu.CommandBindTransceiver:
			answer = &pdu.BindResp{Mode: pdu.BindTransceiver, SystemID: "service"}
		case pdu.CommandUnbind:
			answer = &pdu.UnbindResp{}
		default:
			answer = &pdu.DeliverSMResp{}
		}
		answer.Head().Sequence = p.Head().Sequence
		b, err := answer.AppendTo(nil)
		if !assert.NoError(t, err) {
			return
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

func TestDeliverSM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan pdu.PDU, 10)
		b := start(t, take, func(c *Config, bind *BindConfig) {
			c.Operation, c.Priority, c.ServiceType = DeliverSM, template(t, "2"), template(t, "CMT")
			c.RegisteredDelivery, c.Receipts = pdu.RegisteredDeliveryNone, Route{}
			bind.dial = func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go takeAll(t, theirs, requests)
				return ours, nil
			}
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Zero(t, r.ReportWithin)
		require.Equal(t, pdu.CommandBindTransceiver, (<-requests).CommandID())
		p, ok := (<-requests).(*pdu.DeliverSM)
		require.True(t, ok)
		require.Equal(t, "Hello", string(p.ShortMessage))
		require.Equal(t, []any{"491700000001", uint8(2), "CMT"}, []any{p.DestAddr.Addr, p.PriorityFlag, p.ServiceType})
	})
	for want, change := range map[string]func(*Config){
		"deliver_sm has no validity_period": func(c *Config) { c.ValidityPeriod = template(t, "1h") },
		"no receipts for deliver_sm":        func(c *Config) { c.RegisteredDelivery = pdu.RegisteredDeliveryFinal },
	} {
		c := Config{Name: "sms", DestAddr: template(t, "1"), Store: newFakeStore(), Operation: DeliverSM}
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}
