package pdu_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestTLVs(t *testing.T) {
	const vendor pdu.Tag = 0x1400
	var tlvs pdu.TLVs
	tlvs.AddUint8(pdu.TagPayloadType, 1)
	tlvs.AddUint16(pdu.TagUserMessageReference, 0xbeef)
	tlvs.AddUint32(pdu.TagQOSTimeToLive, 3600)
	require.NoError(t, tlvs.AddCString(pdu.TagReceiptedMessageID, "abc"))
	require.NoError(t, tlvs.Add(pdu.TagAlertOnMessageDelivery, nil))
	require.NoError(t, tlvs.Add(vendor, []byte("first")))
	require.NoError(t, tlvs.Add(vendor, []byte("second")))

	one, ok := tlvs.Uint8(pdu.TagPayloadType)
	require.True(t, ok)
	require.EqualValues(t, 1, one)
	two, ok := tlvs.Uint16(pdu.TagUserMessageReference)
	require.True(t, ok)
	require.EqualValues(t, 0xbeef, two)
	four, ok := tlvs.Uint32(pdu.TagQOSTimeToLive)
	require.True(t, ok)
	require.EqualValues(t, 3600, four)
	id, ok := tlvs.CString(pdu.TagReceiptedMessageID)
	require.True(t, ok)
	require.Equal(t, "abc", id)
	empty, ok := tlvs.Get(pdu.TagAlertOnMessageDelivery)
	require.True(t, ok)
	require.Empty(t, empty)
	value, ok := tlvs.Get(vendor)
	require.True(t, ok)
	require.Equal(t, "first", string(value))

	for _, wrong := range []pdu.Tag{pdu.TagSourcePort, pdu.TagAlertOnMessageDelivery, vendor} {
		_, ok = tlvs.Uint8(wrong)
		require.False(t, ok)
		_, ok = tlvs.Uint16(wrong)
		require.False(t, ok)
		_, ok = tlvs.Uint32(wrong)
		require.False(t, ok)
	}
	_, ok = tlvs.CString(pdu.TagSourcePort)
	require.False(t, ok)

	var order []pdu.Tag
	for tag := range tlvs.All() {
		order = append(order, tag)
	}
	require.Equal(t, []pdu.Tag{
		pdu.TagPayloadType, pdu.TagUserMessageReference, pdu.TagQOSTimeToLive, pdu.TagReceiptedMessageID, pdu.TagAlertOnMessageDelivery,
		vendor, vendor,
	}, order)
	for range tlvs.All() {
		break // An iterator must stop when told.
	}
}

func TestTLVsRefused(t *testing.T) {
	var tlvs pdu.TLVs
	var e *pdu.Error
	require.ErrorAs(t, tlvs.Add(pdu.TagMessagePayload, make([]byte, 65_536)), &e)
	require.Equal(t, "smpp: message_payload: has 65536 octets, and may have at most 65535", e.Error())
	require.ErrorAs(t, tlvs.AddCString(pdu.TagReceiptedMessageID, "a\x00b"), &e)
	require.Equal(t, pdu.StatusInvTLVVal, e.Status)
	require.ErrorAs(t, tlvs.AddCString(pdu.TagReceiptedMessageID, strings.Repeat("a", 65_535)), &e)
	require.Equal(t, pdu.StatusInvTLVLen, e.Status)
	require.Equal(t, pdu.TLVs{}, tlvs)
}

// TestTLVsOfDecoded: what is added to the TLVs of a decoded PDU does not get
// into the frame, where another PDU may be.
func TestTLVsOfDecoded(t *testing.T) {
	frame, err := deliverSM().AppendTo(nil)
	require.NoError(t, err)
	both := append(frame, frame...)
	var d pdu.Decoder
	p, err := d.Decode(both[:len(frame)])
	require.NoError(t, err)
	p.(*pdu.DeliverSM).TLVs.AddUint8(pdu.TagPayloadType, 1)
	require.Equal(t, frame, both[len(frame):])
}

