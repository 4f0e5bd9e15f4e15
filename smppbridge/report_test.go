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
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
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

// A receipt that comes at the last moment is not overruled.
func TestReceiptBeforeOverdue(t *testing.T) {
	for state, want := range map[string]relay.Outcome{"DELIVRD": relay.Delivered, "EXPIRED": relay.Permanent} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, take, onReceipt)
			defer b.close()
			d := delivery(t, recipient, "Hello")
			d.Note = b.Deliver(t.Context(), d).Note
			require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", state)))
			before, err := b.store.Report(t.Context(), "q_1")
			require.NoError(t, err)
			require.Equal(t, want, b.Overdue(t.Context(), d).Outcome)
			after, err := b.store.Report(t.Context(), "q_1")
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
			require.Len(t, b.store.all(), 1)
		})
	}
}

// Two copies of a message: the receipt of one is not undone by the late response
// to the other.
func TestLateResponseAfterAReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate, func(c *Config, _ *BindConfig) { c.Duplicates = AllowDuplicates })
		defer b.close()
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "DELIVRD")))
		time.Sleep(session.DefaultResponseTimeout)
		all := b.settlements()
		require.Len(t, all, 2)
		for _, s := range all {
			require.Equal(t, relay.StateDelivered, s.State)
			require.Contains(t, string(s.Report), `"message_id":"m2","state":"delivered"`)
		}
	})
}

// A receipt that waits for a late response is told of what that leads to.
func TestReceiptOfALateResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate, onReceipt)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		time.Sleep(session.DefaultResponseTimeout)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "UNDELIV")))
		all := b.settlements()
		require.Equal(t, []relay.State{relay.StateAwaiting, relay.StateDead}, []relay.State{all[0].State, all[1].State})
		require.Contains(t, string(all[1].Report), `"message_id":"m1","state":"undeliverable"`)
	})
}

// What is overdue after a late response has the id of that.
func TestOverdueAfterALateResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate)
		defer b.close()
		d := delivery(t, recipient, "Hello")
		d.Note = b.Deliver(t.Context(), d).Note
		time.Sleep(session.DefaultResponseTimeout)
		require.Equal(t, relay.Delivered, b.Overdue(t.Context(), d).Outcome)
		require.Equal(t, "m1", b.receipts()[0].MessageID)
	})
}

// Whatever an SMSC writes into receipts, a report can be kept.
func TestReportIsBounded(t *testing.T) {
	const parts = 255
	r := parseReport(nil, parts)
	for i := range parts {
		r.update(i, strings.Repeat("<", 254), &receipt.Receipt{
			State: receipt.Undeliverable, Final: true, Err: strings.Repeat("<", 4000), DoneDate: receipt.Date{Raw: strings.Repeat("<", 4000)},
		})
	}
	b := r.encode()
	require.LessOrEqual(t, len(b), relay.MaxNoteLength)
	again := parseReport(b, parts)
	require.True(t, again.Complete)
	require.Equal(t, r.states(), again.states())
	require.Equal(t, receipt.Unknown, parseReport([]byte("nonsense"), 0).State)
	r.update(parts, "", &receipt.Receipt{})
}

// Without an id, no receipt can ever say that a message was delivered.
func TestDeliveredOnReceiptWithoutID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { _ = r.Respond(&pdu.SubmitSMResp{}) }, onReceipt)
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Equal(t, "the SMSC gave no message_id, so no receipt can be matched; so it can't be delivered_on receipt", r.Detail)
	})
}

// Nothing waits for receipts that nobody wants, or that can't come back.
func TestReceiptsThatNobodyWaitsFor(t *testing.T) {
	for name, change := range map[string]func(*Config, *BindConfig){
		"no route":      func(c *Config, _ *BindConfig) { c.Receipts = Route{} },
		"a transmitter": func(_ *Config, bind *BindConfig) { bind.Modes = []pdu.BindMode{pdu.BindTransmitter} },
		"failures only": func(c *Config, _ *BindConfig) { c.RegisteredDelivery = pdu.RegisteredDeliveryFailure },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, take, change)
				defer b.close()
				r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
				require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
				require.Zero(t, r.ReportWithin)
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
