package pdu_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// reaction is what a PDU leads to.
type reaction struct {
	decoded pdu.PDU // nil if it is refused
	reply   pdu.PDU // to a refused one
	closed  bool    // the session is closed
}

// react reads and decodes the PDU in b.
func react(t testing.TB, d *pdu.Decoder, b []byte) reaction {
	t.Helper()
	frame, err := pdu.NewReader(bytes.NewReader(b), 0).ReadFrame()
	var p pdu.PDU
	if err == nil {
		p, err = d.Decode(frame)
	}
	if err == nil {
		return reaction{decoded: p}
	}
	var e *pdu.Error
	require.ErrorAs(t, err, &e)
	require.True(t, strings.HasPrefix(e.Error(), "smpp: "), e.Error())
	return reaction{decoded: p, reply: e.Reply(), closed: e.Close}
}

// message is the deliver_sm of the vectors without what differs.
func message(sequence uint32, class pdu.ESMClass, text string) *pdu.DeliverSM {
	p := &pdu.DeliverSM{
		Header:     pdu.Header{Sequence: sequence},
		SourceAddr: pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "4917"},
		DestAddr:   pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "123"},
		ESMClass:   class,
	}
	if text != "" {
		p.ShortMessage = []byte(text)
	}
	return p
}

func TestMalformedVectors(t *testing.T) {
	drop := func(sequence uint32) reaction {
		return reaction{reply: &pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdLen, Sequence: sequence}}, closed: true}
	}
	refuse := func(sequence uint32, status pdu.CommandStatus) reaction {
		return reaction{reply: &pdu.DeliverSMResp{Header: pdu.Header{Status: status, Sequence: sequence}}}
	}
	strict := map[string]reaction{
		"command_length 0":  drop(0),
		"command_length 15": drop(0),
		"command_length 0xffffffff (negative as int32)":           drop(1),
		"unknown response command_id 0x800000f7":                  {},
		"deliver_sm: body ends inside the mandatory part":         refuse(0x50, pdu.StatusInvCmdLen),
		"deliver_sm: TLV length runs past the end":                refuse(0x52, pdu.StatusInvTLVStream),
		"deliver_sm: UDHI set, UDHL 0x40 longer than the message": {decoded: message(0x54, pdu.ESMClassUDHI, "\x40\x05")},
		"deliver_sm: concat total 0":                              {decoded: message(0x56, pdu.ESMClassUDHI, "\x05\x00\x03\x01\x00\x01a")},
		"submit_sm_resp with sequence nobody asked for":           {decoded: &pdu.SubmitSMResp{Header: pdu.Header{Sequence: 0x0fffffff}, MessageID: "1"}},
		"submit_sm_resp error with body":                          {decoded: &pdu.SubmitSMResp{Header: pdu.Header{Status: pdu.StatusThrottled, Sequence: 0x59}, MessageID: "1"}},
		"enquire_link with 4 extra octets":                        {decoded: &pdu.EnquireLink{Header: pdu.Header{Sequence: 0x5b}}},
		"enquire_link with sequence 0x80000001":                   {decoded: &pdu.EnquireLink{Header: pdu.Header{Sequence: 0x80000001}}},
		"deliver_sm receipt with NUL inside short_message":        {decoded: message(0x5c, pdu.ESMClassDeliveryReceipt, "id:1\x00\x00")},
	}
	lenient := map[string]reaction{
		"deliver_sm: TLV length runs past the end": {decoded: message(0x52, 0, "hi")},
	}
	for _, v := range readVectors(t, "testdata/smpp-malformed.json") {
		t.Run(v.Name, func(t *testing.T) {
			want, ok := strict[v.Name]
			require.True(t, ok, "there is no reaction for %q", v.Expect)
			require.Equal(t, want, react(t, &pdu.Decoder{}, unhex(t, v.Hex)))
			if other, ok := lenient[v.Name]; ok {
				want = other
			}
			require.Equal(t, want, react(t, &pdu.Decoder{Lenient: true}, unhex(t, v.Hex)))
		})
	}
}

