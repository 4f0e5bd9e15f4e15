package token

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/caddy-relay/caddy-relay/verify"
)

// maxDepth bounds the nesting of claims. Those that are in use have two or
// three levels.
const maxDepth = 32

// The reasons that [Decode] fails for.
var (
	ErrMalformed = errors.New("not a JSON object")
	// ErrDuplicate means that two members have the same name, so that somebody
	// else might read another one than we do.
	ErrDuplicate = errors.New("a JSON object has two members of the same name")
)

// Claims are the statements of a token. Numbers are [json.Number], so that they
// stay as they were written.
type Claims map[string]any

// Decode reads a JSON object. Names must be unique in it and in all within it
// (RFC 7515, section 5.2, and RFC 7519, section 4).
func Decode(b []byte) (Claims, error) {
	// What comes next takes it for granted that the JSON is valid.
	if !json.Valid(b) || !utf8.Valid(b) {
		return nil, ErrMalformed
	}
	document := gjson.ParseBytes(b)
	if !document.IsObject() {
		return nil, ErrMalformed
	}
	return decodeObject(document, 1)
}

func decodeObject(object gjson.Result, depth int) (members map[string]any, err error) {
	members = make(map[string]any)
	object.ForEach(func(name, value gjson.Result) bool {
		if _, ok := members[name.Str]; ok {
			err = ErrDuplicate
			return false
		}
		members[name.Str], err = decodeValue(value, depth)
		return err == nil
	})
	return members, err
}

func decodeArray(array gjson.Result, depth int) (elements []any, err error) {
	elements = []any{}
	array.ForEach(func(_, value gjson.Result) bool {
		var element any
		element, err = decodeValue(value, depth)
		elements = append(elements, element)
		return err == nil
	})
	return elements, err
}

func decodeValue(value gjson.Result, depth int) (any, error) {
	switch {
	case value.Type == gjson.Null:
		return nil, nil
	case value.Type == gjson.String:
		return value.Str, nil
	case value.Type == gjson.Number:
		return json.Number(value.Raw), nil
	case value.IsBool():
		return value.Bool(), nil
	case depth == maxDepth:
		return nil, ErrMalformed
	case value.IsArray():
		return decodeArray(value, depth+1)
	default:
		return decodeObject(value, depth+1)
	}
}

// String returns the claim of the given name, or "" if there is none. It must
// be a string.
func (c Claims) String(name string) (string, error) {
	switch value := c[name].(type) {
	case string:
		return value, nil
	case nil:
		return "", nil
	default:
		return "", malformed(name)
	}
}

// maxTime is the end of the year 9999, which senders use for "never".
const maxTime = 253402300799

// Time returns the claim of the given name, which must be a number of seconds
// since 1970 (NumericDate in RFC 7519, section 2). It is the zero time if there
// is no such claim.
func (c Claims) Time(name string) (time.Time, error) {
	value, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, malformed(name)
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > maxTime {
		return time.Time{}, malformed(name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), nil
}

// has reports whether the claim of the given name, be it a single value or a
// list, has a value that equals text.
func (c Claims) has(name, text string) bool {
	values, ok := c[name].([]any)
	if !ok {
		return equal(c[name], text)
	}
	for _, value := range values {
		if equal(value, text) {
			return true
		}
	}
	return false
}

// equal compares a value with one that was configured. The words true and
// false mean the boolean values, so no string equals them; digits can mean
// either a number or a string.
func equal(value any, text string) bool {
	switch value := value.(type) {
	case bool:
		return text == strconv.FormatBool(value)
	case string:
		return value == text && text != "true" && text != "false"
	case json.Number:
		return value.String() == text
	default:
		return false
	}
}

// hasScope reports whether the claim of the given name, which is a list or a
// string with spaces between scopes (RFC 8693, section 4.2), has one of them.
func (c Claims) hasScope(name, scope string) bool {
	list, ok := c[name].(string)
	if !ok {
		return c.has(name, scope)
	}
	for member := range strings.SplitSeq(list, " ") {
		if member == scope {
			return true
		}
	}
	return false
}

func malformed(field string) error {
	return &verify.Error{Reason: verify.ReasonMalformed, Field: field}
}
