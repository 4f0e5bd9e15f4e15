package receipt

import (
	"bytes"
	"strings"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// tlvID returns the id of the TLV, or nothing.
func tlvID(tlvs pdu.TLVs) []byte {
	id, _ := tlvs.Get(pdu.TagReceiptedMessageID)
	// Some SMSCs leave out the NUL at the end.
	id, _, _ = bytes.Cut(id, []byte{0})
	return bytes.Trim(id, " \t\r\n\xff")
}

// begins tells whether text begins with an id, so that it is worth reading. It
// works on octets, since nearly all that it sees are messages of people.
func (p *Parser) begins(c *content) bool {
	header, octets := c.withoutHeader()
	if beginsWithID(octets) {
		return true
	}
	if p.charset(c) != coding.GSM7Packed {
		return false
	}
	octets = octets[:min(len(octets), 14)]
	return beginsWithID(p.coder.AppendText(nil, coding.Part{Header: header, DataCoding: byte(c.dataCoding), Data: octets}))
}

func beginsWithID(octets []byte) bool {
	want := "id:"
	for _, o := range octets {
		switch {
		case o == 0: // The other half of a UCS2 character.
		case o == want[0] || o|0x20 == want[0]:
			if want = want[1:]; want == "" {
				return true
			}
		case len(want) == 3 && (o == ' ' || o == '\r' || o == '\n' || o == 0xfe || o == 0xff): // The last two mark UCS2.
		default:
			return false
		}
	}
	return false
}

func (p *Parser) charset(c *content) coding.Charset {
	return p.coder.Meaning(byte(c.dataCoding)).Charset
}

// withoutHeader takes the user data header off. Some SMSCs set the UDHI bit
// without one.
func (c *content) withoutHeader() (coding.Header, []byte) {
	if !c.class.UDHI() {
		return coding.Header{}, c.octets
	}
	h, text, err := coding.ParseHeader(c.octets)
	if err != nil {
		return coding.Header{}, c.octets
	}
	return h, text
}

// read returns the text and its fields.
//
// Many SMSCs write receipts in ASCII whatever data_coding says. What can be read
// so, which UCS2 can if its NULs are left out, counts more than what GSM 03.38
// makes of it, but for the text of the message.
func (p *Parser) read(c *content) (fields, string) {
	header, octets := c.withoutHeader()
	charset := p.charset(c)
	if charset != coding.GSM7Packed && charset != coding.UCS2 {
		octets = bytes.TrimRight(octets, "\x00\xff")
		if plain(octets) {
			text := string(octets)
			return scan(text), text
		}
	}
	text := p.text(c, header, octets, charset)
	f := scan(text)
	if charset == coding.GSM7Packed && f[keyID] != "" {
		return f, text
	}
	guess := ascii(c.octets)
	other := scan(guess)
	if !f.any() && other.any() {
		return other, guess
	}
	for key := range keyText {
		if other[key] != "" && printable(other[key]) {
			f[key] = other[key]
		}
	}
	return f, text
}

// text decodes octets as data_coding says.
func (p *Parser) text(c *content, header coding.Header, octets []byte, charset coding.Charset) string {
	b := p.coder.AppendText(nil, coding.Part{Header: header, DataCoding: byte(c.dataCoding), Data: octets})
	switch {
	case charset == coding.Binary:
		b = bytes.ToValidUTF8(b, []byte("\ufffd"))
	case charset == coding.GSM7Packed && len(octets)%7 == 0:
		b = bytes.TrimSuffix(b, []byte("@")) // Seven bits that were left over.
	}
	return strings.TrimRight(string(b), "\x00\uffff\ufffd")
}

// plain tells whether all octets are characters that GSM 03.38 and ASCII have in
// the same place.
func plain(octets []byte) bool {
	for _, o := range octets {
		switch {
		case '%' <= o && o <= '?', 'A' <= o && o <= 'Z', 'a' <= o && o <= 'z', ' ' <= o && o <= '#', o == '\n', o == '\r':
		default:
			return false
		}
	}
	return true
}

// printable tells whether a value has only printable characters of ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ascii reads octets as ASCII without NULs. Others become control characters, which
// are not printable.
func ascii(octets []byte) string {
	var b strings.Builder
	b.Grow(len(octets))
	for _, o := range octets {
		switch {
		case o == 0:
		case o >= 0x80:
			b.WriteByte(0x1a)
		default:
			b.WriteByte(o)
		}
	}
	return b.String()
}
