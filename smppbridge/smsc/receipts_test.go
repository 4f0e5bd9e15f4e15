package smsc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func (b *bed) receipts() *ReceiptDestination {
	b.Helper()
	d, err := NewReceiptDestination(ReceiptConfig{Server: func() *Server { return b.server }})
	require.NoError(b, err)
	return d
}

// told is a delivery of an event about a message, with other members.
func told(number int, id, state, members string) *relay.Delivery {
	return &relay.Delivery{ID: strconv.Itoa(number), Event: &relay.Event{
		ID: "r" + strconv.Itoa(number), Source: "operator", Time: time.Now(),
		Body: fmt.Appendf(nil, `{"event":{"id":%q},"state":%q%s}`, id, state, members),
	}}
}

// submitted submits a message with a registered_delivery, and returns its id.
func (b *bed) submitted(s *session.Session, rd pdu.RegisteredDelivery) string {
	b.Helper()
	m := text("hello")
	m.RegisteredDelivery = rd
	return b.idOf(s, m)
}

func (b *bed) idOf(s *session.Session, p pdu.PDU) string {
	b.Helper()
	response, ok := b.submit(s, p).(*pdu.SubmitSMResp)
	require.True(b, ok)
	require.Equal(b, pdu.StatusOK, response.Status)
	return response.MessageID
}

func tlv3(t testing.TB, id string, state pdu.MessageState, network []byte) (all pdu.TLVs) {
	t.Helper()
	require.NoError(t, all.AddCString(pdu.TagReceiptedMessageID, id))
	all.AddUint8(pdu.TagMessageState, uint8(state))
	if network != nil {
		require.NoError(t, all.Add(pdu.TagNetworkErrorCode, network))
	}
	return all
}

