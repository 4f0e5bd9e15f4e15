package verify

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// validPointer reports whether s is a JSON Pointer (RFC 6901) of a member.
func validPointer(s string) bool {
	if !strings.HasPrefix(s, "/") {
		return false
	}
	for i := strings.IndexByte(s, '~'); i >= 0; i = strings.IndexByte(s, '~') {
		if i+1 == len(s) || (s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
		s = s[i+2:]
	}
	return true
}

// unescapePointer decodes the escapes of a pointer's reference token (RFC 6901,
// section 4).
var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// pointerTokens returns the names of the members that a pointer leads through.
func pointerTokens(pointer string) []string {
	tokens := strings.Split(pointer[1:], "/")
	for i, token := range tokens {
		tokens[i] = unescapePointer.Replace(token)
	}
	return tokens
}

// jsonBody is a JSON body that is checked and copied once, when something in it
// is looked up first.
type jsonBody struct {
	text    string
	checked bool
	valid   bool
}

// member returns the string or number that tokens lead to, through objects
// only. The body must be valid JSON, and no object on the way may have the
// member twice, since parsers differ in which one they take.
func (b *jsonBody) member(body []byte, tokens []string) (string, Reason) {
	if !b.checked {
		b.checked, b.valid = true, validJSON(body)
		if b.valid {
			b.text = string(body)
		}
	}
	if !b.valid {
		return "", ReasonMalformed
	}
	value := gjson.Parse(b.text)
	for _, token := range tokens {
		if !value.IsObject() {
			return "", ReasonMissing
		}
		step := memberStep{name: token}
		value.ForEach(step.visit)
		switch step.found {
		case 0:
			return "", ReasonMissing
		case 1:
			value = step.value
		default:
			return "", ReasonDuplicate
		}
	}
	switch {
	case value.Type == gjson.Number:
		return value.Raw, ""
	case value.Type != gjson.String:
		return "", ReasonMalformed
	case value.Str == "":
		return "", ReasonMissing
	}
	return value.Str, ""
}

// memberStep looks for the members of an object that have a name.
type memberStep struct {
	name  string
	value gjson.Result
	found int
}

func (s *memberStep) visit(name, value gjson.Result) bool {
	if name.Str == s.name {
		s.found++
		s.value = value
	}
	return true
}

// validJSON reports whether body is JSON with at most 10,000 levels of arrays
// and objects. gjson is several times as fast as encoding/json, but takes stack
// for each level, so what could have too many of them is left to the other,
// which has that limit.
func validJSON(body []byte) bool {
	if bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'}) > 10_000 && !json.Valid(body) {
		return false
	}
	return gjson.ValidBytes(body)
}
