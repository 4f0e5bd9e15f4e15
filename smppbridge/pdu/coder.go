package pdu

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
)

// mode is what a coder does with the fields it is led through.
type mode uint8

const (
	encoding mode = iota
	decoding
	describing
)

// coder encodes, decodes or describes a PDU. The PDU leads it through its
// fields, so that the layout of each is written down only once.
type coder struct {
	mode mode
	id   CommandID
	// header is that of the PDU.
	header Header
	// b is what is encoded so far, or the frame that is decoded.
	b []byte
	// pos is where the PDU begins in b when encoding, and where the next field
	// begins when decoding.
	pos int
	// loose accepts long text and broken TLVs.
	loose bool
	// hasFields is set once a field was decoded, or would have been if there
	// were a body.
	hasFields bool
	// hasTLVs is set once there are TLVs.
	hasTLVs bool
	// attrs is the description so far.
	attrs []slog.Attr
	// err is the first error. After it, encoding goes on for nothing, and
	// decoding only empties the fields.
	err *Error
}

// fail notes the first error.
func (c *coder) fail(field string, status CommandStatus, reason string) {
	if c.err != nil {
		return
	}
	if c.id.IsResponse() {
		status = StatusOK
	}
	c.err = &Error{CommandID: c.id, Sequence: c.header.Sequence, Status: status, Field: field, Reason: reason}
}

// text handles a C-octet string.
func (c *coder) text(s *string, f *textField) {
	switch c.mode {
	case encoding:
		c.putText(*s, f)
	case decoding:
		c.takeText(s, f)
	case describing:
		switch {
		case *s == "":
		case f.secret:
			c.attrs = append(c.attrs, slog.String(f.name, "[redacted]"))
		default:
			c.attrs = append(c.attrs, slog.String(f.name, *s))
		}
	}
}

// address handles an address in three fields.
func (c *coder) address(a *Address, f *addressField) {
	octet(c, &a.TON, f.ton)
	octet(c, &a.NPI, f.npi)
	c.text(&a.Addr, &f.addr)
}

// octet handles an integer of one octet.
func octet[T ~uint8](c *coder, v *T, name string) {
	switch c.mode {
	case encoding:
		c.b = append(c.b, byte(*v))
	case decoding:
		*v = T(c.takeOctet(name))
	case describing:
		if *v != 0 {
			c.attrs = append(c.attrs, slog.String(name, fmt.Sprint(*v)))
		}
	}
}

// status handles a command_status inside a body.
func (c *coder) status(s *CommandStatus, name string) {
	switch c.mode {
	case encoding:
		c.b = appendUint32(c.b, uint32(*s))
	case decoding:
		*s = CommandStatus(c.takeUint32(name))
	case describing:
		c.attrs = append(c.attrs, slog.String(name, s.String()))
	}
}

// message handles an octet string behind its length in one octet.
func (c *coder) message(v *[]byte) {
	switch c.mode {
	case encoding:
		if len(*v) > math.MaxUint8 {
			c.fail("short_message", StatusInvMsgLen, tooLong(len(*v), math.MaxUint8))
		}
		c.b = append(c.b, byte(len(*v))) //nolint:gosec // Checked above.
		c.b = append(c.b, *v...)
	case decoding:
		*v = c.takeMessage()
	case describing:
		c.attrs = append(c.attrs, slog.Int("sm_length", len(*v)))
	}
}

// tlvs handles all that is behind the body.
func (c *coder) tlvs(t *TLVs) {
	switch c.mode {
	case encoding:
		c.b = append(c.b, t.raw...)
		c.hasTLVs = len(t.raw) > 0
	case decoding:
		t.raw = c.takeTLVs()
		c.hasTLVs = len(t.raw) > 0
	case describing:
		if len(t.raw) > 0 {
			c.attrs = append(c.attrs, slog.String("tlvs", t.String()))
		}
	}
}

// list handles the number of a list's items, in one octet. The caller goes
// through the items. least is the octets of the smallest item.
func list[T any](c *coder, items []T, name string, least int, status CommandStatus) []T {
	switch c.mode {
	case encoding:
		if len(items) > math.MaxUint8 {
			c.fail(name, status, fmt.Sprintf("is %d, and may be at most %d", len(items), math.MaxUint8))
			return nil
		}
		c.b = append(c.b, byte(len(items))) //nolint:gosec // Checked above.
	case decoding:
		n := int(c.takeOctet(name))
		if n*least > len(c.b)-c.pos {
			c.fail(name, StatusInvCmdLen, "is more than the PDU has room for")
			n = 0
		}
		items = slices.Grow(items[:0], n)[:n]
	case describing:
		c.attrs = append(c.attrs, slog.Int(name, len(items)))
	}
	return items
}
