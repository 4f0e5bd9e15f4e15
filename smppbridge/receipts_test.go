package smppbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// receiptOf returns a receipt as most SMSCs write it.
func receiptOf(id, state string) *pdu.DeliverSM {
	return &pdu.DeliverSM{
		SourceAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"}, DestAddr: pdu.Address{TON: 5, Addr: "ACME"},
		ESMClass:     pdu.ESMClassDeliveryReceipt,
		ShortMessage: fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:%s err:000 text:Hello", id, state),
	}
}

// receipts returns the bodies of the events that receipts became.
func (b *bench) receipts() []receiptBody {
	b.Helper()
	var all []receiptBody
	for _, a := range b.store.all() {
		if a.event.Type != DefaultReceiptType {
			continue
		}
		require.Equal(b, []string{"crm"}, a.to)
		require.Equal(b, "sms", a.event.Source)
		var body receiptBody
		require.NoError(b, json.Unmarshal(a.event.Body, &body), "%s", a.event.Body)
		all = append(all, body)
	}
	return all
}

func TestReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		p := receiptOf("m1", "UNDELIV")
		require.NoError(t, p.TLVs.Add(pdu.TagNetworkErrorCode, []byte{3, 0, 42}))
		require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		a := b.store.all()[0]
		require.Equal(t, "e1", a.event.Key)
		require.Equal(t, "application/json", a.event.Header.Get("Content-Type"))
		require.JSONEq(t, `{
			"message_id": "m1", "state": "undeliverable", "final": true, "state_text": "UNDELIV", "error": "000",
			"network_error_code": {"network": 3, "code": 42},
			"submit_date": "2026-01-02T03:04:00Z", "done_date": "2026-01-02T03:05:00Z", "text": "Hello",
			"source_addr": "491700000001", "dest_addr": "ACME", "recipient": "491700000001", "part": 1, "parts": 1,
			"whole": {"state": "undeliverable", "final": true, "complete": true},
			"event": {"id": "e1", "source": "github", "type": "alarm", "destination": "sms", "delivery": "q_1"},
			"raw": "id:m1 sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:UNDELIV err:000 text:Hello"
		}`, string(a.event.Body))
	})
}

// The SMSC gets its answer once the receipt has found its message and is kept.
func TestReceiptBeforeItsResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *bench
		var answered time.Time
		b = start(t, func(n int, r *session.Request) {
			go func() {
				require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m"+strconv.Itoa(n), "DELIVRD")))
				answered = time.Now()
			}()
			time.Sleep(3 * time.Second)
			take(n, r)
		})
		defer b.close()
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		synctest.Wait()
		require.Equal(t, 3*time.Second, answered.Sub(began))
		require.Len(t, b.receipts(), 1)
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

func TestReceiptWhoseMessageStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			time.Sleep(30 * time.Second)
			take(n, r)
		})
		defer b.close()
		began := time.Now()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("other", "DELIVRD")))
		require.Zero(t, time.Since(began), "nothing is in flight, so nothing can come")
		go b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
		synctest.Wait()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("another", "DELIVRD")))
		require.Equal(t, holdTime, time.Since(began))
		require.Len(t, b.receipts(), 2)
		for _, body := range b.receipts() {
			require.Nil(t, body.Event)
		}
		time.Sleep(time.Minute)
	})
}

// Receipts that are not ours must not take all the room.
func TestManyReceiptsWhoseMessageIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, lose)
		defer b.close()
		go b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
		synctest.Wait()
		for i := range b.binds.maxHeld {
			go b.smsc.send(receiptOf("held"+strconv.Itoa(i), "DELIVRD"))
		}
		synctest.Wait()
		require.Equal(t, b.binds.maxHeld, b.binds.early.Len())
		began := time.Now()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("one more", "DELIVRD")))
		require.Zero(t, time.Since(began))
		time.Sleep(holdTime)
		synctest.Wait()
		require.Len(t, b.receipts(), b.binds.maxHeld+1)
		require.NoError(t, b.smsc.session().Close())
	})
}

func TestRepeatedReceiptsAreOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		for _, state := range []string{"ACCEPTD", "ACCEPTD", "DELIVRD", "DELIVRD"} {
			require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", state)))
		}
		require.Len(t, b.receipts(), 2)
		require.False(t, b.receipts()[0].Final)
		require.True(t, b.receipts()[1].Final)
	})
}

func TestReceiptWaitsUntilItCanBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		for _, err := range []error{relay.ErrFull, relay.ErrClosed, errors.New("disk full")} {
			b.store.fail(err)
			require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(receiptOf("m1", "DELIVRD")))
		}
		b.store.fail(nil)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Len(t, b.receipts(), 1)
	})
}

func TestIDsInOtherForms(t *testing.T) {
	for _, tt := range []struct{ response, receipt string }{
		{"5F0A17C3", "1594496963"}, {"1594496963", "5f0a17c3"}, {"0000123456", "123456"}, {"AbCdEf-9", "ABCDEF-9"},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s restart=%v", tt.response, tt.receipt, restart), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := start(t, func(_ int, r *session.Request) { ok(r, tt.response) })
					d := delivery(t, recipient, "Hello")
					b.keep(d, b.Deliver(t.Context(), d))
					if restart {
						b.close()
						b.open()
					}
					defer b.close()
					require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf(tt.receipt, "DELIVRD")))
					body := b.receipts()[0]
					require.NotNil(t, body.Event)
					require.Equal(t, tt.response, body.MessageID)
					require.Equal(t, tt.receipt, body.ReceiptMessageID)
				})
			})
		}
	}
}

// The states of parts outlive a restart, and come in any order.
func TestReceiptsOfParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		d := delivery(t, recipient, long)
		b.keep(d, b.Deliver(t.Context(), d))
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m3", "DELIVRD")))
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		b.close()
		b.open()
		defer b.close()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "DELIVRD")))
		all := b.receipts()
		require.Len(t, all, 3)
		for i, want := range []struct {
			part  uint8
			whole wholeState
		}{
			{3, wholeState{State: receipt.Enroute}},
			{1, wholeState{State: receipt.Enroute}},
			{2, wholeState{State: receipt.Delivered, Final: true, Complete: true}},
		} {
			require.Equal(t, want.part, all[i].Part)
			require.EqualValues(t, 3, all[i].Parts)
			require.Equal(t, want.whole, *all[i].Whole)
			require.Equal(t, "q_1", all[i].Event.Delivery)
		}
	})
}

func TestReceiptAsDataSM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		p := &pdu.DataSM{ESMClass: pdu.ESMClassDeliveryReceipt, SourceAddr: pdu.Address{Addr: "491700000001"}}
		require.NoError(t, p.TLVs.AddCString(pdu.TagReceiptedMessageID, "m1"))
		p.TLVs.AddUint8(pdu.TagMessageState, uint8(pdu.MessageStateExpired))
		require.Equal(t, pdu.StatusOK, b.smsc.send(p))
		require.Equal(t, receipt.Expired, b.receipts()[0].State)
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

// A receipt goes where the message came from, also if binds are shared.
func TestReceiptGoesToItsDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		c := b.cfg
		c.Name = "other"
		other, err := New(c, b.binds)
		require.NoError(t, err)
		require.NoError(t, other.Start())
		b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		other.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		for _, id := range []string{"m1", "m2", "unknown"} {
			require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf(id, "DELIVRD")))
		}
		other.Stop()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m2", "EXPIRED")))
		var sources []string
		for _, a := range b.store.all() {
			sources = append(sources, a.event.Source)
		}
		require.Equal(t, []string{"sms", "other", "other", "sms"}, sources)
	})
}

func TestNobodyToTakeReceipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(c *Config, _ *BindConfig) { c.Receipts = Route{} })
		synctest.Wait()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")), "nobody wants them")
		b.Stop()
		require.Equal(t, pdu.StatusRxTAppn, b.smsc.send(receiptOf("m1", "DELIVRD")), "the next config may")
		require.Empty(t, b.store.all())
		require.NoError(t, b.binds.Close(context.Background()))
	})
}

// A receipt that waits is given back when the binds are closed.
func TestCloseGivesReceiptsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, lose)
		go b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
		synctest.Wait()
		var answer pdu.CommandStatus
		go func() { answer = b.smsc.send(receiptOf("m1", "DELIVRD")) }()
		synctest.Wait()
		require.Equal(t, 1, b.binds.early.Len())
		b.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, b.binds.Close(ctx), "a response is missing")
		synctest.Wait()
		require.Equal(t, pdu.StatusRxTAppn, answer)
		require.Empty(t, b.store.all())
	})
}
