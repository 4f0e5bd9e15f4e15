package pdu

import "log/slog"

// QuerySM asks for the state of a message (3.4 section 4.8.1).
type QuerySM struct {
	Header
	MessageID  string
	SourceAddr Address // as in the message
}

// CommandID implements [PDU].
func (*QuerySM) CommandID() CommandID { return CommandQuerySM }

// AppendTo implements [PDU].
func (p *QuerySM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandQuerySM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p QuerySM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p QuerySM) LogValue() slog.Value { return logValue(&p) }

func (p *QuerySM) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.address(&p.SourceAddr, &sourceAddr)
}

// QuerySMResp answers [QuerySM] (3.4 section 4.8.2).
type QuerySMResp struct {
	Header
	MessageID    string
	FinalDate    string // when the final state was reached; see ParseTime
	MessageState MessageState
	ErrorCode    uint8 // of the network
}

// CommandID implements [PDU].
func (*QuerySMResp) CommandID() CommandID { return CommandQuerySMResp }

// AppendTo implements [PDU].
func (p *QuerySMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandQuerySMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p QuerySMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p QuerySMResp) LogValue() slog.Value { return logValue(&p) }

func (p *QuerySMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.text(&p.FinalDate, &finalDate)
	octet(c, &p.MessageState, "message_state")
	octet(c, &p.ErrorCode, "error_code")
}

// CancelSM cancels a message, or all messages between two addresses if it has no
// MessageID (3.4 section 4.9.1).
type CancelSM struct {
	Header
	ServiceType string
	MessageID   string
	SourceAddr  Address
	DestAddr    Address
}

// CommandID implements [PDU].
func (*CancelSM) CommandID() CommandID { return CommandCancelSM }

// AppendTo implements [PDU].
func (p *CancelSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandCancelSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p CancelSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p CancelSM) LogValue() slog.Value { return logValue(&p) }

func (p *CancelSM) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.text(&p.MessageID, &messageID)
	c.address(&p.SourceAddr, &sourceAddr)
	c.address(&p.DestAddr, &destAddr)
}

// CancelSMResp answers [CancelSM] (3.4 section 4.9.2).
type CancelSMResp struct {
	Header
}

// CommandID implements [PDU].
func (*CancelSMResp) CommandID() CommandID { return CommandCancelSMResp }

// AppendTo implements [PDU].
func (p *CancelSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandCancelSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p CancelSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p CancelSMResp) LogValue() slog.Value { return logValue(&p) }

func (*CancelSMResp) fields(*coder) {}

// ReplaceSM changes a message that is not delivered yet (3.4 section 4.10.1). For
// the fields see [SubmitSM].
type ReplaceSM struct {
	Header
	MessageID            string
	SourceAddr           Address
	ScheduleDeliveryTime string
	ValidityPeriod       string
	RegisteredDelivery   RegisteredDelivery
	SMDefaultMsgID       uint8
	ShortMessage         []byte
	TLVs                 TLVs // message_payload; SMPP 5.0
}

// CommandID implements [PDU].
func (*ReplaceSM) CommandID() CommandID { return CommandReplaceSM }

// AppendTo implements [PDU].
func (p *ReplaceSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandReplaceSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p ReplaceSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p ReplaceSM) LogValue() slog.Value { return logValue(&p) }

func (p *ReplaceSM) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.address(&p.SourceAddr, &sourceAddr)
	c.text(&p.ScheduleDeliveryTime, &scheduleTime)
	c.text(&p.ValidityPeriod, &validity)
	octet(c, &p.RegisteredDelivery, "registered_delivery")
	octet(c, &p.SMDefaultMsgID, "sm_default_msg_id")
	c.message(&p.ShortMessage)
	c.tlvs(&p.TLVs)
}

// Message returns the text, from wherever it is.
func (p *ReplaceSM) Message() []byte { return message(p.ShortMessage, p.TLVs) }

// ReplaceSMResp answers [ReplaceSM] (3.4 section 4.10.2).
type ReplaceSMResp struct {
	Header
}

// CommandID implements [PDU].
func (*ReplaceSMResp) CommandID() CommandID { return CommandReplaceSMResp }

// AppendTo implements [PDU].
func (p *ReplaceSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandReplaceSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p ReplaceSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p ReplaceSMResp) LogValue() slog.Value { return logValue(&p) }

func (*ReplaceSMResp) fields(*coder) {}
