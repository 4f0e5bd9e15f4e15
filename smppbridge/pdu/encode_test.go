package pdu_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestAppendToRefuses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		p      pdu.PDU
		status pdu.CommandStatus
		want   string
	}{
		{&pdu.Bind{}, pdu.StatusInvCmdID, "smpp: command_id: is of no bind"},
		{&pdu.Bind{Mode: pdu.BindReceiver, SystemID: long(16)}, pdu.StatusInvSysID, "smpp: bind_receiver: system_id: has 16 octets, and may have at most 15"},
		{&pdu.Bind{Mode: pdu.BindReceiver, Password: long(255)}, pdu.StatusInvPaswd, "smpp: bind_receiver: password: has 255 octets, and may have at most 254"},
		{&pdu.Bind{Mode: pdu.BindReceiver, SystemType: long(13)}, pdu.StatusInvSysTyp, "smpp: bind_receiver: system_type: has 13 octets, and may have at most 12"},
		{&pdu.SubmitSM{ServiceType: long(6)}, pdu.StatusInvSerTyp, "smpp: submit_sm: service_type: has 6 octets, and may have at most 5"},
		{&pdu.SubmitSM{SourceAddr: pdu.Address{Addr: long(21)}}, pdu.StatusInvSrcAdr, "smpp: submit_sm: source_addr: has 21 octets, and may have at most 20"},
		{&pdu.SubmitSM{SourceAddr: pdu.Address{Addr: "a\x00b"}}, pdu.StatusInvSrcAdr, "smpp: submit_sm: source_addr: has a NUL"},
		{&pdu.DataSM{DestAddr: pdu.Address{Addr: long(65)}}, pdu.StatusInvDstAdr, "smpp: data_sm: destination_addr: has 65 octets, and may have at most 64"},
		{&pdu.SubmitSM{ValidityPeriod: long(17)}, pdu.StatusInvExpiry, "smpp: submit_sm: validity_period: has 17 octets, and may have at most 16"},
		{&pdu.DeliverSM{ShortMessage: make([]byte, 256)}, pdu.StatusInvMsgLen, "smpp: deliver_sm: short_message: has 256 octets, and may have at most 255"},
		{&pdu.SubmitMulti{}, pdu.StatusInvNumDests, "smpp: submit_multi: number_of_dests: is 0"},
		{&pdu.SubmitMulti{Dests: make([]pdu.Destination, 256)}, pdu.StatusInvNumDests, "smpp: submit_multi: number_of_dests: is 256, and may be at most 255"},
		{&pdu.SubmitMulti{Dests: make([]pdu.Destination, 1)}, pdu.StatusInvDestFlag, "smpp: submit_multi: dest_flag: is neither 1 nor 2"},
	} {
		b, err := test.p.AppendTo([]byte("before"))
		require.EqualError(t, err, test.want)
		require.Equal(t, "before", string(b))
		var e *pdu.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, test.status, e.Status)
	}
}

func TestBody(t *testing.T) {
	for _, test := range []struct {
		h    pdu.Header
		id   string
		want string // the body
	}{
		{pdu.Header{}, "", "\x00"},
		{pdu.Header{}, "1", "1\x00"},
		{pdu.Header{Status: pdu.StatusSysErr}, "", ""},
		{pdu.Header{Status: pdu.StatusSysErr}, "1", "1\x00"},
		{pdu.Header{Status: pdu.StatusSysErr, Body: pdu.BodyPresent}, "", "\x00"},
		{pdu.Header{Body: pdu.BodyAbsent}, "1", ""},
	} {
		b, err := (&pdu.SubmitSMResp{Header: test.h, MessageID: test.id}).AppendTo(nil)
		require.NoError(t, err)
		require.Equal(t, test.want, string(b[pdu.HeaderLength:]))
		require.EqualValues(t, len(b), b[3])
	}
	// Requests have their body whatever the header says.
	b, err := (&pdu.QuerySM{Header: pdu.Header{Status: pdu.StatusSysErr, Body: pdu.BodyAbsent}}).AppendTo(nil)
	require.NoError(t, err)
	require.Len(t, b, pdu.HeaderLength+4)
}
