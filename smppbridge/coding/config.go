package coding

import (
	"errors"
	"fmt"
	"slices"
)

// DefaultMaxParts is how many short messages a text may become unless
// [Config.MaxParts] says otherwise.
const DefaultMaxParts = 10

// Config says what an SMSC understands and what a sender allows. The zero value
// sends GSM 03.38 unpacked or else UCS2, in at most [DefaultMaxParts] parts with
// 8-bit references.
type Config struct {
	// Default is what data_coding 0 means, in both directions: GSM7 (the default),
	// GSM7Packed, ASCII, Latin1 or UTF8.
	Default Charset
	// DataCoding, if set, is used for every text: one that its charset cannot
	// write is refused. By default the cheapest that carries the text is used.
	DataCoding *byte
	// Flash shows messages at once and does not store them. It cannot be combined
	// with DataCoding, which says the class itself.
	Flash bool
	// Latin1 allows data_coding 3 to be chosen. Many networks turn it into UCS2 or
	// question marks.
	Latin1 bool
	// Languages are the national language tables that may be chosen. Handsets
	// sold elsewhere often do not have them. They need GSM7 or GSM7Packed as
	// Default, and are not used for several parts with SAR or Payload.
	Languages []Language
	// Transliterate replaces characters that GSM 03.38 does not have, unless
	// national tables carry the text:
	//   - accents that are characters of their own are joined with their letters,
	//   - typographic quotes become ' and ", dashes -, an ellipsis three periods, a
	//     bullet *, special spaces a space; soft hyphens, zero-width and direction
	//     characters go,
	//   - the signs © ® ™ ° º ª ¹ ² ³ µ × ÷ · ¦ become what looks alike,
	//   - letters with an accent lose it (ç becomes c, ő becomes o), and
	//     Œ Ł Đ Ð Þ ı Ħ Ŧ Ŋ ĸ ſ ẞ and their small letters become Latin ones.
	//
	// If other characters remain, such as Cyrillic, the text is left as it is:
	// replacing some would win nothing.
	Transliterate bool
	// Transport is how the parts of a long message are marked; UDH8 by default.
	Transport Transport
	// MaxParts is how many parts a text may have, 1 to 255.
	MaxParts int
}

// Coder encodes and decodes text for one SMSC. It is safe for concurrent use.
type Coder struct {
	plans        []plan // in the order of preference
	translit     *plan  // for text of the default alphabet, if it may be made
	defaultSet   Charset
	transport    Transport
	maxParts     int
	userDataSize int // octets of user data in a short message; smaller only in tests
}

// New returns a Coder, or an error that says what is wrong with the Config.
func New(c Config) (*Coder, error) {
	if c.MaxParts == 0 {
		c.MaxParts = DefaultMaxParts
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	coder := &Coder{
		defaultSet:   c.Default,
		transport:    c.Transport,
		maxParts:     c.MaxParts,
		userDataSize: userDataOctets,
	}
	if c.DataCoding != nil {
		coder.plans = plansFor(meaning(*c.DataCoding, c.Default).Charset, *c.DataCoding, c.Default)
	} else {
		var err error
		if coder.plans, err = automaticPlans(c); err != nil {
			return nil, err
		}
	}
	if first := &coder.plans[0]; c.Transliterate && first.unit == septets {
		coder.translit = first
	}
	return coder, nil
}

func (c Config) validate() error {
	switch c.Default {
	case GSM7, GSM7Packed, ASCII, Latin1, UTF8:
	default:
		return fmt.Errorf("%s cannot be a default alphabet: use gsm7, gsm7_packed, ascii, latin1 or utf-8", c.Default)
	}
	for i, l := range c.Languages {
		if l == NoLanguage || l >= languages {
			return fmt.Errorf("unknown language %s", l)
		}
		if slices.Contains(c.Languages[:i], l) {
			return fmt.Errorf("language %s is there twice", l)
		}
	}
	switch {
	case c.Transport >= transports:
		return fmt.Errorf("unknown transport %s", c.Transport)
	case c.MaxParts < 1 || c.MaxParts > 255:
		return fmt.Errorf("%d parts: a message has 1 to 255", c.MaxParts)
	case c.DataCoding != nil && c.Flash:
		return errors.New("flash and a fixed data_coding exclude each other: add the class to the data_coding")
	case c.DataCoding != nil && (c.Latin1 || len(c.Languages) > 0):
		return errors.New("a fixed data_coding leaves no choice: remove latin1 and the languages")
	case c.Latin1 && c.Flash:
		return errors.New("flash and latin1 exclude each other: no data_coding says both")
	case len(c.Languages) > 0 && c.Default != GSM7 && c.Default != GSM7Packed:
		return fmt.Errorf("national languages need the default alphabet gsm7 or gsm7_packed, not %s", c.Default)
	}
	return nil
}

// Meaning returns what a data_coding says at this SMSC.
func (c *Coder) Meaning(dataCoding byte) Meaning {
	return meaning(dataCoding, c.defaultSet)
}
