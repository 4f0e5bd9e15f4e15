package smsc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// tlvs returns those that f adds.
func tlvs(f func(*pdu.TLVs)) pdu.TLVs {
	var t pdu.TLVs
	f(&t)
	return t
}

func TestEvents(t *testing.T) {
	// Time in the tests begins with 2000-01-01 00:00:00 UTC.
	payload := strings.Repeat("p", 400)
	for name, tt := range map[string]struct {
		request pdu.PDU
		config  Config
		want    string // without message_id, and what is the same in all
	}{
		"text":       {request: text("50 \x1be \x00 home"), want: `{"text": "50 € @ home", "data_coding": 0, "charset": "gsm7"}`},
		"empty text": {request: text(""), want: `{"text": "", "data_coding": 0, "charset": "gsm7"}`},
		"other alphabet": {
			request: text("caf\xe9"), config: Config{Charset: coding.Latin1},
			want: `{"text": "café", "data_coding": 0, "charset": "latin1"}`,
		},
		"UCS2": {
			request: &pdu.SubmitSM{DestAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"}, SourceAddr: text("").SourceAddr, DataCoding: 8, ShortMessage: []byte("\x04\x16\xd8\x3d\xde\x00")},
			want:    `{"text": "Ж😀", "data_coding": 8, "charset": "ucs2"}`,
		},
		"binary for a port": {
			request: &pdu.SubmitSM{
				DestAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"}, SourceAddr: text("").SourceAddr, DataCoding: 4, ESMClass: pdu.ESMClassUDHI,
				ShortMessage: []byte("\x06\x05\x04\x0b\x84\x23\xf0\x01\xff"),
			},
			want: `{"text": "", "hex": "01ff", "data_coding": 4, "charset": "binary", "esm_class": 64, "destination_port": 2948, "source_port": 9200}`,
		},
		"all fields": {
			request: &pdu.SubmitSM{
				ServiceType: "CMT", SourceAddr: text("").SourceAddr, DestAddr: text("").DestAddr, ESMClass: 3, ProtocolID: 64, PriorityFlag: 2,
				ScheduleDeliveryTime: "000101120000000+", ValidityPeriod: "000001000000000R", RegisteredDelivery: 1, ReplaceIfPresent: 1,
				ShortMessage: []byte("hi"),
				TLVs: tlvs(func(t *pdu.TLVs) {
					t.AddUint16(pdu.TagUserMessageReference, 7)
					t.AddUint16(pdu.TagSourcePort, 1)
					t.AddUint16(pdu.TagDestinationPort, 2)
					t.AddUint8(0x1401, 255)
				}),
			},
			want: `{
				"text": "hi", "data_coding": 0, "charset": "gsm7", "service_type": "CMT", "esm_class": 3, "protocol_id": 64, "priority": 2,
				"schedule_delivery_time": "2000-01-01T12:00:00Z", "validity_period": "2000-01-02T00:00:00Z", "registered_delivery": 1,
				"replace_if_present": true, "user_message_reference": 7, "source_port": 1, "destination_port": 2, "tlvs": [{"tag": "0x1401", "hex": "ff"}]
			}`,
		},
		"payload": {
			request: &pdu.SubmitSM{
				SourceAddr: text("").SourceAddr, DestAddr: text("").DestAddr,
				TLVs: tlvs(func(t *pdu.TLVs) { _ = t.Add(pdu.TagMessagePayload, []byte(payload)) }),
			},
			want: `{"text": "` + payload + `", "data_coding": 0, "charset": "gsm7"}`,
		},
		"data_sm": {
			request: &pdu.DataSM{
				ServiceType: "WAP", SourceAddr: text("").SourceAddr, DestAddr: text("").DestAddr, RegisteredDelivery: 2,
				TLVs: tlvs(func(t *pdu.TLVs) { _ = t.Add(pdu.TagMessagePayload, []byte("hello")) }),
			},
			want: `{"text": "hello", "data_coding": 0, "charset": "gsm7", "service_type": "WAP", "registered_delivery": 2}`,
		},
		"a part that says it is the only one": {
			request: &pdu.SubmitSM{SourceAddr: text("").SourceAddr, DestAddr: text("").DestAddr, ESMClass: pdu.ESMClassUDHI, ShortMessage: []byte("\x05\x00\x03\x01\x01\x01hi")},
			want:    `{"text": "hi", "data_coding": 0, "charset": "gsm7", "esm_class": 64}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, tt.config, func(b *bed) {
				response := b.submit(b.bound(pdu.BindTransmitter, nil), tt.request)
				require.Equal(b, pdu.StatusOK, response.Head().Status)
				require.Equal(b, tt.request.CommandID().Response(), response.CommandID())
				var id string
				switch r := response.(type) {
				case *pdu.SubmitSMResp:
					id = r.MessageID
				case *pdu.DataSMResp:
					id = r.MessageID
				}
				require.Len(b, id, 26)
				require.Len(b, b.store.all(), 1)
				event := b.store.all()[0]
				require.Equal(b, id, event.ID)
				require.Equal(b, "esmes", event.Source)
				require.Equal(b, "smpp.submit", event.Type)
				require.Equal(b, "491700000001", event.Key)
				require.Equal(b, "application/json", event.Header.Get("Content-Type"))
				require.Equal(b, [][]string{{"crm"}}, b.store.to)

				want := map[string]any{
					"system_id": "esme", "message_id": id, "registered_delivery": 0, "parts": 1, "complete": true,
					"source_addr": "ACME", "source_addr_ton": 5, "source_addr_npi": 0,
					"dest_addr": "491700000001", "dest_addr_ton": 1, "dest_addr_npi": 1,
				}
				require.NoError(b, json.Unmarshal([]byte(tt.want), &want))
				encoded, err := json.Marshal(want)
				require.NoError(b, err)
				require.JSONEq(b, string(encoded), string(event.Body))
				require.Equal(b, map[pdu.CommandStatus]int{pdu.StatusOK: 1}, b.counts.answers)
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	change := func(f func(*pdu.SubmitSM)) pdu.PDU {
		m := text("hello")
		f(m)
		return m
	}
	for name, tt := range map[string]struct {
		request pdu.PDU
		status  pdu.CommandStatus
	}{
		"no recipient":      {change(func(m *pdu.SubmitSM) { m.DestAddr.Addr = "" }), pdu.StatusInvDstAdr},
		"bad recipient":     {change(func(m *pdu.SubmitSM) { m.DestAddr.Addr = "49\n17" }), pdu.StatusInvDstAdr},
		"bad sender":        {change(func(m *pdu.SubmitSM) { m.SourceAddr.Addr = "\xff" }), pdu.StatusInvSrcAdr},
		"bad service_type":  {change(func(m *pdu.SubmitSM) { m.ServiceType = "\x01" }), pdu.StatusInvSerTyp},
		"no such text":      {change(func(m *pdu.SubmitSM) { m.SMDefaultMsgID = 1 }), pdu.StatusInvDftMsgID},
		"bad validity":      {change(func(m *pdu.SubmitSM) { m.ValidityPeriod = "tomorrow" }), pdu.StatusInvExpiry},
		"bad schedule":      {change(func(m *pdu.SubmitSM) { m.ScheduleDeliveryTime = "999999999999999+" }), pdu.StatusInvSched},
		"header too long":   {change(func(m *pdu.SubmitSM) { m.ESMClass = pdu.ESMClassUDHI }), pdu.StatusInvESMClass},
		"no header":         {change(func(m *pdu.SubmitSM) { m.ESMClass, m.ShortMessage = pdu.ESMClassUDHI, nil }), pdu.StatusInvESMClass},
		"query_sm":          {&pdu.QuerySM{MessageID: "1"}, pdu.StatusQueryFail},
		"cancel_sm":         {&pdu.CancelSM{MessageID: "1"}, pdu.StatusCancelFail},
		"replace_sm":        {&pdu.ReplaceSM{MessageID: "1"}, pdu.StatusReplaceFail},
		"broadcast_sm":      {&pdu.BroadcastSM{}, pdu.StatusInvCmdID},
		"distribution list": {&pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: pdu.DestFlagList, ListName: "all"}}}, pdu.StatusInvDLName},
		"many bad ones":     {&pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: pdu.DestFlagAddress}, {Flag: pdu.DestFlagAddress}}}, pdu.StatusInvDstAdr},
		"part for many": {&pdu.SubmitMulti{
			Dests:    []pdu.Destination{{Flag: pdu.DestFlagAddress, Addr: text("").DestAddr}},
			ESMClass: pdu.ESMClassUDHI, ShortMessage: []byte("\x05\x00\x03\x01\x02\x01hi"),
		}, pdu.StatusInvESMClass},
		"data_sm to nowhere": {&pdu.DataSM{}, pdu.StatusInvDstAdr},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				s := b.bound(pdu.BindTransceiver, nil)
				require.Equal(b, tt.status, b.submit(s, tt.request).Head().Status)
				require.Empty(b, b.store.all())
				require.Equal(b, pdu.StatusOK, b.submit(s, text("the next one")).Head().Status)
				require.Equal(b, map[pdu.CommandStatus]int{tt.status: 1, pdu.StatusOK: 1}, b.counts.answers)
			})
		})
	}
}

func TestNoAnswerBeforeTheEventIsDurable(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransceiver, nil)
		b.store.gate = make(chan struct{})
		answered := make(chan pdu.PDU, 1)
		go func() { answered <- b.submit(s, text("hello")) }()
		time.Sleep(30 * time.Second)
		require.Empty(b, answered)
		close(b.store.gate)
		require.Equal(b, pdu.StatusOK, (<-answered).Head().Status)
	})
}

func TestWhatCanNotBeKept(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status pdu.CommandStatus
	}{
		"full":    {relay.ErrFull, pdu.StatusMsgQFul},
		"closed":  {relay.ErrClosed, pdu.StatusRxTAppn},
		"trouble": {errors.New("disk I/O error"), pdu.StatusRxTAppn},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(b *bed) {
				s := b.bound(pdu.BindTransceiver, nil)
				b.store.fail(tt.err)
				require.Equal(b, tt.status, b.submit(s, text("hello")).Head().Status)
				for _, part := range parts(b, "udh8", 2) {
					require.Equal(b, tt.status, b.submit(s, part).Head().Status)
				}
				b.store.fail(nil)
				require.Equal(b, pdu.StatusOK, b.submit(s, text("hello")).Head().Status)
				require.Len(b, b.store.all(), 1)
			})
		})
	}
}

func TestRateAndWindowOfAnAccount(t *testing.T) {
	account := testAccount(t, "esme")
	account.Rate, account.Window = 2, 1
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		s := b.bound(pdu.BindTransceiver, nil)
		second := b.bound(pdu.BindTransceiver, nil)
		for i, status := range []pdu.CommandStatus{pdu.StatusOK, pdu.StatusOK, pdu.StatusThrottled} {
			require.Equal(b, status, b.submit(s, text("hello")).Head().Status, i)
		}
		require.Equal(b, pdu.StatusThrottled, b.submit(second, text("hello")).Head().Status, "sessions share the rate")
		time.Sleep(time.Second)
		b.store.gate = make(chan struct{})
		answered := make(chan pdu.PDU, 1)
		go func() { answered <- b.submit(s, text("hello")) }()
		synctest.Wait()
		require.Equal(b, pdu.StatusThrottled, b.submit(s, text("hello")).Head().Status, "that is more than the window")
		close(b.store.gate)
		require.Equal(b, pdu.StatusOK, (<-answered).Head().Status)
	})
}

func TestMemoryOfWhatIsNotDurableIsBounded(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		b.server.octets.Store(maxOctets - 100)
		s := b.bound(pdu.BindTransceiver, nil)
		require.Equal(b, pdu.StatusThrottled, b.submit(s, text("hello")).Head().Status)
		b.server.octets.Store(0)
		require.Equal(b, pdu.StatusOK, b.submit(s, text("hello")).Head().Status)
		synctest.Wait()
		require.Zero(b, b.server.octets.Load())
	})
}

func TestASessionThatEndsLosesNothing(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransceiver, nil)
		b.store.gate = make(chan struct{})
		go func() { _, _ = s.Do(context.Background(), text("hello"), nil) }()
		synctest.Wait()
		require.NoError(b, s.Close())
		close(b.store.gate)
		synctest.Wait()
		require.Len(b, b.store.all(), 1, "the ESME does not know that, and may submit it again")
	})
}

func TestSubmitMultiIsAnEventForEachRecipient(t *testing.T) {
	account := testAccount(t, "esme")
	account.Rate = 3
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		s := b.bound(pdu.BindTransceiver, nil)
		multi := &pdu.SubmitMulti{SourceAddr: text("").SourceAddr, ShortMessage: []byte("hello")}
		for _, number := range []string{"", "491700000001", "491700000002"} {
			multi.Dests = append(multi.Dests, pdu.Destination{Flag: pdu.DestFlagAddress, Addr: pdu.Address{TON: 1, NPI: 1, Addr: number}})
		}
		response, ok := b.submit(s, multi).(*pdu.SubmitMultiResp)
		require.True(b, ok)
		require.Equal(b, pdu.StatusOK, response.Status)
		require.Equal(b, []pdu.Unsuccess{{Addr: pdu.Address{TON: 1, NPI: 1}, Status: pdu.StatusInvDstAdr}}, response.Unsuccess)
		got := make(map[string]string)
		for _, e := range b.store.all() {
			body := bodyOf(b, e)
			require.Equal(b, response.MessageID, body["message_id"])
			require.Equal(b, "hello", body["text"])
			got[e.ID] = e.Key
		}
		require.Equal(b, map[string]string{response.MessageID + "-2": "491700000001", response.MessageID + "-3": "491700000002"}, got)
		require.Equal(b, pdu.StatusThrottled, b.submit(s, text("hello")).Head().Status, "each recipient counts")
		time.Sleep(time.Second)
		b.store.fail(relay.ErrFull)
		require.Equal(b, pdu.StatusMsgQFul, b.submit(s, multi).Head().Status, "it is worthwhile to submit it again")
		require.Len(b, b.store.all(), 2)
		b.route.Detach()
		time.Sleep(time.Second)
		require.Equal(b, pdu.StatusRxTAppn, b.submit(s, multi).Head().Status)
	})
}