// TestRefused covers what the vectors leave out, and who is answered what.
func TestRefused(t *testing.T) {
	const head = "0000000a" // the sequence number
	nack := func(status pdu.CommandStatus, sequence uint32) pdu.PDU {
		return &pdu.GenericNack{Header: pdu.Header{Status: status, Sequence: sequence}}
	}
	h := func(status pdu.CommandStatus) pdu.Header { return pdu.Header{Status: status, Sequence: 10} }
	for _, test := range []struct {
		name, hex string // without command_length
		want      reaction
	}{
		{"unknown request", "000000f700000000" + head, reaction{reply: nack(pdu.StatusInvCmdID, 10)}},
		{"submit_sm of only a header", "0000000400000000" + head, reaction{reply: &pdu.SubmitSMResp{Header: h(pdu.StatusInvCmdLen)}}},
		{
			"deliver_sm without any NUL", "0000000500000000" + head + strings.Repeat("41", 30),
			reaction{reply: &pdu.DeliverSMResp{Header: h(pdu.StatusInvSerTyp)}},
		},
		{
			"deliver_sm: sm_length past the end", "0000000500000000" + head + "000000000000000000000000000000000541",
			reaction{reply: &pdu.DeliverSMResp{Header: h(pdu.StatusInvMsgLen)}},
		},
		{
			"deliver_sm: stray octets behind the body", "0000000500000000" + head + "0000000000000000000000000000000000" + "001e00",
			reaction{reply: &pdu.DeliverSMResp{Header: h(pdu.StatusInvTLVStream)}},
		},
		{
			"bind_transmitter: system_id too long", "0000000200000000" + head + strings.Repeat("61", 16) + "00",
			reaction{reply: &pdu.BindResp{Mode: pdu.BindTransmitter, Header: h(pdu.StatusInvSysID)}},
		},
		{
			"query_sm: source_addr without NUL", "0000000300000000" + head + "310000003132",
			reaction{reply: &pdu.QuerySMResp{Header: h(pdu.StatusInvCmdLen)}},
		},
		{
			"submit_multi: more destinations than octets", "0000002100000000" + head + "00000000ff0101",
			reaction{reply: &pdu.SubmitMultiResp{Header: h(pdu.StatusInvCmdLen)}},
		},
		{
			"submit_multi: no destination", "0000002100000000" + head + "0000000000" + strings.Repeat("00", 9),
			reaction{reply: &pdu.SubmitMultiResp{Header: h(pdu.StatusInvNumDests)}},
		},
		{
			"submit_multi: dest_flag 3", "0000002100000000" + head + "0000000001" + "03000000",
			reaction{reply: &pdu.SubmitMultiResp{Header: h(pdu.StatusInvDestFlag)}},
		},
		{"alert_notification is not answered", "0000010200000000" + head + "01", reaction{}},
		{"outbind is not answered", "0000000b00000000" + head + "4141", reaction{}},
		{
			"query_sm_resp: broken, but settles the request", "8000000300000000" + head + "310000",
			reaction{decoded: &pdu.QuerySMResp{Header: h(0), MessageID: "1"}},
		},
		{
			"submit_multi_resp: broken, but settles the request", "8000002100000000" + head + "3100020101",
			reaction{decoded: &pdu.SubmitMultiResp{Header: h(0), MessageID: "1"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := react(t, &pdu.Decoder{}, withLength(unhex(t, test.hex)))
			require.Equal(t, test.want, got)
			if got.reply != nil {
				_, err := got.reply.AppendTo(nil)
				require.NoError(t, err)
			}
		})
	}
}

// withLength puts the command_length in front.
func withLength(b []byte) []byte {
	n := len(b) + 4
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, b...)
}

// TestTolerated covers what peers do wrong that does no harm.
func TestTolerated(t *testing.T) {
	h := func(status pdu.CommandStatus, body pdu.Body) pdu.Header {
		return pdu.Header{Status: status, Sequence: 10, Body: body}
	}
	var text pdu.TLVs
	require.NoError(t, text.Add(pdu.TagAdditionalStatusInfoText, []byte("no")))
	long := strings.Repeat("a", 100)
	for _, test := range []struct {
		name, hex string // without command_length
		lenient   bool
		want      pdu.PDU
	}{
		{"OK without a body", "80000004000000000000000a", false, &pdu.SubmitSMResp{Header: h(0, pdu.BodyAbsent)}},
		{"error with an empty body", "80000004000000080000000a" + "00", false, &pdu.SubmitSMResp{Header: h(8, pdu.BodyPresent)}},
		{"error with a broken body", "80000003000000080000000a" + "3100", false, &pdu.QuerySMResp{Header: h(8, 0), MessageID: "1"}},
		{"error with TLVs", "80000004000000fe0000000a" + "00001d00026e6f", false, &pdu.SubmitSMResp{Header: h(0xfe, 0), TLVs: text}},
		{"no NUL at the end of a response", "80000004000000000000000a" + "313233", false, &pdu.SubmitSMResp{Header: h(0, 0), MessageID: "123"}},
		{"long message_id", "80000004000000000000000a" + strings.Repeat("61", 100) + "00", false, &pdu.SubmitSMResp{Header: h(0, 0), MessageID: long}},
		{"stray octets behind a response", "80000004000000000000000a" + "3100" + "001e", false, &pdu.SubmitSMResp{Header: h(0, 0), MessageID: "1"}},
		{"broken TLV behind a whole one", "80000004000000000000000a" + "3100" + "001d00026e6f" + "042400ff41", false, &pdu.SubmitSMResp{Header: h(0, 0), MessageID: "1", TLVs: text}},
		{"bind_resp without system_id", "80000009000000000000000a", false, &pdu.BindResp{Header: h(0, pdu.BodyAbsent), Mode: pdu.BindTransceiver}},
		{"long password", "0000000b000000000000000a" + "00" + strings.Repeat("61", 100) + "00", false, &pdu.Outbind{Header: h(0, 0), Password: long}},
		{
			"long source_addr", "00000003000000000000000a" + "3100" + "0000" + strings.Repeat("61", 100) + "00", true,
			&pdu.QuerySM{Header: h(0, 0), MessageID: "1", SourceAddr: pdu.Address{Addr: long}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := pdu.Decoder{Lenient: test.lenient}
			got, err := d.Decode(withLength(unhex(t, test.hex)))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			if test.lenient {
				d.Lenient = false
				_, err = d.Decode(withLength(unhex(t, test.hex)))
				require.Error(t, err)
			}
		})
	}
}

func TestDecodeWrongFrame(t *testing.T) {
	var d pdu.Decoder
	for _, frame := range []string{"", "00000010", "000000110000001500000000000000", "00000011000000150000000000000001"} {
		p, err := d.Decode(unhex(t, frame))
		require.Nil(t, p)
		var e *pdu.Error
		require.ErrorAs(t, err, &e)
		require.True(t, e.Close)
		require.Equal(t, pdu.StatusInvCmdLen, e.Status)
	}
}
