package smsc

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// FuzzSubmit gives a server whatever an ESME can send, up to the event.
func FuzzSubmit(f *testing.F) {
	add := func(p pdu.PDU) {
		p.Head().Sequence = 1
		frame, err := p.AppendTo(nil)
		require.NoError(f, err)
		f.Add(frame[4:])
	}
	add(text("hello"))
	for _, transport := range []string{"udh8", "udh16", "sar"} {
		for _, p := range parts(f, transport, 2) {
			add(p)
		}
	}
	add(&pdu.DataSM{DestAddr: text("").DestAddr, DataCoding: 8, TLVs: tlvs(func(t *pdu.TLVs) { _ = t.Add(pdu.TagMessagePayload, []byte("\x04\x16\xd8")) })})
	add(&pdu.SubmitSM{DestAddr: text("").DestAddr, ESMClass: pdu.ESMClassUDHI, DataCoding: 0xf5, ShortMessage: []byte("\x06\x05\x04\x0b\x84\x23\xf0\x01\xff")})
	add(&pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: pdu.DestFlagList, ListName: "all"}}})
	add(&pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: pdu.DestFlagAddress, Addr: text("").DestAddr}}, ShortMessage: []byte("hi")})
	add(&pdu.QuerySM{MessageID: "1"})
	f.Fuzz(func(t *testing.T, rest []byte) {
		frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(rest)+4)), rest...) //nolint:gosec // It fits.
		p, err := new(pdu.Decoder).Decode(frame)
		if err != nil || p.CommandID().IsResponse() {
			return
		}
		store := new(memory)
		s, err := New(Config{Name: "esmes", Accounts: []Account{testAccount(t, "esme")}})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		s.Attach(Route{Store: store, To: []string{"crm"}}).Activate()
		require.Positive(t, held(p))
		response, status := s.respond(s.accounts["esme"], p)
		for _, e := range store.all() {
			require.Equal(t, pdu.StatusOK, status)
			require.NotEmpty(t, e.ID)
			require.NotEmpty(t, e.Key)
			require.True(t, json.Valid(e.Body))
			require.Contains(t, bodyOf(t, e), "text")
		}
		if status == pdu.StatusOK {
			_, err := response.AppendTo(nil)
			require.NoError(t, err)
			require.NotZero(t, len(store.events)+len(store.links), "an answer of OK without anything kept")
		}
	})
}
