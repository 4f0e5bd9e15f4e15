package receipt

import "strings"

// leastSuffix is how many digits the national form of a number must have in
// common with the international one. Shorter numbers are not the same in two
// places.
const leastSuffix = 7

// agrees tells whether a receipt can be about a message to a destination. Some
// SMSCs leave the addresses as they were in the message, so it may be either; and
// if an address is not known, it contradicts nothing.
func (r *Receipt) agrees(destination string) bool {
	if destination == "" || r.Source.Addr == "" && r.Destination.Addr == "" {
		return true
	}
	return sameAddress(destination, r.Source.Addr) || sameAddress(destination, r.Destination.Addr)
}

// sameAddress compares addresses without regard to case, to "+" or zeros in
// front, and to the country code: an SMSC may turn the international form of a
// number into the national one, and the type of number with it.
func sameAddress(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if equalFold(a, b) {
		return true
	}
	a, b = subscriber(a), subscriber(b)
	if !numeric(a) || !numeric(b) {
		return false
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	return a == b || len(b) >= leastSuffix && strings.HasSuffix(a, b)
}

// subscriber takes prefixes off a number.
func subscriber(s string) string {
	return strings.TrimLeft(strings.TrimPrefix(s, "+"), "0")
}

func numeric(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
