package pdu

import "log/slog"

// BroadcastSM hands a message for all phones in some areas to the SMSC (5.0
// section 4.4.1). For the fields see [SubmitSM]; the areas, the content type, the
// repetitions and their interval are TLVs that must be there.
type BroadcastSM struct {
	Header
	ServiceType          string
	SourceAddr           Address
	MessageID            string // of the broadcast to replace
	PriorityFlag         uint8
	ScheduleDeliveryTime string
	ValidityPeriod       string
	ReplaceIfPresent     uint8
	DataCoding           DataCoding
	SMDefaultMsgID       uint8
	TLVs                 TLVs
}

// CommandID implements [PDU].
func (*BroadcastSM) CommandID() CommandID { return CommandBroadcastSM }

// AppendTo implements [PDU].
func (p *BroadcastSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandBroadcastSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p BroadcastSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p BroadcastSM) LogValue() slog.Value { return logValue(&p) }

func (p *BroadcastSM) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.address(&p.SourceAddr, &sourceAddr)
	c.text(&p.MessageID, &messageID)
	octet(c, &p.PriorityFlag, "priority_flag")
	c.text(&p.ScheduleDeliveryTime, &scheduleTime)
	c.text(&p.ValidityPeriod, &validity)
	octet(c, &p.ReplaceIfPresent, "replace_if_present_flag")
	octet(c, &p.DataCoding, "data_coding")
	octet(c, &p.SMDefaultMsgID, "sm_default_msg_id")
	c.tlvs(&p.TLVs)
}

// Message returns the text, which is in the message_payload.
func (p *BroadcastSM) Message() []byte { return message(nil, p.TLVs) }

// BroadcastSMResp answers [BroadcastSM] (5.0 section 4.4.1).
type BroadcastSMResp struct {
	Header
	MessageID string
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*BroadcastSMResp) CommandID() CommandID { return CommandBroadcastSMResp }

// AppendTo implements [PDU].
func (p *BroadcastSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandBroadcastSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p BroadcastSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p BroadcastSMResp) LogValue() slog.Value { return logValue(&p) }

func (p *BroadcastSMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.tlvs(&p.TLVs)
}

// QueryBroadcastSM asks for the state of a broadcast (5.0 section 4.6.1).
type QueryBroadcastSM struct {
	Header
	MessageID  string
	SourceAddr Address
	TLVs       TLVs // user_message_reference
}

// CommandID implements [PDU].
func (*QueryBroadcastSM) CommandID() CommandID { return CommandQueryBroadcastSM }

// AppendTo implements [PDU].
func (p *QueryBroadcastSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandQueryBroadcastSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p QueryBroadcastSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p QueryBroadcastSM) LogValue() slog.Value { return logValue(&p) }

func (p *QueryBroadcastSM) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.address(&p.SourceAddr, &sourceAddr)
	c.tlvs(&p.TLVs)
}

// QueryBroadcastSMResp answers [QueryBroadcastSM] with the state and the success
// in each area as TLVs (5.0 section 4.6.1).
type QueryBroadcastSMResp struct {
	Header
	MessageID string
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*QueryBroadcastSMResp) CommandID() CommandID { return CommandQueryBroadcastSMResp }

// AppendTo implements [PDU].
func (p *QueryBroadcastSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandQueryBroadcastSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p QueryBroadcastSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p QueryBroadcastSMResp) LogValue() slog.Value { return logValue(&p) }

func (p *QueryBroadcastSMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.tlvs(&p.TLVs)
}

// CancelBroadcastSM cancels a broadcast (5.0 section 4.6.2).
type CancelBroadcastSM struct {
	Header
	ServiceType string
	MessageID   string
	SourceAddr  Address
	TLVs        TLVs // broadcast_content_type, user_message_reference
}

// CommandID implements [PDU].
func (*CancelBroadcastSM) CommandID() CommandID { return CommandCancelBroadcastSM }

// AppendTo implements [PDU].
func (p *CancelBroadcastSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandCancelBroadcastSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p CancelBroadcastSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p CancelBroadcastSM) LogValue() slog.Value { return logValue(&p) }

func (p *CancelBroadcastSM) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.text(&p.MessageID, &messageID)
	c.address(&p.SourceAddr, &sourceAddr)
	c.tlvs(&p.TLVs)
}

// CancelBroadcastSMResp answers [CancelBroadcastSM] (5.0 section 4.6.2).
type CancelBroadcastSMResp struct {
	Header
}

// CommandID implements [PDU].
func (*CancelBroadcastSMResp) CommandID() CommandID { return CommandCancelBroadcastSMResp }

// AppendTo implements [PDU].
func (p *CancelBroadcastSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandCancelBroadcastSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p CancelBroadcastSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p CancelBroadcastSMResp) LogValue() slog.Value { return logValue(&p) }

func (*CancelBroadcastSMResp) fields(*coder) {}
