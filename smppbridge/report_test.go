package smppbridge

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// settlements returns those that have been made.
func (b *bench) settlements() []relay.Settlement {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.settled
}

func onReceipt(c *Config, _ *BindConfig) { c.DeliveredOn = OnReceipt }

// A receipt settles the delivery, and what it says stays with it.
func TestReceiptSettlesItsDelivery(t *testing.T) {
	type settled struct {
		state  relay.State
		detail string
	}
	for name, tt := range map[string]struct {
		change func(*Config, *BindConfig)
		text   string
		// receipts are id and state
		receipts [][2]string
		outcome  relay.Outcome
		want     []settled
	}{
		"delivered": {
			text: "Hello", receipts: [][2]string{{"m1", "DELIVRD"}}, outcome: relay.Delivered,
			want: []settled{{relay.StateDelivered, ""}},
		},
		"failed, on the response": {
			text: "Hello", receipts: [][2]string{{"m1", "UNDELIV"}}, outcome: relay.Delivered,
			want: []settled{{relay.StateDelivered, ""}},
		},
		"on the way, then delivered": {
			text: "Hello", receipts: [][2]string{{"m1", "ENROUTE"}, {"m1", "DELIVRD"}}, outcome: relay.Delivered,
			want: []settled{{relay.StatePending, ""}, {relay.StateDelivered, ""}},
		},
		"delivered, on the receipt": {
			change: onReceipt, text: "Hello", receipts: [][2]string{{"m1", "DELIVRD"}}, outcome: relay.Taken,
			want: []settled{{relay.StateDelivered, ""}},
		},
		"failed, on the receipt": {
			change: onReceipt, text: "Hello", receipts: [][2]string{{"m1", "UNDELIV"}}, outcome: relay.Taken,
			want: []settled{{relay.StateDead, "the SMSC reports undeliverable, error 000"}},
		},
		"unknown, then delivered, on the receipt": {
			change: onReceipt, text: "Hello", receipts: [][2]string{{"m1", "UNKNOWN"}, {"m1", "DELIVRD"}}, outcome: relay.Taken,
			want: []settled{{relay.StateDead, "the SMSC reports unknown, error 000"}, {relay.StateDelivered, ""}},
		},
		"delivered in parts, on the receipt": {
			change: onReceipt, text: strings.Repeat("long ", 50), receipts: [][2]string{{"m2", "DELIVRD"}, {"m1", "DELIVRD"}}, outcome: relay.Taken,
			want: []settled{{relay.StatePending, ""}, {relay.StateDelivered, ""}},
		},
		"a part failed, on the receipt": {
			change: onReceipt, text: strings.Repeat("long ", 50), receipts: [][2]string{{"m2", "EXPIRED"}, {"m1", "DELIVRD"}}, outcome: relay.Taken,
			want: []settled{{relay.StateDead, "the SMSC reports expired, error 000"}, {relay.StateDead, "the SMSC reports expired, error 000"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.change == nil {
					tt.change = func(*Config, *BindConfig) {}
				}
				b := start(t, take, tt.change)
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, tt.text))
				require.Equal(t, tt.outcome, r.Outcome, r.Detail)
				require.Equal(t, DefaultReceiptTime, r.ReportWithin)
				var got []settled
				for _, c := range tt.receipts {
					require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf(c[0], c[1])))
				}
				for _, s := range b.settlements() {
					require.Equal(t, "q_1", s.Delivery)
					got = append(got, settled{s.State, s.Detail})
				}
				require.Equal(t, tt.want, got)
				require.Len(t, b.receipts(), len(tt.receipts))
			})
		})
	}
}

// The report has what receipts have said, also if there is nowhere to send it.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) { c.Receipts = Route{} })
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, strings.Repeat("long ", 50)))
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "DELIVRD")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "EXPIRED")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "ACCEPTD")))
		require.Empty(t, b.store.all())
		got, err := b.store.Report(t.Context(), "q_1")
		require.NoError(t, err)
		require.JSONEq(t, `{"state": "accepted", "final": false, "complete": false, "parts": [
			{"message_id": "m1", "state": "accepted", "error": "000", "done_date": "2026-01-02T03:05:00Z"},
			{"message_id": "m2", "state": "delivered", "final": true, "error": "000", "done_date": "2026-01-02T03:05:00Z"}
		]}`, string(got))
	})
}

