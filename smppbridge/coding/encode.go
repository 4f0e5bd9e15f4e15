package coding

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// UnencodableError says which character cannot be written.
type UnencodableError struct {
	Rune rune
	// Offset is where it is, in octets of the text's UTF-8.
	Offset int
}

func (e *UnencodableError) Error() string {
	return fmt.Sprintf("character %U at offset %d does not exist in the data_coding that is set", e.Rune, e.Offset)
}

// TooLongError says that a text needs more short messages than allowed.
type TooLongError struct {
	// Max is how many are allowed.
	Max int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("text needs more than %d short messages: shorten it or allow more parts", e.Max)
}

// Segment is one PDU's part of a message.
type Segment struct {
	// Data is short_message, or the value of message_payload with Payload: a user
	// data header, if there is one, and text.
	Data []byte
	// UDHI says that Data starts with a user data header, which esm_class has to
	// say, too.
	UDHI bool
	// Payload says that Data does not fit into short_message.
	Payload bool
	// Concat has the values of the sar_* parameters if its Transport is SAR, and
	// repeats what the header says otherwise. Its zero value is for a message of one
	// segment.
	Concat Concat
}

// Message is an encoded text. The zero value is ready for [Coder.Encode], which
// takes the memory over that an earlier text has left.
type Message struct {
	Charset    Charset
	DataCoding byte
	// Transliterated says that characters have been replaced.
	Transliterated bool
	// Segments is never empty: an empty text is one empty short message.
	Segments []Segment

	buf         []byte
	cuts, spare []int // where segments end in the text
}

// Encode encodes and cuts a text. The reference is the same for all parts of a
// message, and different from those of other messages between the same addresses;
// see [References]. Its lower octet counts with UDH8. The result depends on
// nothing else, so a part that failed can be encoded again later.
//
// Of the codings that are allowed, the one with the fewest parts is used; among
// equal ones the order is the default alphabet, the same with national tables,
// Latin-1, UCS2. Text that is not UTF-8 has U+FFFD in place of the bad octets,
// except with a binary data_coding, which sends octets as they are. A carriage
// return at the very end can get lost with GSM7Packed.
//
// The errors are [*UnencodableError] and [*TooLongError]; then the Message is of
// no use. Segments are valid until the next call.
func (c *Coder) Encode(m *Message, text string, reference uint16) error {
	m.Transliterated = false
	best, failed := c.choose(m, text)
	if c.translit != nil && best != c.translit && (best == nil || !best.national()) {
		plain, ok := transliterate(text)
		if ok && plain != text && c.translit.split(c, m, plain).fits() {
			m.keepSpare()
			m.Transliterated = true
			best, text = c.translit, plain
		}
	}
	if best == nil {
		return failed.err(c, text)
	}
	m.Charset, m.DataCoding = best.charset, best.dataCoding
	c.write(m, best, text, reference)
	return nil
}

// choose finds the plan with the fewest parts and leaves its cuts in the Message.
// If there is none, it returns that the text is too long for one of them, or which
// character the last of them does not have.
func (c *Coder) choose(m *Message, text string) (*plan, outcome) {
	var best *plan
	last, failed := outcome(0), outcome(0)
	for i := range c.plans {
		p := &c.plans[i]
		if p.otherwise && last < 0 {
			continue
		}
		if p.charset == UCS2 && best != nil {
			break // All others have room for more than 67 characters.
		}
		last = p.split(c, m, text)
		if !last.fits() {
			if failed != tooLong {
				failed = last
			}
			continue
		}
		if best == nil || len(m.spare) < len(m.cuts) {
			best = p
			m.keepSpare()
			if len(m.cuts) == 1 {
				break
			}
		}
	}
	return best, failed
}

func (m *Message) keepSpare() { m.cuts, m.spare = m.spare, m.cuts }

// outcome is how cutting a text ended: with parts, too many of them, or (from 0
// on) at the offset of a character that cannot be written. It is no error, since another plan
// may do and errors take memory.
type outcome int

const (
	fits    outcome = -1
	tooLong outcome = -2
)

func (o outcome) fits() bool { return o == fits }

func (o outcome) err(c *Coder, text string) error {
	if o == tooLong {
		return &TooLongError{Max: c.maxParts}
	}
	r, _ := utf8.DecodeRuneInString(text[o:])
	return &UnencodableError{Rune: r, Offset: int(o)}
}

// split leaves where the parts end in m.spare.
func (p *plan) split(c *Coder, m *Message, text string) outcome {
	m.spare = m.spare[:0]
	n, ok := p.cut(text, c.userDataSize, headerOctets(Concat{}, p.locking, p.single))
	switch {
	case !ok:
		return outcome(n)
	case n == len(text):
		m.spare = append(m.spare, n)
		return fits
	case p.national() && c.transport > UDH16:
		return tooLong
	}
	header := headerOctets(Concat{Transport: c.cutTransport(), Total: 2}, p.locking, p.single)
	for end := 0; end < len(text); {
		if len(m.spare) == c.maxParts {
			return tooLong
		}
		n, ok = p.cut(text[end:], c.userDataSize, header)
		end += n
		if !ok {
			return outcome(end)
		}
		m.spare = append(m.spare, end)
	}
	return fits
}

// cutTransport is what parts are cut for. An SMSC may write the header with
// either kind of reference when it gets SAR or Payload: leave room for the longer.
func (c *Coder) cutTransport() Transport {
	if c.transport == UDH8 {
		return UDH8
	}
	return UDH16
}

// write makes the segments of a text whose cuts are in the Message.
func (c *Coder) write(m *Message, p *plan, text string, reference uint16) {
	total := len(m.cuts)
	payload := total > 1 && c.transport == Payload
	if payload {
		m.cuts = append(m.cuts[:0], len(text))
		total = 1
	}
	// Two octets are enough for one of UTF-8 in all charsets but ISO-2022-JP.
	m.buf = slices.Grow(m.buf[:0], 2*len(text)+16*total)
	m.Segments = m.Segments[:0]
	start := 0
	for i, end := range m.cuts {
		s := Segment{Payload: payload}
		if total > 1 {
			if c.transport == UDH8 {
				reference &= 0xff
			}
			//nolint:gosec // There are at most 255 parts.
			s.Concat = NewConcat(c.transport, reference, uint8(total), uint8(i+1))
		}
		from := len(m.buf)
		m.buf = appendHeader(m.buf, s.Concat, p.locking, p.single)
		header := len(m.buf) - from
		s.UDHI = header > 0
		m.buf = p.encode(m.buf, text[start:end], header)
		s.Data = m.buf[from:len(m.buf):len(m.buf)]
		m.Segments = append(m.Segments, s)
		start = end
	}
}

// encode appends a text, all of whose characters the plan can write, behind a
// header of so many octets.
func (p *plan) encode(dst []byte, text string, header int) []byte {
	switch {
	case p.charset == GSM7:
		return p.alphabet.encode(dst, text)
	case p.charset == GSM7Packed:
		start := len(dst)
		dst = p.alphabet.encode(dst, text)
		return append(dst[:start], pack(dst[start:], fillBits(header))...)
	case p.charset == Binary:
		return append(dst, text...)
	case multibyteCharsets[p.charset] != nil:
		octets, _ := multibyteCharsets[p.charset].NewEncoder().Bytes([]byte(text)) // cut has encoded it before.
		return append(dst, octets...)
	}
	return encodeOctets(dst, p.charset, text)
}
