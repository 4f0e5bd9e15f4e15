package pdu

import (
	"encoding/binary"
	"strings"
)

func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// newEncoder begins a PDU behind b. Its length follows in finish.
func newEncoder(b []byte, id CommandID, h Header) coder {
	c := coder{mode: encoding, id: id, header: h, pos: len(b)}
	c.b = appendUint32(b, 0)
	c.b = appendUint32(c.b, uint32(id))
	c.b = appendUint32(c.b, uint32(h.Status))
	c.b = appendUint32(c.b, h.Sequence)
	return c
}

// finish ends the PDU and returns all that is encoded.
func (c *coder) finish() ([]byte, error) {
	if c.err != nil {
		return c.b[:c.pos], c.err
	}
	body := c.b[c.pos+HeaderLength:]
	if c.id.IsResponse() && c.omitsBody(body) {
		c.b = c.b[:c.pos+HeaderLength]
	}
	binary.BigEndian.PutUint32(c.b[c.pos:], uint32(len(c.b)-c.pos)) //nolint:gosec // A body is far smaller than 4 GiB: each TLV is bounded.
	return c.b, nil
}

// omitsBody tells whether a response is sent without its body.
func (c *coder) omitsBody(body []byte) bool {
	switch c.header.Body {
	case BodyAbsent:
		return true
	case BodyPresent:
		return false
	default:
		return c.header.Status != StatusOK && c.isEmpty(body)
	}
}

// isEmpty tells whether all fields of a body are empty.
func (c *coder) isEmpty(body []byte) bool {
	if c.hasTLVs {
		return false
	}
	for _, octet := range body {
		if octet != 0 {
			return false
		}
	}
	return true
}

func (c *coder) putText(s string, f *textField) {
	switch {
	case len(s) >= f.max:
		c.fail(f.name, f.status, tooLong(len(s), f.max-1))
	case strings.IndexByte(s, 0) >= 0:
		c.fail(f.name, f.status, hasNUL)
	}
	c.b = append(c.b, s...)
	c.b = append(c.b, 0)
}