func TestTypedTLVs(t *testing.T) {
	receipt := deliverSM().TLVs
	id, ok := receipt.ReceiptedMessageID()
	require.True(t, ok)
	require.Equal(t, "0123456789", id)
	state, ok := receipt.MessageState()
	require.True(t, ok)
	require.Equal(t, pdu.MessageStateDelivered, state)

	var tlvs pdu.TLVs
	_, ok = tlvs.MessageState()
	require.False(t, ok)
	require.NoError(t, tlvs.Add(pdu.TagReceiptedMessageID, []byte("no NUL")))
	tlvs.AddUint8(pdu.TagSCInterfaceVersion, 0x50)
	tlvs.AddUint8(pdu.TagDeliveryFailureReason, 3)
	require.NoError(t, tlvs.Add(pdu.TagMessagePayload, []byte("text")))
	id, _ = tlvs.ReceiptedMessageID()
	require.Equal(t, "no NUL", id)
	version, ok := tlvs.SCInterfaceVersion()
	require.True(t, ok)
	require.Equal(t, pdu.Version50, version)
	reason, ok := tlvs.DeliveryFailureReason()
	require.True(t, ok)
	require.Equal(t, pdu.DeliveryFailureTemporary, reason)
	payload, ok := tlvs.MessagePayload()
	require.True(t, ok)
	require.Equal(t, "text", string(payload))
}

func TestNetworkErrorCode(t *testing.T) {
	for value, want := range map[string]*pdu.NetworkErrorCode{
		"\x03\x00\x2a":     {Network: 3, Code: 42},
		"\x08\x01\x00":     {Network: 8, Code: 256},
		"042":              {Code: 42},
		"\x30\x31":         nil,
		"":                 nil,
		"\x03\x00\x2a\x00": nil,
	} {
		var tlvs pdu.TLVs
		require.NoError(t, tlvs.Add(pdu.TagNetworkErrorCode, []byte(value)))
		code, ok := tlvs.NetworkErrorCode()
		require.Equal(t, want != nil, ok, "%q", value)
		if want != nil {
			require.Equal(t, *want, code)
		}
	}
	_, ok := pdu.TLVs{}.NetworkErrorCode()
	require.False(t, ok)
}

func TestSAR(t *testing.T) {
	for _, test := range []struct {
		sar pdu.SAR
		ok  bool
	}{
		{pdu.SAR{Ref: 0x1234, Total: 3, Seq: 2}, true},
		{pdu.SAR{Ref: 0, Total: 1, Seq: 1}, true},
		{pdu.SAR{Ref: 1, Total: 0, Seq: 0}, false},
		{pdu.SAR{Ref: 1, Total: 2, Seq: 0}, false},
		{pdu.SAR{Ref: 1, Total: 2, Seq: 3}, false},
	} {
		var tlvs pdu.TLVs
		tlvs.AddSAR(test.sar)
		got, ok := tlvs.SAR()
		require.Equal(t, test.ok, ok)
		if ok {
			require.Equal(t, test.sar, got)
		}
	}
	_, ok := pdu.TLVs{}.SAR()
	require.False(t, ok)
}

// TestMessage: the text is found wherever it is.
func TestMessage(t *testing.T) {
	var payload pdu.TLVs
	require.NoError(t, payload.Add(pdu.TagMessagePayload, []byte("payload")))
	for _, p := range []interface{ Message() []byte }{
		&pdu.SubmitSM{TLVs: payload}, &pdu.DeliverSM{TLVs: payload}, &pdu.DataSM{TLVs: payload}, &pdu.SubmitMulti{TLVs: payload},
		&pdu.ReplaceSM{TLVs: payload}, &pdu.BroadcastSM{TLVs: payload},
	} {
		require.Equal(t, "payload", string(p.Message()))
	}
	short := []byte("short")
	for _, p := range []interface{ Message() []byte }{
		&pdu.SubmitSM{ShortMessage: short, TLVs: payload}, &pdu.DeliverSM{ShortMessage: short, TLVs: payload},
		&pdu.SubmitMulti{ShortMessage: short, TLVs: payload}, &pdu.ReplaceSM{ShortMessage: short, TLVs: payload},
	} {
		require.Equal(t, "short", string(p.Message()))
	}
	require.Empty(t, (&pdu.SubmitSM{}).Message())
}
