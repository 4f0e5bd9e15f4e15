package pdu

import "log/slog"

// DeliverSM hands a message or a receipt to the ESME (3.4 section 4.6.1). It has
// the fields of [SubmitSM], some of which must be empty.
type DeliverSM SubmitSM

// CommandID implements [PDU].
func (*DeliverSM) CommandID() CommandID { return CommandDeliverSM }

// AppendTo implements [PDU].
func (p *DeliverSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandDeliverSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p DeliverSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p DeliverSM) LogValue() slog.Value { return logValue(&p) }

func (p *DeliverSM) fields(c *coder) { (*SubmitSM)(p).fields(c) }

// Message returns the text, from wherever it is.
func (p *DeliverSM) Message() []byte { return message(p.ShortMessage, p.TLVs) }

// DeliverSMResp answers [DeliverSM] (3.4 section 4.6.2).
type DeliverSMResp struct {
	Header
	MessageID string // unused: empty
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*DeliverSMResp) CommandID() CommandID { return CommandDeliverSMResp }

// AppendTo implements [PDU].
func (p *DeliverSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandDeliverSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p DeliverSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p DeliverSMResp) LogValue() slog.Value { return logValue(&p) }

func (p *DeliverSMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.tlvs(&p.TLVs)
}

// DataSM carries a message in its TLVs, in either direction (3.4 section 4.7.1).
type DataSM struct {
	Header
	ServiceType        string  // at most 5 characters
	SourceAddr         Address // at most 64 characters
	DestAddr           Address // at most 64 characters
	ESMClass           ESMClass
	RegisteredDelivery RegisteredDelivery
	DataCoding         DataCoding
	TLVs               TLVs // message_payload and others
}

// CommandID implements [PDU].
func (*DataSM) CommandID() CommandID { return CommandDataSM }

// AppendTo implements [PDU].
func (p *DataSM) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandDataSM, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p DataSM) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p DataSM) LogValue() slog.Value { return logValue(&p) }

func (p *DataSM) fields(c *coder) {
	c.text(&p.ServiceType, &serviceType)
	c.address(&p.SourceAddr, &longSourceAddr)
	c.address(&p.DestAddr, &longDestAddr)
	octet(c, &p.ESMClass, "esm_class")
	octet(c, &p.RegisteredDelivery, "registered_delivery")
	octet(c, &p.DataCoding, "data_coding")
	c.tlvs(&p.TLVs)
}

// Message returns the text, which is in the message_payload.
func (p *DataSM) Message() []byte { return message(nil, p.TLVs) }

// DataSMResp answers [DataSM] (3.4 section 4.7.2).
type DataSMResp struct {
	Header
	MessageID string
	TLVs      TLVs
}

// CommandID implements [PDU].
func (*DataSMResp) CommandID() CommandID { return CommandDataSMResp }

// AppendTo implements [PDU].
func (p *DataSMResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandDataSMResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p DataSMResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p DataSMResp) LogValue() slog.Value { return logValue(&p) }

func (p *DataSMResp) fields(c *coder) {
	c.text(&p.MessageID, &messageID)
	c.tlvs(&p.TLVs)
}
