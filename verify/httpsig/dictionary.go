package httpsig

import (
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/caddy-relay/caddy-relay/verify"
)

// The limits of the header fields that are parsed, which bound the work of a
// request that nobody signed.
const (
	maxFieldSize = 8 << 10 // bytes, in all lines together
	maxMembers   = 8       // signatures or digests
)

// parseDictionary returns the dictionary (RFC 9651, section 3.2) that a header
// field is. The name must be canonical. Where the RFC tells parsers to guess
// what was meant, this one refuses: a member or parameter that is there twice,
// or base64 with stray bits, may be read in another way by others.
func parseDictionary(h http.Header, name string) (*httpsfv.Dictionary, error) {
	lines := h[name]
	if len(lines) == 0 {
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: name}
	}
	malformed := &verify.Error{Reason: verify.ReasonMalformed, Field: name}
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > maxFieldSize {
		return nil, malformed
	}
	text := strings.Join(lines, ", ")
	members := countMembers(text)
	if members > maxMembers {
		return nil, malformed
	}
	d, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return nil, malformed
	}
	if len(d.Names()) == 0 {
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: name}
	}
	if len(d.Names()) < members {
		return nil, &verify.Error{Reason: verify.ReasonDuplicate, Field: name}
	}
	if canonical, err := httpsfv.Marshal(d); err != nil || !equalButSpace(text, canonical) {
		return nil, malformed
	}
	return d, nil
}

// countMembers returns how many members a dictionary has, if it is one.
func countMembers(text string) int {
	n := 1
	for s := (scanner{text: text}); s.next(); {
		if s.char == ',' && !s.quoted {
			n++
		}
	}
	return n
}

// equalButSpace compares two structured fields without the white space between
// their tokens.
func equalButSpace(a, b string) bool {
	x, y := scanner{text: a}, scanner{text: b}
	for {
		more := x.nextButSpace()
		switch {
		case more != y.nextButSpace() || x.char != y.char:
			return false
		case !more:
			return true
		}
	}
}

// scanner goes over the characters of a structured field and knows which ones
// are within a String.
type scanner struct {
	text    string
	char    byte // the current one, 0 at the end
	quoted  bool // char is within quotation marks
	inside  bool // the next one is
	escaped bool // the next one is escaped
}

func (s *scanner) next() bool {
	if s.text == "" {
		s.char = 0
		return false
	}
	s.char, s.text = s.text[0], s.text[1:]
	s.quoted = s.inside
	switch {
	case s.escaped:
		s.escaped = false
	case s.inside && s.char == '\\':
		s.escaped = true
	case s.char == '"':
		s.inside = !s.inside
	}
	return true
}

func (s *scanner) nextButSpace() bool {
	for s.next() {
		if s.quoted || s.char != ' ' && s.char != '\t' {
			return true
		}
	}
	return false
}

// byteSequence returns the member of a dictionary that is a Byte Sequence (RFC
// 9651, section 3.3.5).
func byteSequence(d *httpsfv.Dictionary, name string) ([]byte, bool) {
	member, _ := d.Get(name)
	item, ok := member.(httpsfv.Item)
	if !ok {
		return nil, false
	}
	b, ok := item.Value.([]byte)
	return b, ok
}
