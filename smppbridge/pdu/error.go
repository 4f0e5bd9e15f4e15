package pdu

import "fmt"

// Error says what is wrong with a PDU: one that a peer sent, from [Decoder] and
// [Reader], or one of our own that can't be encoded, from AppendTo. It holds
// nothing that stands in the PDU, except its numbers.
type Error struct {
	// CommandID is the type of the PDU, or zero if it could not be read.
	CommandID CommandID
	// Sequence is the sequence_number of the PDU, or zero if it could not be
	// read.
	Sequence uint32
	// Status is what the peer is told. It is StatusOK if the PDU is a
	// response, which is not answered.
	Status CommandStatus
	// Field is the name of the field at fault in the specification, or of the
	// TLV, or empty if there is no single one.
	Field string
	// Reason is what is wrong, for people.
	Reason string
	// Close tells that nobody knows where the next PDU begins, so that the
	// session must be closed once the answer is sent.
	Close bool
}

func (e *Error) Error() string {
	s := "smpp"
	if e.CommandID != 0 {
		s += ": " + e.CommandID.String()
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Reason
}

// Reply returns what the peer that sent the PDU must be answered: the response
// to the request, or generic_nack (3.4 section 4.3), or nil if it is not to be
// answered.
func (e *Error) Reply() PDU {
	h := Header{Status: e.Status, Sequence: e.Sequence}
	switch {
	case e.Close:
		if e.CommandID.IsResponse() {
			// The number is one of ours; 3.4 section 4.3.1 asks for that of the peer, or zero.
			h.Sequence = 0
		}
		return &GenericNack{Header: h}
	case e.CommandID.IsResponse():
		return nil
	case e.Status == StatusInvCmdID:
		return &GenericNack{Header: h}
	}
	// alert_notification and outbind have no response.
	p := newPDU(e.CommandID.Response())
	if p != nil {
		*p.Head() = h
	}
	return p
}

// hasNUL is what is wrong with text that would end too early.
const hasNUL = "has a NUL"

// truncated is what is wrong with a PDU that ends too early.
const truncated = "the PDU ends before it"

func tooLong(length, most int) string {
	return fmt.Sprintf("has %d octets, and may have at most %d", length, most)
}
