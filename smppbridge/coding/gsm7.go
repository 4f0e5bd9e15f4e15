package coding

import "unicode/utf8"

// cost returns how many septets a character takes: 1, 2 with an escape, or 0 if
// the alphabet does not have it.
func (a alphabet) cost(r rune) int {
	switch {
	case a.locking.septet(r) != noSeptet:
		return 1
	case a.single.septet(r) != noSeptet:
		return 2
	}
	return 0
}

// encode appends one octet a septet. It stops at a character that the alphabet
// does not have, which a caller has ruled out with cost.
func (a alphabet) encode(dst []byte, text string) []byte {
	for _, r := range text {
		if septet := a.locking.septet(r); septet != noSeptet {
			dst = append(dst, septet)
			continue
		}
		septet := a.single.septet(r)
		if septet == noSeptet {
			return dst
		}
		dst = append(dst, escape, septet)
	}
	return dst
}

// decode appends the text of one octet a septet as UTF-8. Octets that are no
// septets become U+FFFD.
//
// After an escape a place without a character means the character of the locking
// table, a second escape and an escape at the end mean a space (3GPP TS 23.038
// section 6.2.1.1, note 1); so does a place of a locking table without a character.
func (a alphabet) decode(dst, septets []byte) []byte {
	for len(septets) > 0 {
		septet, chars := septets[0], &a.locking.chars
		septets = septets[1:]
		if septet == escape {
			if len(septets) == 0 {
				return append(dst, ' ')
			}
			septet, septets = septets[0], septets[1:]
			if septet < 0x80 && a.single.chars[septet] != 0 {
				chars = &a.single.chars
			}
		}
		if septet >= 0x80 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
			continue
		}
		switch r := chars[septet]; {
		case r == 0, r == escape:
			dst = append(dst, ' ')
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r&0x7f))
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// carriageReturn fills the last octet of packed text if seven bits of it are
// spare: zero bits would be read as "@" (3GPP TS 23.038 section 6.1.2.3.1).
const carriageReturn = 0x0d

// fillBits returns how many bits follow a header of so many octets so that packed
// text starts on a septet boundary (3GPP TS 23.040 section 9.2.3.24).
func fillBits(header int) int {
	return (7 - header*8%7) % 7
}

// pack packs septets, one an octet, into the front of their own slice, after fill
// zero bits, and returns the slice that is left.
func pack(septets []byte, fill int) []byte {
	var bits uint
	n, held := 0, fill
	for _, septet := range septets {
		bits |= uint(septet) << held
		if held += 7; held >= 8 {
			septets[n] = byte(bits & 0xff)
			n, bits, held = n+1, bits>>8, held-8
		}
	}
	if held == 0 || len(septets) == 0 {
		return septets[:n]
	}
	if held == 1 {
		bits |= carriageReturn << 1
	}
	return append(septets[:n], byte(bits&0xff))
}

// unpack appends the septets of packed text, one an octet. A carriage return that
// ends at the end of the last octet is filling.
func unpack(dst, packed []byte, fill int) []byte {
	var bits uint
	start, held := len(dst), -fill
	for _, octet := range packed {
		if held < 0 {
			bits, held = uint(octet)>>-held, held+8
		} else {
			bits |= uint(octet) << held
			held += 8
		}
		for held >= 7 {
			dst = append(dst, byte(bits&0x7f))
			bits, held = bits>>7, held-7
		}
	}
	if n := len(dst); held == 0 && n > start && dst[n-1] == carriageReturn {
		dst = dst[:n-1]
	}
	return dst
}
