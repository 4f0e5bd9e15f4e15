package receipt

import "fmt"

// Rule is how the message_id of a receipt comes from that of the response.
type Rule uint8

// The rules. Up to Strip each allows what the one before allows.
const (
	// Auto finds out which of the others an SMSC follows. Until it has, numbers of
	// up to five digits may be mistaken for others; receipts that may be are
	// reported as ambiguous.
	Auto Rule = iota
	// AsIs is for ids that are the same.
	AsIs
	// Fold is for ids that may differ in upper and lower case.
	Fold
	// Strip is for ids that may also differ in zeros at their beginning.
	Strip
	// HexToDec is for ids that are hexadecimal in responses and decimal in
	// receipts. Ids that are no decimal numbers are compared like those of Strip.
	HexToDec
	// DecToHex is for the opposite.
	DecToHex
)

var ruleNames = [...]string{
	Auto: "auto", AsIs: "as_is", Fold: "fold", Strip: "strip", HexToDec: "hex_to_dec", DecToHex: "dec_to_hex",
}

// String returns the name, such as "hex_to_dec".
func (r Rule) String() string {
	if int(r) < len(ruleNames) {
		return ruleNames[r]
	}
	return fmt.Sprintf("unknown(%d)", uint8(r))
}

// MarshalText writes the name.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads one of auto, as_is, fold, strip, hex_to_dec and dec_to_hex.
func (r *Rule) UnmarshalText(text []byte) error {
	for rule, name := range ruleNames {
		if string(text) == name {
			*r = Rule(rule) //nolint:gosec // There are six.
			return nil
		}
	}
	return fmt.Errorf("unknown rule '%s': use one of auto, as_is, fold, strip, hex_to_dec and dec_to_hex", text)
}

// kind leaves out how the same number is written, which tells nothing about the
// SMSC: one that strips zeros only shows it if there are any.
func (r Rule) kind() Rule {
	switch r {
	case AsIs, Fold:
		return Strip
	default:
		return r
	}
}
