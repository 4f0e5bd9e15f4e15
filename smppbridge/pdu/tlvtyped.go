package pdu

import "encoding/binary"

// MessagePayload returns the message_payload, which carries what does not fit
// into short_message (3.4 section 5.3.2.32). The value aliases the PDU.
func (t TLVs) MessagePayload() ([]byte, bool) { return t.Get(TagMessagePayload) }

// ReceiptedMessageID returns the id of the message that a receipt is about (3.4
// section 5.3.2.12).
func (t TLVs) ReceiptedMessageID() (string, bool) { return t.CString(TagReceiptedMessageID) }

// MessageState returns the state of the message that a receipt is about (3.4
// section 5.3.2.35).
func (t TLVs) MessageState() (MessageState, bool) {
	v, ok := t.Uint8(TagMessageState)
	return MessageState(v), ok
}

// SCInterfaceVersion returns the version that the SMSC tells in the response to
// a bind (3.4 section 5.3.2.25). One that tells none may only know 3.3.
func (t TLVs) SCInterfaceVersion() (InterfaceVersion, bool) {
	v, ok := t.Uint8(TagSCInterfaceVersion)
	return InterfaceVersion(v), ok
}

// NetworkErrorCode is why a network could not deliver a message (3.4 section
// 5.3.2.31).
type NetworkErrorCode struct {
	// Network is 3 for GSM and 8 for codes of the SMSC itself; 0 if the SMSC
	// does not tell.
	Network uint8
	Code    uint16
}

// NetworkErrorCode returns the error of the network. Some SMSCs send three
// decimal digits, which is no valid value since no network has the number of a
// digit; they are read as a code of an untold network.
func (t TLVs) NetworkErrorCode() (NetworkErrorCode, bool) {
	v, _ := t.Get(TagNetworkErrorCode)
	if len(v) != 3 {
		return NetworkErrorCode{}, false
	}
	var code uint16
	for _, digit := range v {
		if digit < '0' || digit > '9' {
			return NetworkErrorCode{Network: v[0], Code: binary.BigEndian.Uint16(v[1:])}, true
		}
		code = code*10 + uint16(digit-'0')
	}
	return NetworkErrorCode{Code: code}, true
}

// DeliveryFailureReason is why a message in transaction mode was not delivered
// (3.4 section 5.3.2.33).
type DeliveryFailureReason uint8

// The reasons of a failed delivery. The first and the last are temporary.
const (
	DeliveryFailureUnavailable    DeliveryFailureReason = 0
	DeliveryFailureInvalidAddress DeliveryFailureReason = 1
	DeliveryFailurePermanent      DeliveryFailureReason = 2
	DeliveryFailureTemporary      DeliveryFailureReason = 3
)

// DeliveryFailureReason returns why a message in transaction mode was not
// delivered.
func (t TLVs) DeliveryFailureReason() (DeliveryFailureReason, bool) {
	v, ok := t.Uint8(TagDeliveryFailureReason)
	return DeliveryFailureReason(v), ok
}

// SAR says which part of a long message a PDU carries (3.4 sections 5.3.2.22 to
// 5.3.2.24).
type SAR struct {
	Ref   uint16 // the same in all parts
	Total uint8  // at least 1
	Seq   uint8  // from 1 to Total
}

// SAR returns the part if all three sar_* TLVs are there and make sense.
func (t TLVs) SAR() (SAR, bool) {
	ref, refOK := t.Uint16(TagSARMsgRefNum)
	total, totalOK := t.Uint8(TagSARTotalSegments)
	seq, seqOK := t.Uint8(TagSARSegmentSeqnum)
	if !refOK || !totalOK || !seqOK || seq == 0 || seq > total {
		return SAR{}, false
	}
	return SAR{Ref: ref, Total: total, Seq: seq}, true
}

// AddSAR appends the three sar_* TLVs.
func (t *TLVs) AddSAR(s SAR) {
	t.AddUint16(TagSARMsgRefNum, s.Ref)
	t.AddUint8(TagSARTotalSegments, s.Total)
	t.AddUint8(TagSARSegmentSeqnum, s.Seq)
}
