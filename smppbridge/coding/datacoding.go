package coding

import "fmt"

// Class is where a handset puts a message (3GPP TS 23.038 section 4).
type Class int8

// The message classes.
const (
	// NoClass leaves it to the handset.
	NoClass Class = iota - 1
	// ClassFlash shows the message at once and does not store it.
	ClassFlash
	// ClassHandset stores the message in the handset.
	ClassHandset
	// ClassSIM stores the message in the SIM.
	ClassSIM
	// ClassTerminal gives the message to the equipment behind the handset.
	ClassTerminal
)

// Meaning is what a data_coding says.
type Meaning struct {
	Charset Charset
	Class   Class
}

// smppCodings is what the values below 0x10 mean (SMPP 3.4 section 5.2.19).
// Pictograms (9) have no published table, and 11, 12 and 15 are reserved: nobody
// can read them as text.
var smppCodings = [16]Charset{
	1: ASCII, 2: Binary, 3: Latin1, 4: Binary, 5: ShiftJIS, 6: Cyrillic, 7: Hebrew, 8: UCS2,
	9: Binary, 10: ISO2022JP, 11: Binary, 12: Binary, 13: EUCJP, 14: EUCKR, 15: Binary,
}

// meaning reads a data_coding at an SMSC where 0 means defaultAlphabet. The
// values from 0x10 are those of the air interface (3GPP TS 23.038 section 4), with
// the SMSC's default alphabet in place of GSM 03.38: it rewrites text of 0x10 and
// 0xF0 just as it does text of 0. Reserved values mean the default alphabet, as
// section 4 asks.
func meaning(dataCoding byte, defaultAlphabet Charset) Meaning {
	m := Meaning{Charset: defaultAlphabet, Class: NoClass}
	switch group := dataCoding >> 4; {
	case dataCoding == 0:
	case group == 0x0:
		m.Charset = smppCodings[dataCoding]
	case group <= 0x7:
		if dataCoding&0x20 != 0 { // Compressed (3GPP TS 23.042): nobody does it.
			m.Charset = Binary
		} else {
			m.Charset = [4]Charset{defaultAlphabet, Binary, UCS2, defaultAlphabet}[dataCoding>>2&3]
		}
		if dataCoding&0x10 != 0 {
			m.Class = Class(dataCoding & 3)
		}
	case group == 0xe: // Message waiting indication, UCS2; 0xC and 0xD are in the default alphabet.
		m.Charset = UCS2
	case group == 0xf:
		if dataCoding&0x04 != 0 {
			m.Charset = Binary
		}
		m.Class = Class(dataCoding & 3)
	}
	return m
}

// The values that say a class beside the charset. For the default alphabet it is
// the one that SMPP 3.4 lists; for UCS2 there is only one that SMSCs know.
const (
	flashDefault = 0xf0
	flashUCS2    = 0x18
)

// dataCodingFor returns the value that says a charset which the automatic choice
// knows.
func dataCodingFor(c, defaultAlphabet Charset, flash bool) (byte, error) {
	switch {
	case c == defaultAlphabet && flash:
		return flashDefault, nil
	case c == defaultAlphabet:
		return 0, nil
	case c == UCS2 && flash:
		return flashUCS2, nil
	case c == UCS2:
		return 8, nil
	case c == Latin1 && !flash:
		return 3, nil
	}
	return 0, fmt.Errorf("no data_coding says %s with class 0", c)
}
