package smppbridge

// Operation is the PDU that messages are sent with.
type Operation uint8

const (
	// SubmitSM is what SMSCs take.
	SubmitSM Operation = iota
	// DataSM has fewer fields. If the SMSC does not know it, submit_sm is sent.
	DataSM
	// DeliverSM is what an SMSC itself sends. Some services that are bound to
	// take messages this way; they give no message_ids.
	DeliverSM
)

var operationNames = [...]string{"submit_sm", "data_sm", "deliver_sm"}

// UnmarshalText reads submit_sm, data_sm or deliver_sm.
func (o *Operation) UnmarshalText(text []byte) error { return parseName(o, operationNames[:], text) }

// MarshalText writes the name.
func (o Operation) MarshalText() ([]byte, error) { return []byte(operationNames[o]), nil }
