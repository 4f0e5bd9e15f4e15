package pdu

import "log/slog"

// Unbind ends a session (3.4 section 4.2.1). Either side may send it.
type Unbind struct {
	Header
}

// CommandID implements [PDU].
func (*Unbind) CommandID() CommandID { return CommandUnbind }

// AppendTo implements [PDU].
func (p *Unbind) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandUnbind, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p Unbind) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p Unbind) LogValue() slog.Value { return logValue(&p) }

func (*Unbind) fields(*coder) {}

// UnbindResp answers [Unbind] (3.4 section 4.2.2).
type UnbindResp struct {
	Header
}

// CommandID implements [PDU].
func (*UnbindResp) CommandID() CommandID { return CommandUnbindResp }

// AppendTo implements [PDU].
func (p *UnbindResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandUnbindResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p UnbindResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p UnbindResp) LogValue() slog.Value { return logValue(&p) }

func (*UnbindResp) fields(*coder) {}

// EnquireLink asks whether the other side is alive (3.4 section 4.11.1).
type EnquireLink struct {
	Header
}

// CommandID implements [PDU].
func (*EnquireLink) CommandID() CommandID { return CommandEnquireLink }

// AppendTo implements [PDU].
func (p *EnquireLink) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandEnquireLink, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p EnquireLink) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p EnquireLink) LogValue() slog.Value { return logValue(&p) }

func (*EnquireLink) fields(*coder) {}

// EnquireLinkResp answers [EnquireLink] (3.4 section 4.11.2).
type EnquireLinkResp struct {
	Header
}

// CommandID implements [PDU].
func (*EnquireLinkResp) CommandID() CommandID { return CommandEnquireLinkResp }

// AppendTo implements [PDU].
func (p *EnquireLinkResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandEnquireLinkResp, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p EnquireLinkResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p EnquireLinkResp) LogValue() slog.Value { return logValue(&p) }

func (*EnquireLinkResp) fields(*coder) {}

// GenericNack answers what can't be understood (3.4 section 4.3.1). Its sequence
// number is that of the request, or zero if that could not be read.
type GenericNack struct {
	Header
}

// CommandID implements [PDU].
func (*GenericNack) CommandID() CommandID { return CommandGenericNack }

// AppendTo implements [PDU].
func (p *GenericNack) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandGenericNack, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p GenericNack) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p GenericNack) LogValue() slog.Value { return logValue(&p) }

func (*GenericNack) fields(*coder) {}

// AlertNotification tells that a mobile subscriber is available again (3.4
// section 4.12.1). It is not answered.
type AlertNotification struct {
	Header
	SourceAddr Address // the subscriber
	ESMEAddr   Address // who asked to be told
	TLVs       TLVs    // ms_availability_status
}

// CommandID implements [PDU].
func (*AlertNotification) CommandID() CommandID { return CommandAlertNotification }

// AppendTo implements [PDU].
func (p *AlertNotification) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandAlertNotification, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p AlertNotification) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p AlertNotification) LogValue() slog.Value { return logValue(&p) }

func (p *AlertNotification) fields(c *coder) {
	c.address(&p.SourceAddr, &longSourceAddr)
	c.address(&p.ESMEAddr, &esmeAddr)
	c.tlvs(&p.TLVs)
}
