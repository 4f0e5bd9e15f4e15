package pdu_test

import (
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

var (
	subscriber = pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"}
	sender     = pdu.Address{TON: pdu.TONAlphanumeric, NPI: pdu.NPIUnknown, Addr: "ACME"}
)

// samples returns one PDU of each type as it is met in the field.
func samples() []pdu.PDU {
	h := pdu.Header{Sequence: 7}
	submit := submitSM()
	receipt := deliverSM()
	var version, payload, broadcast, state, availability pdu.TLVs
	version.AddUint8(pdu.TagSCInterfaceVersion, uint8(pdu.Version34))
	must(payload.Add(pdu.TagMessagePayload, []byte("via data_sm")))
	must(broadcast.Add(pdu.TagBroadcastAreaIdentifier, []byte("\x00Berlin")))
	must(broadcast.Add(pdu.TagBroadcastContentType, []byte{1, 0, 0x22}))
	must(broadcast.Add(pdu.TagBroadcastFrequencyInterval, []byte{9, 0, 10}))
	must(broadcast.Add(pdu.TagMessagePayload, []byte("storm")))
	state.AddUint8(pdu.TagMessageState, uint8(pdu.MessageStateEnroute))
	must(state.Add(pdu.TagBroadcastAreaIdentifier, []byte("\x00Berlin")))
	state.AddUint8(pdu.TagBroadcastAreaSuccess, 100)
	availability.AddUint8(pdu.TagMSAvailabilityStatus, 0)
	return []pdu.PDU{
		&pdu.Bind{
			Header: h, Mode: pdu.BindTransceiver, SystemID: "esme01", Password: "secret08", SystemType: "VMA",
			InterfaceVersion: pdu.Version34, AddressRange: pdu.Address{TON: 1, NPI: 1, Addr: "^4917"},
		},
		&pdu.BindResp{Header: h, Mode: pdu.BindTransceiver, SystemID: "SMSC", TLVs: version},
		&pdu.Outbind{Header: h, SystemID: "SMSC", Password: "secret08"},
		&pdu.Unbind{Header: h}, &pdu.UnbindResp{Header: h}, &pdu.EnquireLink{Header: h}, &pdu.EnquireLinkResp{Header: h},
		&pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdID, Sequence: 7}},
		&pdu.AlertNotification{Header: h, SourceAddr: subscriber, ESMEAddr: sender, TLVs: availability},
		submit, &pdu.SubmitSMResp{Header: h, MessageID: "0123456789"},
		receipt, &pdu.DeliverSMResp{Header: h},
		&pdu.DataSM{Header: h, SourceAddr: sender, DestAddr: subscriber, RegisteredDelivery: pdu.RegisteredDeliveryFinal, TLVs: payload},
		&pdu.DataSMResp{Header: h, MessageID: "55"},
		&pdu.SubmitMulti{
			Header: h, SourceAddr: sender, ShortMessage: []byte("to many"), Dests: []pdu.Destination{
				{Flag: pdu.DestFlagAddress, Addr: subscriber}, {Flag: pdu.DestFlagList, ListName: "friends"},
			},
		},
		&pdu.SubmitMultiResp{Header: h, MessageID: "m1", Unsuccess: []pdu.Unsuccess{{Addr: subscriber, Status: pdu.StatusInvDstAdr}}},
		&pdu.QuerySM{Header: h, MessageID: "77", SourceAddr: sender},
		&pdu.QuerySMResp{Header: h, MessageID: "77", FinalDate: "261122024300000+", MessageState: pdu.MessageStateDelivered},
		&pdu.CancelSM{Header: h, ServiceType: "CMT", MessageID: "77", SourceAddr: sender, DestAddr: subscriber},
		&pdu.CancelSMResp{Header: h},
		&pdu.ReplaceSM{Header: h, MessageID: "77", SourceAddr: sender, ValidityPeriod: "000001000000000R", ShortMessage: []byte("new text")},
		&pdu.ReplaceSMResp{Header: h},
		&pdu.BroadcastSM{Header: h, SourceAddr: sender, TLVs: broadcast},
		&pdu.BroadcastSMResp{Header: h, MessageID: "b1"},
		&pdu.QueryBroadcastSM{Header: h, MessageID: "b1", SourceAddr: sender},
		&pdu.QueryBroadcastSMResp{Header: h, MessageID: "b1", TLVs: state},
		&pdu.CancelBroadcastSM{Header: h, MessageID: "b1", SourceAddr: sender},
		&pdu.CancelBroadcastSMResp{Header: h},
	}
}

// submitSM is a usual message of 60 octets.
func submitSM() *pdu.SubmitSM {
	return &pdu.SubmitSM{
		Header: pdu.Header{Sequence: 7}, SourceAddr: sender, DestAddr: subscriber, ESMClass: pdu.ESMClassStoreAndForward,
		RegisteredDelivery: pdu.RegisteredDeliveryFinal,
		ShortMessage:       []byte("Your code is 123456. It is valid for the next ten minutes..."),
	}
}

// deliverSM is a usual receipt, with text and TLVs.
func deliverSM() *pdu.DeliverSM {
	var tlvs pdu.TLVs
	must(tlvs.AddCString(pdu.TagReceiptedMessageID, "0123456789"))
	tlvs.AddUint8(pdu.TagMessageState, uint8(pdu.MessageStateDelivered))
	must(tlvs.Add(pdu.TagNetworkErrorCode, []byte{3, 0, 0}))
	return &pdu.DeliverSM{
		Header: pdu.Header{Sequence: 7}, SourceAddr: subscriber, DestAddr: sender, ESMClass: pdu.ESMClassDeliveryReceipt,
		ShortMessage: []byte("id:0123456789 sub:001 dlvrd:001 submit date:2611220243 done date:2611220243 stat:DELIVRD err:000 text:Hello"),
		TLVs:         tlvs,
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
