package coding

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

// byteCharsets are the charsets of one octet a character beyond Latin-1.
var byteCharsets = [charsets]*charmap.Charmap{
	Cyrillic: charmap.ISO8859_5,
	Hebrew:   charmap.ISO8859_8,
}

// multibyteCharsets are the charsets whose characters differ in length.
var multibyteCharsets = [charsets]encoding.Encoding{
	ShiftJIS:  japanese.ShiftJIS,
	ISO2022JP: japanese.ISO2022JP,
	EUCJP:     japanese.EUCJP,
	EUCKR:     korean.EUCKR,
}

// octetCost returns how many octets a character takes in a charset that is
// neither GSM 03.38 nor multi-byte, or 0 if the charset does not have it.
func octetCost(c Charset, r rune) int {
	switch c {
	case ASCII:
		if r < utf8.RuneSelf {
			return 1
		}
	case Latin1:
		if r < 256 {
			return 1
		}
	case Cyrillic, Hebrew:
		// The places without a character are U+FFFD in these tables.
		if _, ok := byteCharsets[c].EncodeRune(r); ok && r != utf8.RuneError {
			return 1
		}
	case UCS2:
		return 2 * utf16.RuneLen(r)
	case UTF8:
		return utf8.RuneLen(r)
	}
	return 0
}

// encodeOctets appends text in a charset that is neither GSM 03.38 nor
// multi-byte. It has all the characters: octetCost has ruled out others.
func encodeOctets(dst []byte, c Charset, text string) []byte {
	switch c {
	case UCS2:
		for _, r := range text {
			if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
				dst = binary.BigEndian.AppendUint16(dst, uint16(high)) //nolint:gosec // Surrogates have 16 bits.
				r = low
			}
			dst = binary.BigEndian.AppendUint16(dst, uint16(r)) //nolint:gosec // What is no pair has 16 bits.
		}
	case UTF8:
		for _, r := range text {
			dst = utf8.AppendRune(dst, r)
		}
	case Cyrillic, Hebrew:
		for _, r := range text {
			octet, _ := byteCharsets[c].EncodeRune(r)
			dst = append(dst, octet)
		}
	default:
		for _, r := range text {
			dst = append(dst, byte(r)) //nolint:gosec // ASCII and Latin-1 end at U+00FF.
		}
	}
	return dst
}

// decodeOctets appends octets that are not in GSM 03.38 as UTF-8. What the
// charset does not have, a half of a surrogate pair and half a UTF-16 unit at the
// end become U+FFFD.
func decodeOctets(dst []byte, c Charset, octets []byte) []byte {
	switch c {
	case UCS2:
		return decodeUTF16(dst, octets)
	case UTF8:
		for len(octets) > 0 {
			r, n := utf8.DecodeRune(octets)
			dst, octets = utf8.AppendRune(dst, r), octets[n:]
		}
		return dst
	case Cyrillic, Hebrew:
		for _, octet := range octets {
			dst = utf8.AppendRune(dst, byteCharsets[c].DecodeByte(octet))
		}
		return dst
	case ShiftJIS, ISO2022JP, EUCJP, EUCKR:
		// The decoders replace what they cannot read and return no error.
		text, _ := multibyteCharsets[c].NewDecoder().Bytes(octets)
		return append(dst, text...)
	case Binary:
		return append(dst, octets...)
	default:
		for _, octet := range octets {
			dst = utf8.AppendRune(dst, rune(octet))
		}
		return dst
	}
}

func decodeUTF16(dst, octets []byte) []byte {
	for len(octets) >= 2 {
		r := rune(binary.BigEndian.Uint16(octets))
		octets = octets[2:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(octets) >= 2 {
				pair = utf16.DecodeRune(r, rune(binary.BigEndian.Uint16(octets)))
			}
			if pair != utf8.RuneError {
				octets = octets[2:]
			}
			r = pair
		}
		dst = utf8.AppendRune(dst, r)
	}
	if len(octets) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}
