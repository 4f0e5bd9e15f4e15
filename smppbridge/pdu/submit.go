package pdu

import "log/slog"

// SubmitSM hands a message to the SMSC (3.4 section 4.4.1).
type SubmitSM struct {
	Header
	ServiceType          string // at most 5 characters
	SourceAddr           Address
	DestAddr             Address
	ESMClass             ESMClass
	ProtocolID           uint8  // GSM: TP-PID of 3GPP TS 23.040
	PriorityFlag         uint8  // 0 to 3; GSM: anything but 0 is urgent
	ScheduleDeliveryTime string // see ParseTime; empty for now
	ValidityPeriod       string // see ParseTime; empty for the default of the SMSC
	RegisteredDelivery   RegisteredDelivery
	ReplaceIfPresent     uint8 // 1 to replace a message of the same addresses and service type
	DataCoding           DataCoding
	SMDefaultMsgID       uint8 // 1 to 254 sends a text that the SMSC has
	// ShortMessage is the text in its coding, behind a user data header if
	// ESMClass says so. 3.4 allows 254 octets, 5.0 allows 255; what is longer
	// goes into a message_payload.
	ShortMessage []byte
	TLVs         TLVs
}

// CommandID implements [PDU].
func (*SubmitSM) CommandID() CommandID { return CommandSubmitSM }

// AppendTo implements [PDU].
func (p *SubmitSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandSubmitSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p SubmitSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p SubmitSM) LogValue() slog.Value { return logValue(&p) }

func (p *SubmitSM) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.address(&p.SourceAddr, &sourceAddr)
	c.address(&p.DestAddr, &destAddr)
	octet(c, &p.ESMClass, "esm_class")
	octet(c, &p.ProtocolID, "protocol_id")
	octet(c, &p.PriorityFlag, "priority_flag")
	c.text(&p.ScheduleDeliveryTime, &scheduleTime)
	c.text(&p.ValidityPeriod, &validity)
	octet(c, &p.RegisteredDelivery, "registered_delivery")
	octet(c, &p.ReplaceIfPresent, "replace_if_present_flag")
	octet(c, &p.DataCoding, "data_coding")
	octet(c, &p.SMDefaultMsgID, "sm_default_msg_id")
	c.message(&p.ShortMessage)
	c.tlvs(&p.TLVs)
}

// Message returns the text, from wherever it is.
func (p *SubmitSM) Message() []byte { return message(p.ShortMessage, p.TLVs) }

// message returns the short message or, without one, the message_payload. Only
// one of them may be there (3.4 section 4.4.1); if both are, the short message
// counts, as it does for other gateways.
func message(short []byte, tlvs TLVs) []byte {
	if len(short) == 0 {
		short, _ = tlvs.MessagePayload()
	}
	return short
}

// SubmitSMResp answers [SubmitSM] (3.4 section 4.4.2).
type SubmitSMResp struct {
	Header
	MessageID string // by which receipts name the message; at most 64 characters in 3.4, 254 are taken
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*SubmitSMResp) CommandID() CommandID { return CommandSubmitSMResp }

// AppendTo implements [PDU].
func (p *SubmitSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandSubmitSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p SubmitSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p SubmitSMResp) LogValue() slog.Value { return logValue(&p) }

func (p *SubmitSMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.tlvs(&p.TLVs)
}
