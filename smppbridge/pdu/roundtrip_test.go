package pdu_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// TestRoundTrip encodes PDUs of all types with any fields and decodes them.
func TestRoundTrip(t *testing.T) {
	for _, sample := range samples() {
		t.Run(sample.CommandID().String(), func(t *testing.T) {
			reused := pdu.Decoder{Reuse: true}
			rapid.Check(t, func(t *rapid.T) {
				p := drawPDU(t, sample.CommandID())
				frame, err := p.AppendTo(nil)
				require.NoError(t, err)
				var strict pdu.Decoder
				got, err := strict.Decode(frame)
				require.NoError(t, err)
				require.Equal(t, p, got)

				got, err = reused.Decode(frame)
				require.NoError(t, err)
				again, err := got.AppendTo(nil)
				require.NoError(t, err)
				require.Equal(t, frame, again)
			})
		})
	}
}

// drawPDU returns a PDU of a type with random fields within the limits.
func drawPDU(t *rapid.T, id pdu.CommandID) pdu.PDU {
	switch id {
	case pdu.CommandBindTransceiver:
		modes := []pdu.BindMode{pdu.BindReceiver, pdu.BindTransmitter, pdu.BindTransceiver}
		return &pdu.Bind{
			header(t), rapid.SampledFrom(modes).Draw(t, "mode"), text(t, 15), text(t, 254), text(t, 12),
			octet[pdu.InterfaceVersion](t), address(t, 40),
		}
	case pdu.CommandBindTransceiverResp:
		return &pdu.BindResp{response(t), pdu.BindReceiver, text(t, 15), tlvs(t)}
	case pdu.CommandOutbind:
		return &pdu.Outbind{header(t), text(t, 15), text(t, 254)}
	case pdu.CommandUnbind:
		return &pdu.Unbind{Header: header(t)}
	case pdu.CommandUnbindResp:
		return &pdu.UnbindResp{Header: header(t)}
	case pdu.CommandEnquireLink:
		return &pdu.EnquireLink{Header: header(t)}
	case pdu.CommandEnquireLinkResp:
		return &pdu.EnquireLinkResp{Header: header(t)}
	case pdu.CommandGenericNack:
		return &pdu.GenericNack{Header: header(t)}
	case pdu.CommandAlertNotification:
		return &pdu.AlertNotification{header(t), address(t, 64), address(t, 64), tlvs(t)}
	case pdu.CommandSubmitSM:
		return drawSubmitSM(t)
	case pdu.CommandDeliverSM:
		return (*pdu.DeliverSM)(drawSubmitSM(t))
	case pdu.CommandSubmitMulti:
		return drawSubmitMulti(t)
	case pdu.CommandSubmitMultiResp:
		unsuccess := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pdu.Unsuccess {
			return pdu.Unsuccess{Addr: address(t, 20), Status: pdu.CommandStatus(rapid.Uint32().Draw(t, "status"))}
		}), -1, 255).Draw(t, "unsuccess")
		return &pdu.SubmitMultiResp{response(t), text(t, 254), orNil(unsuccess), tlvs(t)}
	case pdu.CommandDataSM:
		return &pdu.DataSM{
			header(t), text(t, 5), address(t, 64), address(t, 64), octet[pdu.ESMClass](t), octet[pdu.RegisteredDelivery](t),
			octet[pdu.DataCoding](t), tlvs(t),
		}
	case pdu.CommandSubmitSMResp:
		return &pdu.SubmitSMResp{response(t), text(t, 254), tlvs(t)}
	case pdu.CommandDeliverSMResp:
		return &pdu.DeliverSMResp{response(t), text(t, 254), tlvs(t)}
	case pdu.CommandDataSMResp:
		return &pdu.DataSMResp{response(t), text(t, 254), tlvs(t)}
	default:
		return drawAncillary(t, id)
	}
}