// A receipt is not answered OK while what it settles can't be kept.
func TestReceiptThatCanNotBeSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		b.store.fail(relay.ErrClosed)
		require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(receiptOf("m1", "ENROUTE")))
		b.store.fail(nil)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Len(t, b.settlements(), 1)
	})
}

// A receipt that does not come becomes an event for each part.
func TestOverdue(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*Config, *BindConfig)
		outcome relay.Outcome
		detail  string
	}{
		"on the response": {func(*Config, *BindConfig) {}, relay.Delivered, ""},
		"on the receipt":  {onReceipt, relay.Permanent, "no receipt came within 168h0m0s, so it is unknown what became of the message"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take, tt.change)
				defer b.close()
				d := delivery(t, recipient, strings.Repeat("long ", 70))
				r := b.Deliver(t.Context(), d)
				d.Note = r.Note
				require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "DELIVRD")))
				d.Report = b.settlements()[0].Report
				b.store.fail(relay.ErrFull)
				require.Equal(t, relay.Retry, b.Overdue(t.Context(), d).Outcome)
				b.store.fail(nil)
				for range 2 {
					got := b.Overdue(t.Context(), d)
					require.Equal(t, tt.outcome, got.Outcome)
					require.Equal(t, tt.detail, got.Detail)
				}
				all := b.store.all()
				require.Len(t, all, 3, "the receipt, and two that did not come")
				require.Equal(t, []string{"crm"}, all[1].to)
				require.Equal(t, "e1", all[1].event.Key)
				require.JSONEq(t, `{
					"message_id": "m1", "state": "unknown", "final": true, "timeout": true, "source_addr": "491700000001", "dest_addr": "",
					"recipient": "491700000001", "part": 1, "parts": 3, "whole": {"state": "unknown", "final": true, "complete": true},
					"event": {"id": "e1", "source": "github", "type": "alarm", "destination": "sms", "delivery": "q_1"}
				}`, string(all[1].event.Body))
				var last receiptBody
				require.NoError(t, json.Unmarshal(all[2].event.Body, &last))
				require.Equal(t, []any{"m3", uint8(3), true}, []any{last.MessageID, last.Part, last.Timeout})
				kept, err := b.store.Report(t.Context(), "q_1")
				require.NoError(t, err)
				require.Contains(t, string(kept), `"state":"unknown","final":true,"complete":true`)
			})
		})
	}
}

// A late response closes the case: there is nothing to look up, and nothing to be
// sent again.
func TestLateResponseSettles(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config, *BindConfig)
		text   string
		want   []relay.State
	}{
		"with receipts":    {func(*Config, *BindConfig) {}, "Hello", []relay.State{relay.StateUnreported}},
		"on the receipt":   {onReceipt, "Hello", []relay.State{relay.StateAwaiting}},
		"without receipts": {func(c *Config, _ *BindConfig) { c.RegisteredDelivery = 0 }, "Hello", []relay.State{relay.StateDelivered}},
		"in parts":         {func(*Config, *BindConfig) {}, strings.Repeat("long ", 50), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, answerLate, tt.change)
				defer b.close()
				r := b.Deliver(context.Background(), delivery(t, recipient, tt.text))
				require.Equal(t, relay.Permanent, r.Outcome)
				time.Sleep(session.DefaultResponseTimeout)
				var states []relay.State
				for _, s := range b.settlements() {
					states = append(states, s.State)
					require.Contains(t, string(s.Report), `"message_id":"m1"`)
				}
				require.Equal(t, tt.want, states)
			})
		})
	}
}

// What was delivered and is delivered once more is a message of its own.
func TestDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		b.keep(d, r)
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, []notePart{{State: partAccepted, MessageID: "m2"}}, parts(t, r))
	})
}

func TestDeliveredOnNeedsReceipts(t *testing.T) {
	c := Config{Name: "sms", DestAddr: template(t, "1"), Store: newFakeStore(), DeliveredOn: OnReceipt}
	for _, asked := range []pdu.RegisteredDelivery{pdu.RegisteredDeliveryNone, pdu.RegisteredDeliveryFailure} {
		c.RegisteredDelivery = asked
		require.ErrorContains(t, c.Validate(), "registered_delivery has to be final or all")
	}
	c.RegisteredDelivery = pdu.RegisteredDeliveryFinal
	require.NoError(t, c.Validate())
}
