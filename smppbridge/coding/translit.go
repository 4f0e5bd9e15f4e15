package coding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// replacements are what characters become that are no letter of the default
// alphabet with an accent taken off. An empty one drops the character.
var replacements = map[rune]string{
	// Quotes.
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", '‹': "'", '›': "'", '`': "'", '´': "'",
	'“': "\"", '”': "\"", '„': "\"", '‟': "\"", '″': "\"", '«': "\"", '»': "\"",
	// Dashes.
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-",
	// Other signs.
	'…': "...", '•': "*", '·': ".", '×': "x", '÷': "/", '⁄': "/", '¦': "|",
	'©': "(c)", '®': "(r)", '™': "TM", '°': "o", 'º': "o", 'ª': "a", '¹': "1", '²': "2", '³': "3", 'µ': "u",
	// Spaces, and what takes no space.
	'\t': " ", '\u00a0': " ", '\u1680': " ",
	'\u2000': " ", '\u2001': " ", '\u2002': " ", '\u2003': " ", '\u2004': " ", '\u2005': " ", '\u2006': " ",
	'\u2007': " ", '\u2008': " ", '\u2009': " ", '\u200a': " ", '\u202f': " ", '\u205f': " ", '\u3000': " ",
	'\u2028': "\n", '\u2029': "\n",
	'\u00ad': "", '\u200b': "", '\u200c': "", '\u200d': "", '\u200e': "", '\u200f': "", '\u2060': "", '\ufeff': "",
	// Letters that have no decomposition.
	'Œ': "OE", 'œ': "oe", 'Ł': "L", 'ł': "l", 'Đ': "D", 'đ': "d", 'Ð': "D", 'ð': "d", 'Þ': "Th", 'þ': "th",
	'ı': "i", 'Ħ': "H", 'ħ': "h", 'Ŧ': "T", 'ŧ': "t", 'Ŋ': "N", 'ŋ': "n", 'ĸ': "k", 'ſ': "s", 'ẞ': "SS",
}

// transliterate does what [Config.Transliterate] says, or returns false if
// characters remain that the default alphabet does not have.
func transliterate(text string) (string, bool) {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFC.String(text) {
		if gsm.cost(r) > 0 {
			b.WriteRune(r)
			continue
		}
		replacement, ok := replacements[r]
		if !ok {
			if replacement, ok = withoutAccents(r); !ok {
				return "", false
			}
		}
		b.WriteString(replacement)
	}
	return b.String(), true
}

// withoutAccents returns the letter that a character decomposes to.
func withoutAccents(r rune) (string, bool) {
	decomposition := norm.NFD.PropertiesString(string(r)).Decomposition()
	letter, n := utf8.DecodeRune(decomposition)
	if n == 0 || gsm.cost(letter) == 0 {
		return "", false
	}
	for _, accent := range string(decomposition[n:]) {
		if !unicode.Is(unicode.Mn, accent) {
			return "", false
		}
	}
	return string(letter), true
}
