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

// jsonMember returns the string or number that pointer leads to, through
// objects only. The body must be valid JSON, and no object on the way may have
// the member twice, since parsers differ in which one they take.
func jsonMember(body []byte, pointer string) (string, error) {
	if !validJSON(body) {
		return "", &Error{Reason: ReasonMalformed, Field: pointer}
	}
	value := gjson.ParseBytes(body)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if !value.IsObject() {
			return "", &Error{Reason: ReasonMissing, Field: pointer}
		}
		token, found, member := unescapePointer.Replace(token), 0, gjson.Result{}
		value.ForEach(func(key, v gjson.Result) bool {
			if key.Str == token {
				found++
				member = v
			}
			return true
		})
		switch found {
		case 0:
			return "", &Error{Reason: ReasonMissing, Field: pointer}
		case 1:
			value = member
		default:
			return "", &Error{Reason: ReasonDuplicate, Field: pointer}
		}
	}
	switch {
	case value.Type == gjson.Number:
		return value.Raw, nil
	case value.Type != gjson.String:
		return "", &Error{Reason: ReasonMalformed, Field: pointer}
	case value.Str == "":
		return "", &Error{Reason: ReasonMissing, Field: pointer}
	}
	return value.Str, nil
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
