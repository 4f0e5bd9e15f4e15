package pdu

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// rest returns what is not decoded yet, or nothing after an error.
func (c *coder) rest() []byte {
	if c.err != nil {
		return nil
	}
	return c.b[c.pos:]
}

// absent tells whether a response came without its body, which stands for empty
// fields.
func (c *coder) absent() bool {
	c.hasFields = true
	return c.id.IsResponse() && len(c.b) == HeaderLength
}

func (c *coder) takeText(s *string, f *textField) {
	text := c.cutText(f)
	// Comparing allocates nothing, and addresses repeat when a PDU is decoded
	// into one that was used before.
	if string(text) != *s {
		*s = string(text)
	}
}

func (c *coder) cutText(f *textField) []byte {
	rest := c.rest()
	if c.absent() || c.err != nil {
		return nil
	}
	most := f.max
	if c.loose {
		most = max(most, looseMax)
	}
	if n := bytes.IndexByte(rest[:min(len(rest), most)], 0); n >= 0 {
		c.pos += n + 1
		return rest[:n]
	}
	switch {
	case len(rest) >= most:
		c.fail(f.name, f.status, fmt.Sprintf("has no NUL within %d octets", most))
		return nil
	case c.id.IsResponse() && len(rest) > 0:
		// Some peers leave out the NUL at the end of the PDU. In a response
		// that does no harm, since its sender waits for no answer.
		c.pos = len(c.b)
		return rest
	default:
		c.fail(f.name, StatusInvCmdLen, "the PDU ends before its NUL")
		return nil
	}
}

func (c *coder) takeOctet(name string) byte {
	if c.absent() || c.err != nil {
		return 0
	}
	if c.pos >= len(c.b) {
		c.fail(name, StatusInvCmdLen, truncated)
		return 0
	}
	c.pos++
	return c.b[c.pos-1]
}

func (c *coder) takeUint32(name string) uint32 {
	rest := c.rest()
	if len(rest) < 4 {
		c.fail(name, StatusInvCmdLen, truncated)
		return 0
	}
	c.pos += 4
	return binary.BigEndian.Uint32(rest)
}

func (c *coder) takeMessage() []byte {
	n := int(c.takeOctet("sm_length"))
	rest := c.rest()
	if n > len(rest) {
		c.fail("sm_length", StatusInvMsgLen, "is more than the PDU has")
	}
	if n == 0 || c.err != nil {
		return nil
	}
	c.pos += n
	return rest[:n:n]
}

// takeTLVs returns the TLVs. If they are broken, what is whole of them counts in
// a response, whose status matters more, and from a lenient peer's request.
func (c *coder) takeTLVs() []byte {
	rest := c.rest()
	n := wholeTLVs(rest)
	if n < len(rest) && !c.loose {
		c.fail("", StatusInvTLVStream, "the TLVs don't end with the PDU")
	}
	if n == 0 || c.err != nil {
		return nil
	}
	c.pos += n
	return rest[:n:n]
}
