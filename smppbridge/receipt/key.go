package receipt

import "strings"

// MaxID is how many octets a message_id can have to be found again; that is more
// than the specification allows.
const MaxID = 254

// maxNumber is how many digits a number can have to be converted.
const maxNumber = 64

// Key is what a submitted message is stored under: a hash of the normal form of
// its id, which has lower case and no zeros in front. It is the same in each
// process and version, and for a table of its own for each SMSC. Different ids
// can have the same key, but [Matcher.Match] tells them apart.
type Key uint64

// StoreKey returns the key for the message_id of a response. There is none for an
// empty id, to which no receipt can ever refer, and for one that is longer than
// [MaxID].
func StoreKey(id string) (Key, bool) {
	if id == "" || len(id) > MaxID {
		return 0, false
	}
	return keyOf(normal(id)), true
}

// keyOf hashes with FNV-1a, without regard to case.
func keyOf[T string | []byte](normal T) Key {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(normal) {
		h = (h ^ uint64(lower(normal[i]))) * prime
	}
	return Key(h)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// normal returns the id without the zeros in front. Case is left to comparisons.
func normal(id string) string {
	s := strings.TrimLeft(id, "0")
	if s == "" && id != "" {
		return "0"
	}
	return s
}

// equalFold compares like [strings.EqualFold], but only in ASCII: ids that differ
// in other characters are different.
func equalFold[T string | []byte](a string, b T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// digits tells what numbers an id can be, and whether it has a digit that only
// hexadecimal numbers have. All decimal numbers are hexadecimal ones as well.
func digits(id string) (decimal, hex, letter bool) {
	if id == "" || len(id) > maxNumber {
		return false, false, false
	}
	for i := range len(id) {
		switch c := lower(id[i]); {
		case '0' <= c && c <= '9':
		case 'a' <= c && c <= 'f':
			letter = true
		default:
			return false, false, false
		}
	}
	return !letter, true, letter
}

// maxConverted is how many digits a number can have after that.
const maxConverted = 78

// forms are what the id of a receipt can be in the response. The zero value is
// ready for [forms.set], which allocates nothing for numbers of up to 64 bits.
type forms struct {
	id, normal string
	// number tells that the id can be a number, and letter that it can only be a
	// hexadecimal one.
	number, letter bool
	// hex is the id in hexadecimal digits if it can be decimal, and decimal is it
	// in decimal ones if it can be hexadecimal.
	hex, decimal converted
}

// converted is a number in another base, or empty.
type converted struct {
	digits [maxConverted]byte
	length int
}

func (c *converted) get() []byte { return c.digits[:c.length] }

// set takes over a valid number of at most maxNumber digits. It does without
// [math/big], since decimal ids of 17 digits and more exceed 64 bits if they are
// tried as hexadecimal ones, and each receipt would pay for that.
func (c *converted) set(number string, from, to uint) {
	var reversed [maxConverted]byte
	c.length = 0
	for i := range len(number) {
		carry := digit(number[i])
		for j := range c.length {
			carry += uint(reversed[j]) * from
			reversed[j], carry = byte(carry%to), carry/to //nolint:gosec // It is less than the base.
		}
		for ; carry > 0; carry /= to {
			reversed[c.length] = byte(carry % to) //nolint:gosec // It is less than the base.
			c.length++
		}
	}
	for i := range c.length {
		c.digits[i] = "0123456789abcdef"[reversed[c.length-1-i]]
	}
	if c.length == 0 {
		c.digits[0], c.length = '0', 1
	}
}

// digit returns the value of a hexadecimal digit.
func digit(c byte) uint {
	if c <= '9' {
		return uint(c - '0')
	}
	return uint(lower(c)-'a') + 10
}

func (f *forms) set(id string) {
	f.id, f.normal = id, normal(id)
	decimal, hex, letter := digits(f.normal)
	f.number, f.letter = hex, letter
	f.hex.length, f.decimal.length = 0, 0
	if decimal {
		f.hex.set(f.normal, 10, 16)
	}
	if hex {
		f.decimal.set(f.normal, 16, 10)
	}
}
