package coding

import (
	"encoding/binary"
	"errors"
)

// ErrHeader is returned for a user data header that contradicts itself.
var ErrHeader = errors.New("malformed user data header")

// The information elements that are understood (3GPP TS 23.040 section
// 9.2.3.24).
const (
	ieConcat8       = 0x00
	iePorts8        = 0x04
	iePorts16       = 0x05
	ieConcat16      = 0x08
	ieSingleShift   = 0x24
	ieLockingShift  = 0x25
	concat8Octets   = 5 // with identifier and length
	concat16Octets  = 6
	languageOctets  = 3
	headerLenOctets = 1
)

// Concat says which part of a long message a short message is. The zero value
// says that it is none.
type Concat struct {
	// Transport is UDH8, UDH16 or SAR. Equal references of different transports
	// are different references.
	Transport Transport
	Reference uint16
	// Total is how many parts there are, 0 for a message that is not a part.
	Total uint8
	// Number is 1 to Total.
	Number uint8
}

// NewConcat returns the zero value if total or number is 0, or number is larger
// than total: such a message stands for itself (3GPP TS 23.040 section
// 9.2.3.24.1).
func NewConcat(t Transport, reference uint16, total, number uint8) Concat {
	if total == 0 || number == 0 || number > total {
		return Concat{}
	}
	return Concat{Transport: t, Reference: reference, Total: total, Number: number}
}

// Header is what a user data header says.
type Header struct {
	Concat Concat
	// HasPorts says that the message is for an application.
	HasPorts                    bool
	SourcePort, DestinationPort uint16
	// Locking and Single are the national language tables of the text; unknown
	// identifiers are kept, and read with the default tables.
	Locking, Single Language
	// Octets is how long the header is, its length octet included.
	Octets int
}

// ParseHeader takes the user data header off the user data of a message whose
// esm_class has the UDHI bit, and returns what follows it.
//
// Of an element that comes twice the last counts; unknown elements, and known
// ones of a wrong length, are skipped. A header that is longer than the data
// leaves the data as it is; one whose elements do not fill it exactly says nothing
// (3GPP TS 23.040 section 9.2.3.24), but it is still taken off. Both are
// [ErrHeader], which a caller may ignore.
func ParseHeader(data []byte) (Header, []byte, error) {
	if len(data) == 0 || headerLenOctets+int(data[0]) > len(data) {
		return Header{}, data, ErrHeader
	}
	octets := headerLenOctets + int(data[0])
	elements, text := data[headerLenOctets:octets], data[octets:]
	h := Header{Octets: octets}
	for len(elements) > 0 {
		if len(elements) < 2 || 2+int(elements[1]) > len(elements) {
			return Header{Octets: octets}, text, ErrHeader
		}
		id, value := elements[0], elements[2:2+int(elements[1])]
		elements = elements[2+len(value):]
		h.read(id, value)
	}
	return h, text, nil
}

func (h *Header) read(id byte, value []byte) {
	switch {
	case id == ieConcat8 && len(value) == 3:
		h.concat(NewConcat(UDH8, uint16(value[0]), value[1], value[2]))
	case id == ieConcat16 && len(value) == 4:
		h.concat(NewConcat(UDH16, binary.BigEndian.Uint16(value), value[2], value[3]))
	case id == iePorts8 && len(value) == 2:
		h.HasPorts, h.DestinationPort, h.SourcePort = true, uint16(value[0]), uint16(value[1])
	case id == iePorts16 && len(value) == 4:
		h.HasPorts = true
		h.DestinationPort = binary.BigEndian.Uint16(value)
		h.SourcePort = binary.BigEndian.Uint16(value[2:])
	case id == ieSingleShift && len(value) == 1:
		h.Single = Language(value[0])
	case id == ieLockingShift && len(value) == 1:
		h.Locking = Language(value[0])
	}
}

// concat takes an element over unless its numbers make it void, in which case it
// is to be treated as absent.
func (h *Header) concat(c Concat) {
	if c != (Concat{}) {
		h.Concat = c
	}
}

// headerOctets returns how long the header is that appendHeader writes.
func headerOctets(concat Concat, locking, single Language) int {
	n := 0
	if concat.Total > 1 {
		switch concat.Transport {
		case UDH8:
			n += concat8Octets
		case UDH16:
			n += concat16Octets
		}
	}
	if locking != NoLanguage {
		n += languageOctets
	}
	if single != NoLanguage {
		n += languageOctets
	}
	if n > 0 {
		n += headerLenOctets
	}
	return n
}

// appendHeader appends a user data header, or nothing if none is needed.
func appendHeader(dst []byte, concat Concat, locking, single Language) []byte {
	n := headerOctets(concat, locking, single)
	if n == 0 {
		return dst
	}
	dst = append(dst, byte(n-headerLenOctets)) //nolint:gosec // It is at most 12.
	if concat.Total > 1 {
		switch concat.Transport {
		case UDH8:
			dst = append(dst, ieConcat8, 3, byte(concat.Reference&0xff), concat.Total, concat.Number)
		case UDH16:
			dst = binary.BigEndian.AppendUint16(append(dst, ieConcat16, 4), concat.Reference)
			dst = append(dst, concat.Total, concat.Number)
		}
	}
	if single != NoLanguage {
		dst = append(dst, ieSingleShift, 1, byte(single))
	}
	if locking != NoLanguage {
		dst = append(dst, ieLockingShift, 1, byte(locking))
	}
	return dst
}
