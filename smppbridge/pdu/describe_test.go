package pdu_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestString(t *testing.T) {
	bind := samples()[0]
	require.Equal(t, `bind_transceiver sequence_number=7 system_id=esme01 password=[redacted] system_type=VMA interface_version=52 `+
		`addr_ton=international addr_npi=isdn address_range=^4917`, bind.String())
	require.Equal(t, `deliver_sm sequence_number=7 source_addr_ton=international source_addr_npi=isdn source_addr=491700000001 `+
		`dest_addr_ton=alphanumeric destination_addr=ACME esm_class=4 sm_length=107 `+
		`tlvs=receipted_message_id="0123456789" message_state=0x02 network_error_code=0x030000`, deliverSM().String())
	require.Equal(t, "submit_sm_resp sequence_number=7 command_status=ESME_RTHROTTLED",
		(&pdu.SubmitSMResp{Header: pdu.Header{Sequence: 7, Status: pdu.StatusThrottled}}).String())
	require.Equal(t, `submit_sm_resp sequence_number=0 command_status=ESME_ROK message_id="a\nb"`, (&pdu.SubmitSMResp{MessageID: "a\nb"}).String())
	require.Equal(t, "submit_multi_resp sequence_number=7 command_status=ESME_ROK message_id=m1 no_unsuccess=1 dest_addr_ton=international "+
		"dest_addr_npi=isdn destination_addr=491700000001 error_status_code=ESME_RINVDSTADR",
		(&pdu.SubmitMultiResp{
			Header: pdu.Header{Sequence: 7}, MessageID: "m1", Unsuccess: []pdu.Unsuccess{{Addr: subscriber, Status: pdu.StatusInvDstAdr}},
		}).String())
}

// TestSecrets logs each type of PDU in each way, with a secret wherever there may
// be one.
func TestSecrets(t *testing.T) {
	const secret = "s3cr3t"
	for _, p := range samples() {
		v := reflect.ValueOf(p).Elem()
		for field, value := range v.Fields() {
			switch field.Name {
			case "Password":
				value.SetString(secret)
			case "ShortMessage":
				value.SetBytes([]byte(secret))
			case "TLVs":
				var tlvs pdu.TLVs
				for _, tag := range []pdu.Tag{pdu.TagMessagePayload, pdu.TagAdditionalStatusInfoText, 0x1400} {
					require.NoError(t, tlvs.Add(tag, []byte(secret)))
				}
				require.NoError(t, tlvs.Add(pdu.TagMessagePayload, []byte(secret[:4])))
				value.Set(reflect.ValueOf(tlvs))
			}
		}
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("sent", "pdu", p, "value", v.Interface())
			if tlvs := v.FieldByName("TLVs"); tlvs.IsValid() {
				slog.New(h).Info("sent", "tlvs", tlvs.Interface())
			}
		}
		fmt.Fprintf(&log, "%v %+v %s %v", p, p, p, v.Interface())
		require.Contains(t, log.String(), p.CommandID().String())
		require.NotContains(t, log.String(), secret[:4])
		require.NotContains(t, log.String(), fmt.Sprintf("%x", secret[:4]))
		require.NotContains(t, log.String(), "115 51 99 114", "the octets in decimal")
	}
}

func TestDescribeChangesNothing(t *testing.T) {
	dests := []pdu.Destination{
		{Flag: pdu.DestFlagAddress, Addr: subscriber, ListName: "other"}, {Flag: pdu.DestFlagList, Addr: subscriber, ListName: "list"}, {},
	}
	p := &pdu.SubmitMulti{Dests: append([]pdu.Destination(nil), dests...)}
	require.NotEmpty(t, p.String())
	_, err := p.AppendTo(nil)
	require.Error(t, err)
	require.Equal(t, dests, p.Dests)
}

func TestNames(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"deliver_sm_resp": pdu.CommandDeliverSMResp, "0x000000f7": pdu.CommandID(0xf7),
		"ESME_RX_T_APPN": pdu.StatusRxTAppn, "0x00000400": pdu.CommandStatus(0x400),
		"message_payload": pdu.TagMessagePayload, "0x1400": pdu.Tag(0x1400),
		"international": pdu.TONInternational, "7": pdu.TON(7), "isdn": pdu.NPIISDN, "2": pdu.NPI(2),
		"DELIVERED": pdu.MessageStateDelivered, "10": pdu.MessageState(10),
		"receiver": pdu.BindReceiver, "transmitter": pdu.BindTransmitter, "transceiver": pdu.BindTransceiver, "submit_sm": pdu.BindMode(4),
	} {
		require.Equal(t, want, got.String())
	}
}

func TestParseCommandStatus(t *testing.T) {
	for s, want := range map[string]pdu.CommandStatus{
		"ESME_RTHROTTLED": 0x58, "rthrottled": 0x58, "0x58": 0x58, "88": 0x58, "0X400": 0x400, "RINVPARLEN": pdu.StatusInvTLVLen,
		"ESME_RINVTLVLEN": pdu.StatusInvTLVLen, "ROK": 0, "RX_T_APPN": 0x64,
	} {
		got, err := pdu.ParseCommandStatus(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "THROTTLED", "0x", "-1", "58h", "0x100000000", "1_0"} {
		_, err := pdu.ParseCommandStatus(s)
		require.Error(t, err, s)
	}
}

func TestESMClass(t *testing.T) {
	c := pdu.ESMClassStoreAndForward + pdu.ESMClassIntermediateNotification + pdu.ESMClassUDHI
	require.Equal(t, pdu.ESMClassStoreAndForward, c.Mode())
	require.Equal(t, pdu.ESMClassIntermediateNotification, c.Type())
	require.True(t, c.UDHI())
	require.False(t, c.ReplyPath())
	require.True(t, pdu.ESMClassReplyPath.ReplyPath())
	require.Equal(t, pdu.ESMClassDeliveryReceipt, pdu.ESMClass(0x44).Type())
}

func TestRegisteredDelivery(t *testing.T) {
	r := pdu.RegisteredDeliveryFailure + pdu.RegisteredDeliveryAck + pdu.RegisteredDeliveryIntermediate
	require.Equal(t, pdu.RegisteredDeliveryFailure, r.Receipt())
	require.True(t, r.Intermediate())
	require.False(t, pdu.RegisteredDeliveryFinal.Intermediate())
}
