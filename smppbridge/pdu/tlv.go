package pdu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"strconv"
	"strings"
)

// tlvHead is the octets of tag and length in front of each value.
const tlvHead = 4

// TLVs are the optional parameters behind the body of a PDU, in the order in
// which they came or were added. Tags can be there more than once, and unknown
// ones are kept. The zero value is empty.
//
// It holds the octets as they go over the wire, so that decoding does not
// allocate for each of what may be thousands. Like a slice, a copy shares them.
type TLVs struct {
	raw []byte
}

// Add appends a TLV. It fails if the value has more than 65,535 octets.
func (t *TLVs) Add(tag Tag, value []byte) error {
	if len(value) > math.MaxUint16 {
		return &Error{Status: StatusInvTLVLen, Field: tag.String(), Reason: tooLong(len(value), math.MaxUint16)}
	}
	t.head(tag, uint16(len(value))) //nolint:gosec // Checked above.
	t.raw = append(t.raw, value...)
	return nil
}

// AddCString appends a TLV whose value is text that ends with a NUL. It fails
// if the text has a NUL or more than 65,534 octets.
func (t *TLVs) AddCString(tag Tag, value string) error {
	if strings.IndexByte(value, 0) >= 0 {
		return &Error{Status: StatusInvTLVVal, Field: tag.String(), Reason: hasNUL}
	}
	return t.Add(tag, append([]byte(value), 0))
}

// AddUint8 appends a TLV with a value of one octet.
func (t *TLVs) AddUint8(tag Tag, value uint8) {
	t.head(tag, 1)
	t.raw = append(t.raw, value)
}

// AddUint16 appends a TLV with a value of two octets.
func (t *TLVs) AddUint16(tag Tag, value uint16) {
	t.head(tag, 2)
	t.raw = binary.BigEndian.AppendUint16(t.raw, value)
}

// AddUint32 appends a TLV with a value of four octets.
func (t *TLVs) AddUint32(tag Tag, value uint32) {
	t.head(tag, 4)
	t.raw = binary.BigEndian.AppendUint32(t.raw, value)
}

func (t *TLVs) head(tag Tag, length uint16) {
	t.raw = binary.BigEndian.AppendUint16(t.raw, uint16(tag))
	t.raw = binary.BigEndian.AppendUint16(t.raw, length)
}

// All yields each TLV in order. The values alias the PDU.
func (t TLVs) All() iter.Seq2[Tag, []byte] {
	return func(yield func(Tag, []byte) bool) {
		for rest := t.raw; len(rest) > 0; {
			var tag Tag
			var value []byte
			if tag, value, rest, _ = cutTLV(rest); !yield(tag, value) {
				return
			}
		}
	}
}

// Get returns the value of the first TLV with that tag, which may be empty, and
// whether there is one. The value aliases the PDU.
func (t TLVs) Get(tag Tag) ([]byte, bool) {
	for rest := t.raw; len(rest) > 0; {
		var found Tag
		var value []byte
		if found, value, rest, _ = cutTLV(rest); found == tag {
			return value, true
		}
	}
	return nil, false
}

// Uint8 returns the value of the first TLV with that tag if it has one octet.
func (t TLVs) Uint8(tag Tag) (uint8, bool) {
	if v, _ := t.Get(tag); len(v) == 1 {
		return v[0], true
	}
	return 0, false
}

// Uint16 returns the value of the first TLV with that tag if it has two octets.
func (t TLVs) Uint16(tag Tag) (uint16, bool) {
	if v, _ := t.Get(tag); len(v) == 2 {
		return binary.BigEndian.Uint16(v), true
	}
	return 0, false
}

// Uint32 returns the value of the first TLV with that tag if it has four
// octets.
func (t TLVs) Uint32(tag Tag) (uint32, bool) {
	if v, _ := t.Get(tag); len(v) == 4 {
		return binary.BigEndian.Uint32(v), true
	}
	return 0, false
}

// CString returns the text of the first TLV with that tag, and whether there is
// one. The text ends with the first NUL, or with the value, since some SMSCs
// leave the NUL out.
func (t TLVs) CString(tag Tag) (string, bool) {
	v, ok := t.Get(tag)
	text, _, _ := bytes.Cut(v, []byte{0})
	return string(text), ok
}

// String lists the TLVs for logs. It only shows values that can't hold text of
// a message: those of at most 4 octets of tags in the specification, and
// message ids. Of the others it tells the length.
func (t TLVs) String() string {
	var b strings.Builder
	for tag, value := range t.All() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		_, known := tagNames[tag]
		switch {
		case tag == TagReceiptedMessageID:
			id, _ := t.CString(tag)
			fmt.Fprintf(&b, "%s=%s", tag, strconv.Quote(id))
		case known && tag != TagMessagePayload && len(value) <= 4:
			fmt.Fprintf(&b, "%s=0x%x", tag, value)
		default:
			fmt.Fprintf(&b, "%s=[%d octets]", tag, len(value))
		}
	}
	return b.String()
}

// LogValue implements [slog.LogValuer] like String.
func (t TLVs) LogValue() slog.Value { return slog.StringValue(t.String()) }

// cutTLV splits off the first TLV of b, or tells that b does not begin with a
// whole one.
func cutTLV(b []byte) (tag Tag, value, rest []byte, ok bool) {
	if len(b) < tlvHead {
		return 0, nil, nil, false
	}
	end := tlvHead + int(binary.BigEndian.Uint16(b[2:]))
	if end > len(b) {
		return 0, nil, nil, false
	}
	return Tag(binary.BigEndian.Uint16(b)), b[tlvHead:end:end], b[end:], true
}

// wholeTLVs returns how many octets at the beginning of b are whole TLVs.
func wholeTLVs(b []byte) int {
	rest := b
	for {
		_, _, next, ok := cutTLV(rest)
		if !ok {
			return len(b) - len(rest)
		}
		rest = next
	}
}
