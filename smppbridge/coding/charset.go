package coding

import (
	"fmt"
	"strings"
)

// Charset is how text is written as octets.
type Charset uint8

// The charsets. The zero value is what data_coding 0 means at most SMSCs.
const (
	// GSM7 is the GSM 03.38 alphabet with one septet in an octet, as nearly all
	// SMSCs want it; they pack it themselves.
	GSM7 Charset = iota
	// GSM7Packed is the same alphabet with eight septets in seven octets, as it is
	// on the air.
	GSM7Packed
	// ASCII is IA5. Octets from 0x80 are read as Latin-1, which some SMSCs mean.
	ASCII
	// Latin1 is ISO 8859-1.
	Latin1
	// Cyrillic is ISO 8859-5.
	Cyrillic
	// Hebrew is ISO 8859-8, in logical order.
	Hebrew
	// UCS2 is UTF-16 in big-endian order; handsets show surrogate pairs.
	UCS2
	// UTF8 is only ever the default alphabet of an SMSC.
	UTF8
	// ShiftJIS is how data_coding 5 (JIS X 0208) is written.
	ShiftJIS
	// ISO2022JP starts and ends every short message in ASCII.
	ISO2022JP
	// EUCJP is how data_coding 13 (JIS X 0212) is written.
	EUCJP
	// EUCKR is KS C 5601.
	EUCKR
	// Binary is not text: octets are taken from and given as a string unchanged.
	Binary

	charsets = iota
)

var charsetNames = [charsets]string{
	"gsm7", "gsm7_packed", "ascii", "latin1", "iso-8859-5", "iso-8859-8", "ucs2",
	"utf-8", "shift_jis", "iso-2022-jp", "euc-jp", "euc-kr", "binary",
}

// String returns the name that [Charset.UnmarshalText] takes.
func (c Charset) String() string { return nameOf(charsetNames[:], c) }

// MarshalText writes the name.
func (c Charset) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads one of gsm7, gsm7_packed, ascii, latin1, iso-8859-5,
// iso-8859-8, ucs2, utf-8, shift_jis, iso-2022-jp, euc-jp, euc-kr and binary.
func (c *Charset) UnmarshalText(text []byte) error {
	return parseName(c, "charset", charsetNames[:], text)
}

// Language is a national language identifier, with the numbers of 3GPP TS 23.038
// section 6.2.1.2.4.
type Language uint8

// The national languages.
const (
	NoLanguage Language = iota
	Turkish
	Spanish
	Portuguese
	Bengali
	Gujarati
	Hindi
	Kannada
	Malayalam
	Oriya
	Punjabi
	Tamil
	Telugu
	Urdu

	languages = iota
)

var languageNames = [languages]string{
	"none", "tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur",
}

// String returns the ISO 639-1 code, or "none".
func (l Language) String() string { return nameOf(languageNames[:], l) }

// MarshalText writes the ISO 639-1 code.
func (l Language) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads an ISO 639-1 code: one of tr, es, pt, bn, gu, hi, kn, ml,
// or, pa, ta, te and ur.
func (l *Language) UnmarshalText(text []byte) error {
	return parseName(l, "language", languageNames[:], text)
}

// Transport is how the parts of a message that needs several say so. A text that
// fits into one short message is sent the same way with all of them.
type Transport uint8

// The transports.
const (
	// UDH8 is a user data header with an 8-bit reference, which everybody
	// understands.
	UDH8 Transport = iota
	// UDH16 is a user data header with a 16-bit reference: fewer mix-ups, one
	// octet less text.
	UDH16
	// SAR is the parameters sar_msg_ref_num, sar_total_segments and
	// sar_segment_seqnum; the SMSC makes the header.
	SAR
	// Payload is the whole text in message_payload; the SMSC cuts it.
	Payload

	transports = iota
)

var transportNames = [transports]string{"udh8", "udh16", "sar", "payload"}

// String returns the name that [Transport.UnmarshalText] takes.
func (t Transport) String() string { return nameOf(transportNames[:], t) }

// MarshalText writes the name.
func (t Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads one of udh8, udh16, sar and payload.
func (t *Transport) UnmarshalText(text []byte) error {
	return parseName(t, "transport", transportNames[:], text)
}

func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown(%d)", uint8(v))
}

func parseName[T ~uint8](v *T, what string, names []string, text []byte) error {
	for i, name := range names {
		if string(text) == name {
			*v = T(i) //nolint:gosec // There are fewer than 256 names.
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q: use one of %s", what, text, strings.Join(names, ", "))
}