func drawAncillary(t *rapid.T, id pdu.CommandID) pdu.PDU {
	switch id {
	case pdu.CommandQuerySM:
		return &pdu.QuerySM{header(t), text(t, 254), address(t, 20)}
	case pdu.CommandQuerySMResp:
		return &pdu.QuerySMResp{response(t), text(t, 254), text(t, 16), octet[pdu.MessageState](t), octet[uint8](t)}
	case pdu.CommandCancelSM:
		return &pdu.CancelSM{header(t), text(t, 5), text(t, 254), address(t, 20), address(t, 20)}
	case pdu.CommandCancelSMResp:
		return &pdu.CancelSMResp{Header: header(t)}
	case pdu.CommandReplaceSM:
		return &pdu.ReplaceSM{
			header(t), text(t, 254), address(t, 20), text(t, 16), text(t, 16), octet[pdu.RegisteredDelivery](t), octet[uint8](t),
			octets(t, 255), tlvs(t),
		}
	case pdu.CommandReplaceSMResp:
		return &pdu.ReplaceSMResp{Header: header(t)}
	case pdu.CommandBroadcastSM:
		return &pdu.BroadcastSM{
			header(t), text(t, 5), address(t, 20), text(t, 254), octet[uint8](t), text(t, 16), text(t, 16), octet[uint8](t),
			octet[pdu.DataCoding](t), octet[uint8](t), tlvs(t),
		}
	case pdu.CommandBroadcastSMResp:
		return &pdu.BroadcastSMResp{response(t), text(t, 254), tlvs(t)}
	case pdu.CommandQueryBroadcastSM:
		return &pdu.QueryBroadcastSM{header(t), text(t, 254), address(t, 20), tlvs(t)}
	case pdu.CommandQueryBroadcastSMResp:
		return &pdu.QueryBroadcastSMResp{response(t), text(t, 254), tlvs(t)}
	case pdu.CommandCancelBroadcastSM:
		return &pdu.CancelBroadcastSM{header(t), text(t, 5), text(t, 254), address(t, 20), tlvs(t)}
	case pdu.CommandCancelBroadcastSMResp:
		return &pdu.CancelBroadcastSMResp{Header: header(t)}
	default:
		t.Fatalf("no generator for %s", id)
		return nil
	}
}

func drawSubmitSM(t *rapid.T) *pdu.SubmitSM {
	return &pdu.SubmitSM{
		header(t), text(t, 5), address(t, 20), address(t, 20), octet[pdu.ESMClass](t), octet[uint8](t), octet[uint8](t), text(t, 16),
		text(t, 16), octet[pdu.RegisteredDelivery](t), octet[uint8](t), octet[pdu.DataCoding](t), octet[uint8](t), octets(t, 255), tlvs(t),
	}
}

func drawSubmitMulti(t *rapid.T) *pdu.SubmitMulti {
	destinations := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pdu.Destination {
		if rapid.Bool().Draw(t, "list") {
			return pdu.Destination{Flag: pdu.DestFlagList, ListName: text(t, 20)}
		}
		return pdu.Destination{Flag: pdu.DestFlagAddress, Addr: address(t, 20)}
	}), 1, 255)
	s := drawSubmitSM(t)
	return &pdu.SubmitMulti{
		s.Header, s.ServiceType, s.SourceAddr, destinations.Draw(t, "destinations"), s.ESMClass, s.ProtocolID, s.PriorityFlag,
		s.ScheduleDeliveryTime, s.ValidityPeriod, s.RegisteredDelivery, s.ReplaceIfPresent, s.DataCoding, s.SMDefaultMsgID,
		s.ShortMessage, s.TLVs,
	}
}

func header(t *rapid.T) pdu.Header {
	return pdu.Header{Status: pdu.CommandStatus(rapid.Uint32().Draw(t, "status")), Sequence: rapid.Uint32().Draw(t, "sequence")}
}

// response is the header of a PDU with a body, which an OK always has.
func response(t *rapid.T) pdu.Header {
	h := header(t)
	if rapid.Bool().Draw(t, "ok") {
		h.Status = pdu.StatusOK
	}
	return h
}

// text is a C-octet string of up to most characters.
func text(t *rapid.T, most int) string {
	return string(rapid.SliceOfN(rapid.ByteRange(1, 255), 0, most).Draw(t, "text"))
}

func octets(t *rapid.T, most int) []byte {
	return orNil(rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, "octets"))
}

func octet[T ~uint8](t *rapid.T) T {
	return T(rapid.Uint8().Draw(t, "octet"))
}

func address(t *rapid.T, most int) pdu.Address {
	return pdu.Address{TON: octet[pdu.TON](t), NPI: octet[pdu.NPI](t), Addr: text(t, most)}
}

func tlvs(t *rapid.T) pdu.TLVs {
	var list pdu.TLVs
	for range rapid.IntRange(0, 5).Draw(t, "tlvs") {
		tag := pdu.Tag(rapid.Uint16().Draw(t, "tag"))
		require.NoError(t, list.Add(tag, octets(t, 300)))
	}
	return list
}

// orNil is how a decoder returns nothing.
func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}