func TestReceipts(t *testing.T) {
	for name, tt := range map[string]struct {
		rd             pdu.RegisteredDelivery
		state, members string
		class          pdu.ESMClass // 0: nothing is sent
		text           string       // behind the id
		number         pdu.MessageState
		network        []byte
	}{
		"delivered": {
			1, "delivered", "", pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:001 submit date:0001010000 done date:0001010001 stat:DELIVRD err:000 text:", pdu.MessageStateDelivered, nil,
		},
		"failed": {
			1, "undeliverable", `,"final":true,"error":"1b","network_error_code":{"network":3,"code":257},"done_date":"2000-01-01T02:03:04+02:00"`,
			pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010003 stat:UNDELIV err:01b text:", pdu.MessageStateUndeliverable,
			[]byte{3, 1, 1},
		},
		"failed, with an error of the network only": {
			2, "expired", `,"network_error_code":{"network":8,"code":34},"done_date":"yesterday"`, pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010001 stat:EXPIRED err:034 text:", pdu.MessageStateExpired,
			[]byte{8, 0, 34},
		},
		"an error that is no error": {
			1, "rejected", `,"error":"no credit"`, pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010001 stat:REJECTD err:000 text:", pdu.MessageStateRejected, nil,
		},
		"on the way": {
			0x11, "enroute", "", pdu.ESMClassIntermediateNotification,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010001 stat:ENROUTE err:000 text:", pdu.MessageStateEnroute, nil,
		},
		"accepted, and final says the operator": {
			1, "accepted", `,"final":true`, pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010001 stat:ACCEPTD err:000 text:", pdu.MessageStateAccepted, nil,
		},
		"of SMPP 5.0": {
			1, "skipped", "", pdu.ESMClassDeliveryReceipt,
			"sub:001 dlvrd:000 submit date:0001010000 done date:0001010001 stat:UNDELIV err:000 text:", pdu.MessageStateUndeliverable, nil,
		},
		"success wanted":                        {rd: 3, state: "undeliverable"},
		"failure wanted":                        {rd: 2, state: "delivered"},
		"no notification wanted":                {rd: 1, state: "enroute"},
		"not final yet":                         {rd: 1, state: "accepted"},
		"nothing wanted":                        {rd: 0, state: "delivered"},
		"a part, and the message is on the way": {rd: 0x11, state: "delivered", members: `,"whole":{"state":"enroute","final":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				p := new(phone)
				id := b.submitted(b.bound(pdu.BindTransceiver, p), tt.rd)
				time.Sleep(time.Minute)
				result := b.receipts().Deliver(context.Background(), told(1, id, tt.state, tt.members))
				require.Equal(b, relay.Delivered, result.Outcome, result.Detail)
				require.NotEmpty(b, result.Detail)
				if tt.class == 0 {
					require.Empty(b, p.got)
					require.Empty(b, result.Links)
					return
				}
				require.Len(b, p.got, 1)
				p.got[0].Header = pdu.Header{}
				require.Equal(b, &pdu.DeliverSM{
					SourceAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"}, DestAddr: pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
					ESMClass: tt.class, ShortMessage: []byte("id:" + id + " " + tt.text), TLVs: tlv3(b, id, tt.number, tt.network),
				}, p.got[0])
			})
		})
	}
}

// TestReceiptsCanBeRead reads receipts as an ESME would.
func TestReceiptsCanBeRead(t *testing.T) {
	coder, err := coding.New(coding.Config{})
	require.NoError(t, err)
	parser := receipt.NewParser(coder, nil)
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		s := b.bound(pdu.BindTransceiver, p)
		for state := range wireStates {
			id := b.submitted(s, 0x11)
			p.got = nil
			require.Equal(b, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, id, state.String(), `,"error":"021"`)).Outcome)
			for _, without := range []bool{false, true} {
				if without {
					p.got[0].TLVs = pdu.TLVs{}
				}
				got, ok := parser.Parse(p.got[0])
				require.True(b, ok)
				require.Equal(b, id, got.MessageID)
				require.Equal(b, "021", got.Err)
				require.Equal(b, wireStates[state].text, got.StateText)
				require.Equal(b, wireStates[state], wireStates[got.State])
				require.Equal(b, time.Now().UTC().Truncate(time.Minute), got.DoneDate.Time)
				require.Equal(b, time.Now().UTC().Truncate(time.Minute), got.SubmitDate.Time)
			}
		}
	})
}

func TestWhatWasUnknownCanBecomeKnown(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		id := b.submitted(b.bound(pdu.BindTransceiver, p), 1)
		d := b.receipts()
		for i, state := range []string{"unknown", "unknown", "delivered", "undeliverable"} {
			result := d.Deliver(context.Background(), told(i, id, state, ""))
			require.Equal(b, relay.Delivered, result.Outcome)
			b.store.link(result.Links)
		}
		require.Len(b, p.got, 2)
		require.Contains(b, string(p.got[0].ShortMessage), "stat:UNKNOWN")
		require.Contains(b, string(p.got[1].ShortMessage), "stat:DELIVRD")
	})
}

func TestReceiptsOutliveAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		b := newBed(t, Config{}, store)
		s := b.bound(pdu.BindTransmitter, nil)
		id := b.submitted(s, 1)
		multi := &pdu.SubmitMulti{SourceAddr: pdu.Address{Addr: "ACME"}, RegisteredDelivery: 1, ShortMessage: []byte("hello")}
		for _, to := range []string{"491700000001", "491700000002"} {
			multi.Dests = append(multi.Dests, pdu.Destination{Flag: pdu.DestFlagAddress, Addr: pdu.Address{TON: 1, NPI: 1, Addr: to}})
		}
		response, ok := b.submit(s, multi).(*pdu.SubmitMultiResp)
		require.True(t, ok)
		b.close()

		b = newBed(t, Config{}, store)
		result := b.receipts().Deliver(context.Background(), told(1, id, "delivered", ""))
		require.Equal(t, relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "no receiver or transceiver of 'esme' is bound", Note: result.Note,
		}, result)
		p := new(phone)
		b.bound(pdu.BindReceiver, p)
		require.Equal(t, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, id, "delivered", "")).Outcome)
		require.Contains(t, string(p.got[0].ShortMessage), "id:"+id+" ")

		// All recipients have the same message_id.
		require.Equal(t, relay.Delivered, b.receipts().Deliver(context.Background(), told(2, response.MessageID+"-2", "expired", "")).Outcome)
		require.Contains(t, string(p.got[1].ShortMessage), "id:"+response.MessageID+" ")
		require.Equal(t, "491700000002", p.got[1].SourceAddr.Addr)
		b.close()
	})
}

func TestReceiptsOfUnknownMessages(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		for _, id := range []string{"order-17", newMessageID(1), partID(newPartNumber(1)), newMessageID(1) + "-3"} {
			result := b.receipts().Deliver(context.Background(), told(1, id, "delivered", ""))
			require.Equal(b, relay.Permanent, result.Outcome)
			require.Equal(b, relay.ReasonBadRequest, result.Reason)
			require.Equal(b, fmt.Sprintf("no message %q is known: it was not submitted to this smsc, or longer ago than its receipt_expire", id), result.Detail)
		}
		for _, id := range []string{newMessageID(0), partID(newPartNumber(0)), newMessageID(0) + "-1"} {
			result := b.receipts().Deliver(context.Background(), told(1, id, "delivered", ""))
			require.Equal(b, relay.Result{Outcome: relay.Delivered, Detail: "no receipt was asked for"}, result)
		}
	})
}

func TestEventsThatAreNoReceipts(t *testing.T) {
	for body, detail := range map[string]string{
		``:                                       "the body is not the JSON of a receipt",
		`[]`:                                     "the body is not the JSON of a receipt",
		`{"state":"delivered"}`:                  "event.id is missing: it is not known which message the receipt is about",
		`{"event":null,"state":"delivered"}`:     "event.id is missing: it is not known which message the receipt is about",
		`{"event":{"id":1},"state":"delivered"}`: "event.id has not the type that it has in receipts",
		`{"event":{"id":"1"}}`:                   "state is missing",
		`{"event":{"id":"1"},"state":"secret"}`:  "state is none of delivered, undeliverable, expired, deleted, rejected, skipped, unknown, scheduled, enroute and accepted",
		`{"event":{"id":"1"},"state":"delivered","whole":{}}`:       "whole.state is missing",
		`{"event":{"id":"1"},"state":"delivered","final":"secret"}`: "final has not the type that it has in receipts",
	} {
		t.Run(body, func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				result := b.receipts().Deliver(context.Background(), &relay.Delivery{Event: &relay.Event{Body: []byte(body)}})
				require.Equal(b, relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonBadRequest, Detail: detail}, result)
			})
		})
	}
}

func TestReceiptsThatCanNotBeSentNow(t *testing.T) {
	run(t, Config{Accounts: []Account{testAccount(t, "esme"), testAccount(t, "other")}}, func(b *bed) {
		id := b.submitted(b.bound(pdu.BindTransceiver, new(phone)), 1)
		b.store.fail(errors.New("disk I/O error"))
		result := b.receipts().Deliver(context.Background(), told(1, id, "delivered", ""))
		require.Equal(b, relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "can't look up the message: disk I/O error"}, result)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.Equal(b, relay.ReasonCanceled, b.receipts().Deliver(ctx, told(1, id, "delivered", "")).Reason)
		b.store.fail(nil)

		esme := b.server.accounts["esme"]
		delete(b.server.accounts, "esme")
		result = b.receipts().Deliver(context.Background(), told(1, id, "delivered", ""))
		require.Equal(b, relay.Retry, result.Outcome)
		require.Equal(b, "there is no account 'esme' any more", result.Detail)
		b.server.accounts["esme"] = esme

		b.route.Detach()
		require.Equal(b, notRunning, b.receipts().Deliver(context.Background(), told(1, id, "delivered", "")))
		b.route.Activate()
		d, err := NewReceiptDestination(ReceiptConfig{Server: func() *Server { return nil }})
		require.NoError(b, err)
		require.Equal(b, notRunning, d.Deliver(context.Background(), told(1, id, "delivered", "")))
		require.Equal(b, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, id, "delivered", "")).Outcome)
	})
}

func TestOnlyWhatReceiptsNeedIsKept(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransmitter, nil)
		b.submitted(s, 0)
		require.Empty(b, b.store.links, "no receipt was asked for")
		b.submitted(s, 1)
		require.Len(b, b.store.links, 1)
		b.server.Attach(Route{Store: b.store, To: []string{"crm"}}).Activate()
		b.submitted(s, 1)
		require.Len(b, b.store.links, 1, "nobody sends receipts")
	})
}

func TestClientsWithoutTLVs(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		id := b.submitted(b.bound(pdu.BindTransmitter, nil), 1)
		p := new(phone)
		c := &session.Connector{
			Bind: pdu.Bind{SystemID: "esme", Password: "secret", InterfaceVersion: pdu.Version33}, Dial: b.pipes.dialContext,
		}
		c.Config.Handler = p
		_, err := c.Connect(context.Background(), pdu.BindReceiver)
		require.NoError(b, err)
		synctest.Wait()
		require.Equal(b, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, id, "delivered", "")).Outcome)
		require.Equal(b, pdu.TLVs{}, p.got[0].TLVs)
	})
}

func TestAddressesThatDoNotFit(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		m := &pdu.DataSM{
			SourceAddr: pdu.Address{Addr: "ACME"}, DestAddr: pdu.Address{Addr: "49170000000100000000000000000000000"}, RegisteredDelivery: 1,
		}
		require.NoError(b, m.TLVs.Add(pdu.TagMessagePayload, []byte("hello")))
		response, ok := b.submit(b.bound(pdu.BindTransceiver, nil), m).(*pdu.DataSMResp)
		require.True(b, ok)
		result := b.receipts().Deliver(context.Background(), told(1, response.MessageID, "delivered", ""))
		require.Equal(b, relay.Permanent, result.Outcome)
		require.Equal(b, relay.ReasonBadRequest, result.Reason)
	})
}

func TestClaimsAreBounded(t *testing.T) {
	var c claims
	for i := range maxClaims + 10 {
		require.True(t, c.take(strconv.Itoa(i), "1", receipt.Delivered))
	}
	require.Len(t, c.known, maxClaims)
	require.Len(t, c.order, maxClaims)
	require.True(t, c.take("0", "2", receipt.Delivered), "it is forgotten")
	require.True(t, c.take("100", "1", receipt.Delivered), "it is tried again")
	require.False(t, c.take("100", "2", receipt.Delivered))
}

func TestNewReceiptDestination(t *testing.T) {
	for name, c := range map[string]ReceiptConfig{
		"no server": {}, "negative": {WaitTimeout: -1, Server: func() *Server { return nil }},
		"charset": {Charset: coding.UCS2, Server: func() *Server { return nil }},
	} {
		_, err := NewReceiptDestination(c)
		require.Error(t, err, name)
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(`{"event":{"id":"1"},"state":"delivered","final":true,"whole":{"state":"enroute"},"error":"021","network_error_code":{"network":3,"code":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := readReport(&relay.Event{Body: body})
		if err != nil {
			return
		}
		require.NotEmpty(t, r.eventID)
		require.Len(t, r.errorText(), errorLength)
		p, err := r.deliverSM(&kept{}, newMessageID(1))
		require.NoError(t, err)
		p.ShortMessage = []byte(r.receiptText(newMessageID(1), time.Now()))
		_, err = p.AppendTo(nil)
		require.NoError(t, err)
	})
}
