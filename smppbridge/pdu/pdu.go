package pdu

import (
	"fmt"
	"log/slog"
)

// HeaderLength is the octets in front of each PDU's body: command_length,
// command_id, command_status and sequence_number (3.4 section 3.2).
const HeaderLength = 16

// PDU is a protocol data unit. All PDUs are pointers to the structs of this
// package.
type PDU interface {
	// CommandID returns the type of the PDU.
	CommandID() CommandID
	// Head returns the header, to be read or changed.
	Head() *Header
	// AppendTo appends the PDU to b. If that fails it returns b as it was and
	// an [*Error] with the field at fault.
	AppendTo(b []byte) ([]byte, error)
	fmt.Stringer
	slog.LogValuer

	// fields has the coder go through all fields of the body in order.
	fields(c *coder)
}

// Header is what all PDUs begin with, apart from what follows from the rest.
type Header struct {
	// Status is the outcome in a response, and zero in a request.
	Status CommandStatus
	// Sequence is the number by which a response finds its request: 1 to
	// 0x7FFFFFFF, but any number of a peer is to be echoed (3.4 section 3.2).
	Sequence uint32
	// Body is whether a response has a body. Requests don't use it.
	Body Body
}

// Head returns the header itself.
func (h *Header) Head() *Header { return h }

// Body is whether a response has a body. The specification leaves the body out
// of a response with an error, but there are peers that send one, or need one,
// and some leave it out of others.
type Body uint8

// The ways to send the body of a response.
const (
	// BodyAuto leaves the body out if the status is an error and all fields are
	// empty. It is the default.
	BodyAuto Body = iota
	// BodyAbsent leaves the body out whatever the fields are.
	BodyAbsent
	// BodyPresent always sends the body.
	BodyPresent
)

// newPDU returns an empty PDU of a type, or nil if the type is not known.
func newPDU(id CommandID) PDU {
	switch id {
	case CommandBindReceiver, CommandBindTransmitter, CommandBindTransceiver:
		return &Bind{Mode: BindMode(id)}
	case CommandBindReceiverResp, CommandBindTransmitterResp, CommandBindTransceiverResp:
		return &BindResp{Mode: BindMode(id &^ responseBit)}
	case CommandOutbind:
		return &Outbind{}
	case CommandUnbind:
		return &Unbind{}
	case CommandUnbindResp:
		return &UnbindResp{}
	case CommandEnquireLink:
		return &EnquireLink{}
	case CommandEnquireLinkResp:
		return &EnquireLinkResp{}
	case CommandGenericNack:
		return &GenericNack{}
	case CommandAlertNotification:
		return &AlertNotification{}
	}
	if p := newMessagePDU(id); p != nil {
		return p
	}
	return newAncillaryPDU(id)
}

// newMessagePDU is newPDU for the PDUs that carry messages.
func newMessagePDU(id CommandID) PDU {
	switch id {
	case CommandSubmitSM:
		return &SubmitSM{}
	case CommandSubmitSMResp:
		return &SubmitSMResp{}
	case CommandDeliverSM:
		return &DeliverSM{}
	case CommandDeliverSMResp:
		return &DeliverSMResp{}
	case CommandDataSM:
		return &DataSM{}
	case CommandDataSMResp:
		return &DataSMResp{}
	case CommandSubmitMulti:
		return &SubmitMulti{}
	case CommandSubmitMultiResp:
		return &SubmitMultiResp{}
	case CommandBroadcastSM:
		return &BroadcastSM{}
	case CommandBroadcastSMResp:
		return &BroadcastSMResp{}
	}
	return nil
}

// newAncillaryPDU is newPDU for the PDUs about messages sent before.
func newAncillaryPDU(id CommandID) PDU {
	switch id {
	case CommandQuerySM:
		return &QuerySM{}
	case CommandQuerySMResp:
		return &QuerySMResp{}
	case CommandCancelSM:
		return &CancelSM{}
	case CommandCancelSMResp:
		return &CancelSMResp{}
	case CommandReplaceSM:
		return &ReplaceSM{}
	case CommandReplaceSMResp:
		return &ReplaceSMResp{}
	case CommandQueryBroadcastSM:
		return &QueryBroadcastSM{}
	case CommandQueryBroadcastSMResp:
		return &QueryBroadcastSMResp{}
	case CommandCancelBroadcastSM:
		return &CancelBroadcastSM{}
	case CommandCancelBroadcastSMResp:
		return &CancelBroadcastSMResp{}
	}
	return nil
}
