package receipt

import "strings"

// The keys in the text of a receipt (3.4 appendix B).
const (
	keyID = iota
	keySub
	keyDelivered
	keySubmitDate
	keyDoneDate
	keyStat
	keyErr
	keyText

	keys
)

// keyNames are what the keys look like, in any case. A space stands for one
// space, hyphen or underscore, or for none.
var keyNames = [...]struct {
	key  int
	name string
}{
	{keyID, "id"},
	{keySub, "sub"},
	{keySubmitDate, "submit date"},
	{keyStat, "stat"},
	{keyStat, "status"},
	{keyDelivered, "dlvrd"},
	{keyDoneDate, "done date"},
	{keyErr, "err"},
	{keyErr, "error"},
	{keyText, "text"},
}

// fields are the values in the text of a receipt. They are parts of the text.
type fields [keys]string

// any tells whether the text has any of the keys but the last, which text of
// people may have.
func (f *fields) any() bool {
	for _, value := range f[:keyText] {
		if value != "" {
			return true
		}
	}
	return false
}

// convincing tells that a text, which begins with an id, can only be a receipt.
func (f *fields) convincing() bool {
	if f[keyID] == "" || f[keyStat] == "" {
		return false
	}
	_, known := ParseState(f[keyStat])
	return known || f[keyErr] != "" || f[keySub] != "" || f[keyDelivered] != "" || f[keySubmitDate] != "" || f[keyDoneDate] != ""
}

// scan finds the values in the text of a receipt. They may be in any order, and
// any of them may be missing; only "text" ends the receipt, since what follows is
// of the message. Of a key that is there twice the first counts.
func scan(text string) fields {
	var f fields
	key, start := -1, 0
	end := func(at int) {
		if key >= 0 && f[key] == "" {
			f[key] = value(key, text[start:at])
		}
	}
	between := true
	for i := 0; i < len(text); i++ {
		if between {
			if k, n := keyAt(text[i:]); n > 0 {
				end(i)
				if k == keyText {
					f[keyText] = text[i+n:]
					return f
				}
				key, start = k, i+n
				i += n - 1
				continue
			}
		}
		between = !alphanumeric(text[i])
	}
	end(len(text))
	return f
}

// value takes off a value what separates it from the next key. Only dates have
// several words.
func value(key int, s string) string {
	s = strings.Trim(s, separators)
	if key == keySubmitDate || key == keyDoneDate {
		return s
	}
	if i := strings.IndexAny(s, separators); i >= 0 {
		return s[:i]
	}
	return s
}

const separators = " ,;|\t\r\n\x00"

// keyAt returns the key with which s begins, and its length with the colon, or 0.
func keyAt(s string) (key, length int) {
	switch s[0] | 0x20 {
	case 'i', 's', 'd', 'e', 't':
		for _, k := range keyNames {
			if n := prefix(s, k.name); n > 0 && n < len(s) && s[n] == ':' {
				return k.key, n + 1
			}
		}
	}
	return 0, 0
}

// prefix returns how much of s is the name of a key, or 0.
func prefix(s, name string) int {
	n := 0
	for i := range len(name) {
		if name[i] == ' ' {
			if n < len(s) && (s[n] == ' ' || s[n] == '_' || s[n] == '-') {
				n++
			}
			continue
		}
		if n == len(s) || s[n]|0x20 != name[i] {
			return 0
		}
		n++
	}
	return n
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
