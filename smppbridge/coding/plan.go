package coding

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

const (
	// userDataOctets is the user data of one short message on the air (3GPP TS
	// 23.040 section 9.2.3.24): 160 septets, 140 octets or 70 UTF-16 units.
	userDataOctets = 140
	// shortMessageOctets is the largest short_message (SMPP 3.4 section 5.2.21).
	shortMessageOctets = 254
)

// ISO-2022-JP goes back to ASCII with asciiAgain, and text cannot have shifts, the
// characters that switch between its sets.
const (
	asciiAgain = "\x1b(B"
	shifts     = "\x1b\x0e\x0f"
)

// unit is what is counted on the air interface, which need not be how the text is
// written towards the SMSC.
type unit uint8

const (
	septets unit = iota
	octets
	utf16Octets
)

// plan is one way to write a text.
type plan struct {
	charset         Charset
	unit            unit
	alphabet        alphabet // with the unit septets
	locking, single Language
	dataCoding      byte
	// otherwise is for the plan that is only meant for text which the one before it
	// cannot write.
	otherwise bool
}

// plansFor returns the ways to write a text with one data_coding. The SMSC
// rewrites a default alphabet that is not GSM 03.38: text that GSM 03.38 has is
// counted in septets, other text in what Latin-1 and UTF-8 become.
func plansFor(c Charset, dataCoding byte, defaultAlphabet Charset) []plan {
	p := plan{charset: c, unit: octets, dataCoding: dataCoding}
	switch c {
	case GSM7, GSM7Packed:
		p.unit, p.alphabet = septets, gsm
	case UCS2:
		p.unit = utf16Octets
	case defaultAlphabet:
		inGSM := p
		inGSM.unit, inGSM.alphabet = septets, gsm
		p.otherwise = true
		if c == UTF8 {
			p.unit = utf16Octets
		}
		return []plan{inGSM, p}
	}
	return []plan{p}
}

// automaticPlans returns what may be chosen, in the order of preference: the
// default alphabet, the same with national tables, Latin-1, UCS2.
func automaticPlans(c Config) ([]plan, error) {
	sets := []Charset{c.Default}
	if c.Latin1 && c.Default != Latin1 {
		sets = append(sets, Latin1)
	}
	var plans []plan
	for i, charset := range append(sets, UCS2) {
		dataCoding, err := dataCodingFor(charset, c.Default, c.Flash)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plansFor(charset, dataCoding, c.Default)...)
		if i == 0 {
			plans = append(plans, nationalPlans(c, dataCoding)...)
		}
	}
	return plans, nil
}

// nationalPlans returns the allowed tables in the order of preference. A handset
// that does not have a single shift table shows the rest of the text right; a
// locking shift table saves a septet a character; both take a longer header.
func nationalPlans(c Config, dataCoding byte) []plan {
	var singles, lockings, both []plan
	for _, single := range append([]Language{NoLanguage}, c.Languages...) {
		for _, locking := range append([]Language{NoLanguage}, c.Languages...) {
			p := plan{
				charset: c.Default, unit: septets, alphabet: alphabetOf(locking, single),
				locking: locking, single: single, dataCoding: dataCoding,
			}
			switch {
			case locking == Spanish: // It has no such table.
			case locking == NoLanguage && single == NoLanguage:
			case locking == NoLanguage:
				singles = append(singles, p)
			case single == NoLanguage:
				lockings = append(lockings, p)
			default:
				both = append(both, p)
			}
		}
	}
	return slices.Concat(singles, lockings, both)
}

// national says that a user data header names tables.
func (p *plan) national() bool { return p.locking != NoLanguage || p.single != NoLanguage }

// cost returns what a character takes in the plan's unit, or 0 if the plan cannot
// write it.
func (p *plan) cost(r rune) int {
	switch {
	case p.unit == septets && p.charset <= GSM7Packed:
		return p.alphabet.cost(r)
	case octetCost(p.charset, r) == 0:
		return 0
	case p.unit == septets:
		return p.alphabet.cost(r)
	case p.unit == utf16Octets:
		return octetCost(UCS2, r)
	}
	return octetCost(p.charset, r)
}

// capacity returns how much of the unit fits into so many octets of user data
// after a header.
func (p *plan) capacity(userData, header int) int {
	if p.unit == septets {
		return ((userData-header)*8 - fillBits(header)) / 7
	}
	return userData - header
}

// cut returns how many octets of the text's UTF-8 fit into a short message with a
// header of so many octets, and false if the next character cannot be written.
// It cuts between code points, so neither an escape nor a surrogate pair is torn.
func (p *plan) cut(text string, userData, header int) (int, bool) {
	limit := p.capacity(userData, header)
	if multibyteCharsets[p.charset] != nil {
		return p.cutMultibyte(text, limit)
	}
	if p.charset == Binary {
		return min(len(text), limit), true
	}
	used, inGSM := 0, p.charset <= GSM7Packed
	for i, r := range text {
		cost := 1
		// The common case is worth a shortcut.
		if !inGSM || r >= utf8.RuneSelf || p.alphabet.locking.low[r] == noSeptet {
			cost = p.cost(r)
		}
		if cost == 0 {
			return i, false
		}
		if used+cost > limit || p.charset == UTF8 && i+octetCost(UTF8, r) > shortMessageOctets-header {
			return p.beforeReturn(text, i, used, header), true
		}
		used += cost
	}
	return len(text), true
}

// beforeReturn moves a cut before a carriage return that packing would make look
// like filling: at the end of an octet, where a reader drops it.
func (p *plan) beforeReturn(text string, cut, used, header int) int {
	if p.charset == GSM7Packed && cut > 1 && text[cut-1] == '\r' &&
		(header*8+fillBits(header)+used*7)%8 == 0 {
		return cut - 1
	}
	return cut
}

func (p *plan) cutMultibyte(text string, limit int) (int, bool) {
	if p.charset == ISO2022JP {
		limit -= len(asciiAgain)
	}
	// Every character takes an octet at least, so nothing behind this fits.
	src := text[:min(len(text), limit*utf8.UTFMax)]
	var buf [userDataOctets]byte
	encoder := multibyteCharsets[p.charset].NewEncoder()
	_, n, err := encoder.Transform(buf[:limit], []byte(src), len(src) == len(text))
	if err != nil && !errors.Is(err, transform.ErrShortDst) && !errors.Is(err, transform.ErrShortSrc) {
		return n, false
	}
	if p.charset == ISO2022JP {
		if i := strings.IndexAny(text[:n], shifts); i >= 0 {
			return i, false
		}
	}
	return n, true
}
