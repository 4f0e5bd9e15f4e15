package receipt

import (
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Date is a date of a receipt.
type Date struct {
	// Raw is the date as the SMSC wrote it.
	Raw string
	// Time is what that probably means, down to seconds at most, or zero if it is
	// no date. Unless the SMSC tells the zone, it is in the parser's location.
	Time time.Time
}

// maxDateDigits is those of YYYYMMDDhhmmss and a fraction.
const maxDateDigits = 20

// newDate reads YYMMDDhhmm, as the specification has it (3.4 appendix B), or with
// four digits of the year, seconds, a fraction, or signs in between; and the
// format of other dates in SMPP, with a zone.
func newDate(raw string, loc *time.Location) Date {
	d := Date{Raw: raw}
	var digits [maxDateDigits]byte
	n := 0
	for i := range len(raw) {
		switch c := raw[i]; c {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if n == len(digits) {
				return d
			}
			digits[n] = c - '0'
			n++
		case '+', '-':
			if n == 15 && i == len(raw)-1 {
				// Without a valid zone, the digits still tell the time.
				if t, err := pdu.ParseTime(raw, time.Time{}); err == nil {
					d.Time = t
					return d
				}
			}
		case '/', ':', '.', ' ', 'T':
		default:
			return d
		}
	}
	d.Time = dateOf(digits[:n], loc)
	return d
}

// dateOf reads the digits of a date. Ten are too few for a year of four, and
// fourteen are one too many for a fraction after a year of two.
func dateOf(digits []byte, loc *time.Location) time.Time {
	var t time.Time
	switch n := len(digits); {
	case n < 10:
	case n < 14:
		if t = clock(int(digits[0])*10+int(digits[1])+2000, digits[2:], loc); t.IsZero() && n == 12 {
			t = clock(fourDigits(digits), digits[4:], loc)
		}
	default:
		if t = clock(fourDigits(digits), digits[4:], loc); t.IsZero() || t.Year() < 1970 || t.Year() > 2199 {
			t = clock(int(digits[0])*10+int(digits[1])+2000, digits[2:], loc)
		}
	}
	return t
}

func fourDigits(d []byte) int { return int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3]) }

// clock returns the time that MMDDhhmm or MMDDhhmmss tells, or zero if there is
// none such.
func clock(year int, digits []byte, loc *time.Location) time.Time {
	var n [5]int // month, day, hour, minute, second
	for i := range min(len(digits)/2, len(n)) {
		n[i] = int(digits[2*i])*10 + int(digits[2*i+1])
	}
	if n[2] > 23 || n[3] > 59 || n[4] > 59 {
		return time.Time{}
	}
	t := time.Date(year, time.Month(n[0]), n[1], n[2], n[3], n[4], 0, loc)
	if n[0] != int(t.Month()) || n[1] != t.Day() {
		return time.Time{}
	}
	return t
}
