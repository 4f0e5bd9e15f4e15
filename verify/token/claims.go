package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

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
	if !json.Valid(b) { // the decoder is less strict with single tokens
		return nil, ErrMalformed
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	value, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, ErrMalformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrMalformed
	}
	return object, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil || depth > maxDepth {
		return nil, ErrMalformed
	}
	switch token {
	case json.Delim('{'):
		return decodeObject(d, depth+1)
	case json.Delim('['):
		return decodeArray(d, depth+1)
	default:
		return token, nil
	}
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	object := make(map[string]any)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, ErrMalformed
		}
		name, ok := token.(string)
		if !ok {
			return nil, ErrMalformed
		}
		if _, ok := object[name]; ok {
			return nil, ErrDuplicate
		}
		if object[name], err = decodeValue(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // the closing brace
	return object, err
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	array := []any{}
	for d.More() {
		value, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token() // the closing bracket
	return array, err
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
		return text == fmt.Sprint(value)
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
