package pdu

import "log/slog"

// BindMode is what a session may do. Its value is the command_id of the bind.
type BindMode CommandID

// The ways to bind.
const (
	BindReceiver    = BindMode(CommandBindReceiver)    // get messages
	BindTransmitter = BindMode(CommandBindTransmitter) // submit messages
	BindTransceiver = BindMode(CommandBindTransceiver) // both; since 3.4
)

// valid tells whether there is such a mode.
func (m BindMode) valid() bool {
	return m == BindReceiver || m == BindTransmitter || m == BindTransceiver
}

// String returns "receiver", "transmitter" or "transceiver".
func (m BindMode) String() string {
	switch m {
	case BindReceiver:
		return "receiver"
	case BindTransmitter:
		return "transmitter"
	case BindTransceiver:
		return "transceiver"
	default:
		return CommandID(m).String()
	}
}

// Bind opens a session: bind_receiver, bind_transmitter or bind_transceiver
// (3.4 section 4.1).
type Bind struct {
	Header
	Mode             BindMode
	SystemID         string // at most 15 characters
	Password         string // at most 8 characters in 3.4; 254 are taken
	SystemType       string // at most 12 characters
	InterfaceVersion InterfaceVersion
	AddressRange     Address // which addresses the ESME serves; at most 40 characters
}

// CommandID implements [PDU].
func (p *Bind) CommandID() CommandID { return CommandID(p.Mode) }

// AppendTo implements [PDU].
func (p *Bind) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, p.CommandID(), p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p Bind) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p Bind) LogValue() slog.Value { return logValue(&p) }

func (p *Bind) fields(c *coder) {
	c.bindMode(p.Mode)
	c.text(&p.SystemID, &systemID)
	c.text(&p.Password, &password)
	c.text(&p.SystemType, &systemType)
	octet(c, &p.InterfaceVersion, "interface_version")
	c.address(&p.AddressRange, &addressRange)
}

// BindResp answers [Bind].
type BindResp struct {
	Header
	Mode     BindMode
	SystemID string // of the SMSC
	TLVs     TLVs   // sc_interface_version
}

// CommandID implements [PDU].
func (p *BindResp) CommandID() CommandID { return CommandID(p.Mode).Response() }

// AppendTo implements [PDU].
func (p *BindResp) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, p.CommandID(), p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p BindResp) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p BindResp) LogValue() slog.Value { return logValue(&p) }

func (p *BindResp) fields(c *coder) {
	c.bindMode(p.Mode)
	c.text(&p.SystemID, &systemID)
	c.tlvs(&p.TLVs)
}

// bindMode checks the mode, which is no field but the type of the PDU.
func (c *coder) bindMode(m BindMode) {
	if !m.valid() {
		c.fail("command_id", StatusInvCmdID, "is of no bind")
	}
}

// Outbind asks the ESME to bind as a receiver (3.4 section 4.1.7). It is not
// answered but by that.
type Outbind struct {
	Header
	SystemID string // of the SMSC
	Password string
}

// CommandID implements [PDU].
func (*Outbind) CommandID() CommandID { return CommandOutbind }

// AppendTo implements [PDU].
func (p *Outbind) AppendTo(b []byte) ([]byte, error) {
	c := newEncoder(b, CommandOutbind, p.Header)
	p.fields(&c)
	return c.finish()
}

// String implements [fmt.Stringer] without secrets.
func (p Outbind) String() string { return describe(&p) }

// LogValue implements [slog.LogValuer] without secrets.
func (p Outbind) LogValue() slog.Value { return logValue(&p) }

func (p *Outbind) fields(c *coder) {
	c.text(&p.SystemID, &systemID)
	c.text(&p.Password, &password)
}
