package pdu

import "fmt"

// CommandID identifies the type of a PDU (3.4 section 5.1.2.1, 5.0 section
// 4.7.5). A response has the number of its request with the highest bit set.
type CommandID uint32

// The command identifiers of SMPP 3.4.
const (
	CommandGenericNack         CommandID = 0x80000000
	CommandBindReceiver        CommandID = 0x00000001
	CommandBindReceiverResp    CommandID = 0x80000001
	CommandBindTransmitter     CommandID = 0x00000002
	CommandBindTransmitterResp CommandID = 0x80000002
	CommandQuerySM             CommandID = 0x00000003
	CommandQuerySMResp         CommandID = 0x80000003
	CommandSubmitSM            CommandID = 0x00000004
	CommandSubmitSMResp        CommandID = 0x80000004
	CommandDeliverSM           CommandID = 0x00000005
	CommandDeliverSMResp       CommandID = 0x80000005
	CommandUnbind              CommandID = 0x00000006
	CommandUnbindResp          CommandID = 0x80000006
	CommandReplaceSM           CommandID = 0x00000007
	CommandReplaceSMResp       CommandID = 0x80000007
	CommandCancelSM            CommandID = 0x00000008
	CommandCancelSMResp        CommandID = 0x80000008
	CommandBindTransceiver     CommandID = 0x00000009
	CommandBindTransceiverResp CommandID = 0x80000009
	CommandOutbind             CommandID = 0x0000000B
	CommandEnquireLink         CommandID = 0x00000015
	CommandEnquireLinkResp     CommandID = 0x80000015
	CommandSubmitMulti         CommandID = 0x00000021
	CommandSubmitMultiResp     CommandID = 0x80000021
	CommandAlertNotification   CommandID = 0x00000102
	CommandDataSM              CommandID = 0x00000103
	CommandDataSMResp          CommandID = 0x80000103
)

// The command identifiers that SMPP 5.0 added.
const (
	CommandBroadcastSM           CommandID = 0x00000111
	CommandBroadcastSMResp       CommandID = 0x80000111
	CommandQueryBroadcastSM      CommandID = 0x00000112
	CommandQueryBroadcastSMResp  CommandID = 0x80000112
	CommandCancelBroadcastSM     CommandID = 0x00000113
	CommandCancelBroadcastSMResp CommandID = 0x80000113
)

// responseBit tells responses from requests.
const responseBit CommandID = 1 << 31

var commandNames = map[CommandID]string{
	CommandGenericNack:           "generic_nack",
	CommandBindReceiver:          "bind_receiver",
	CommandBindReceiverResp:      "bind_receiver_resp",
	CommandBindTransmitter:       "bind_transmitter",
	CommandBindTransmitterResp:   "bind_transmitter_resp",
	CommandQuerySM:               "query_sm",
	CommandQuerySMResp:           "query_sm_resp",
	CommandSubmitSM:              "submit_sm",
	CommandSubmitSMResp:          "submit_sm_resp",
	CommandDeliverSM:             "deliver_sm",
	CommandDeliverSMResp:         "deliver_sm_resp",
	CommandUnbind:                "unbind",
	CommandUnbindResp:            "unbind_resp",
	CommandReplaceSM:             "replace_sm",
	CommandReplaceSMResp:         "replace_sm_resp",
	CommandCancelSM:              "cancel_sm",
	CommandCancelSMResp:          "cancel_sm_resp",
	CommandBindTransceiver:       "bind_transceiver",
	CommandBindTransceiverResp:   "bind_transceiver_resp",
	CommandOutbind:               "outbind",
	CommandEnquireLink:           "enquire_link",
	CommandEnquireLinkResp:       "enquire_link_resp",
	CommandSubmitMulti:           "submit_multi",
	CommandSubmitMultiResp:       "submit_multi_resp",
	CommandAlertNotification:     "alert_notification",
	CommandDataSM:                "data_sm",
	CommandDataSMResp:            "data_sm_resp",
	CommandBroadcastSM:           "broadcast_sm",
	CommandBroadcastSMResp:       "broadcast_sm_resp",
	CommandQueryBroadcastSM:      "query_broadcast_sm",
	CommandQueryBroadcastSMResp:  "query_broadcast_sm_resp",
	CommandCancelBroadcastSM:     "cancel_broadcast_sm",
	CommandCancelBroadcastSMResp: "cancel_broadcast_sm_resp",
}

// IsResponse tells whether id is of a response. A generic_nack is one.
func (id CommandID) IsResponse() bool { return id&responseBit != 0 }

// Response returns the identifier of the response to a request.
func (id CommandID) Response() CommandID { return id | responseBit }

// String returns the name in the specification, or the number in hex if there
// is none.
func (id CommandID) String() string {
	if name, ok := commandNames[id]; ok {
		return name
	}
	return fmt.Sprintf("0x%08x", uint32(id))
}
