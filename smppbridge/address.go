package smppbridge

import (
	"strings"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// The limits of addresses.
const (
	maxAddress      = 20 // of the field, 3.4 section 4.4.1
	maxAlphanumeric = 11 // of GSM networks, 3GPP TS 23.040 section 9.1.2.5
	minNumber       = 7  // of a number with its country code; what is shorter is a short code
	maxNumber       = 15 // of E.164
)

// AddressKind replaces the type of number that is found out from an address.
type AddressKind struct {
	TON pdu.TON
	NPI pdu.NPI
}

// number takes out what people put between the digits of a number.
var numberPunctuation = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "", "\u00a0", "")

// sourceAddress reads the address of a sender: a number, or text of at most 11
// characters. None is left to the SMSC.
func sourceAddress(s string, kind *AddressKind) (pdu.Address, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return withKind(pdu.Address{}, kind), nil
	}
	if a, ok := number(s); ok {
		return withKind(a, kind), checkLength("source_addr", a.Addr, maxAddress)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return pdu.Address{}, fieldError("source_addr", "has characters that are not ASCII")
		}
	}
	limit := maxAlphanumeric
	if kind != nil && kind.TON != pdu.TONAlphanumeric {
		limit = maxAddress
	}
	return withKind(pdu.Address{TON: pdu.TONAlphanumeric, Addr: s}, kind), checkLength("source_addr", s, limit)
}

// destAddress reads the number of a recipient.
func destAddress(s string, kind *AddressKind) (pdu.Address, error) {
	if s = strings.TrimSpace(s); s == "" {
		return pdu.Address{}, fieldError("dest_addr", "is empty")
	}
	a, ok := number(s)
	if !ok {
		return pdu.Address{}, fieldError("dest_addr", "is no telephone number")
	}
	return withKind(a, kind), checkLength("dest_addr", a.Addr, maxAddress)
}

// number reads a telephone number, and tells what kind it is: international
// behind "+" or "00", or with 7 to 15 digits, which are taken to begin with the
// country code; a short code with fewer; and whatever the SMSC thinks otherwise.
func number(s string) (pdu.Address, bool) {
	s = numberPunctuation.Replace(s)
	digits, international := strings.CutPrefix(s, "+")
	if !international {
		digits, international = strings.CutPrefix(s, "00")
	}
	if digits == "" {
		return pdu.Address{}, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return pdu.Address{}, false
		}
	}
	a := pdu.Address{TON: pdu.TONUnknown, NPI: pdu.NPIISDN, Addr: digits}
	switch {
	case international, digits[0] != '0' && len(digits) >= minNumber && len(digits) <= maxNumber:
		a.TON = pdu.TONInternational
	case len(digits) < minNumber:
		// Most providers want short codes this way.
		a.TON, a.NPI = pdu.TONNetworkSpecific, pdu.NPIUnknown
	}
	return a, true
}

func withKind(a pdu.Address, kind *AddressKind) pdu.Address {
	if kind != nil {
		a.TON, a.NPI = kind.TON, kind.NPI
	}
	return a
}

func checkLength(field, value string, limit int) error {
	if len(value) > limit {
		return tooLong(field, len(value), limit)
	}
	return nil
}
