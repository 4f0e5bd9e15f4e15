package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"
)

// timeLayout is RFC 3339 with the millisecond precision that events have.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Lookup returns the value that the placeholder {event.<name>} stands for, and
// whether there is such a placeholder. These are the names:
//
//   - id, source, type, key, body: the fields of the event;
//   - time: when it was received, RFC 3339 in UTC with milliseconds;
//   - json: the body if it is valid JSON;
//   - json.<path>: a part of a JSON body, by gjson path;
//   - header.<Name>, query.<name>, form.<name>: the first value of that name.
//
// What is missing is the empty string, and so is a JSON null. Any name can end
// in ?<default>, which stands in for an empty value. The names attempt,
// destination and error belong to a delivery, so Lookup does not know them.
func (e *Event) Lookup(name string) (string, bool) {
	p, err := parsePlaceholder(name)
	if err != nil || p.field.ofDelivery() {
		return "", false
	}
	return p.value(e, nil), true
}

// CheckPlaceholder returns the error that [ParseTemplate] would for a text with
// the placeholder {event.<name>}, and one for the names that belong to a
// delivery. For all other names, [Event.Lookup] has a value.
func CheckPlaceholder(name string) error {
	p, err := parsePlaceholder(name)
	if err == nil && p.field.ofDelivery() {
		err = errors.New("it belongs to a delivery, and an event can have many")
	}
	if err != nil {
		return placeholderError("event."+name, err)
	}
	return nil
}

func placeholderError(name string, err error) error {
	return fmt.Errorf("placeholder {%s}: %w", abbreviate(name), err)
}

// field is what a placeholder refers to.
type field uint8

const (
	fieldID field = iota + 1
	fieldSource
	fieldType
	fieldKey
	fieldTime
	fieldBody
	fieldJSON
	fieldJSONPath
	fieldHeader
	fieldQuery
	fieldForm
	fieldAttempt
	fieldDestination
	fieldError
)

var plainFields = map[string]field{
	"id":          fieldID,
	"source":      fieldSource,
	"type":        fieldType,
	"key":         fieldKey,
	"time":        fieldTime,
	"body":        fieldBody,
	"json":        fieldJSON,
	"attempt":     fieldAttempt,
	"destination": fieldDestination,
	"error":       fieldError,
}

var namedFields = map[string]field{
	"json":   fieldJSONPath,
	"header": fieldHeader,
	"query":  fieldQuery,
	"form":   fieldForm,
}

// ofDelivery reports whether an event alone can't tell the value.
func (f field) ofDelivery() bool { return f >= fieldAttempt }

// placeholder is the parsed form of what follows "event." between braces.
type placeholder struct {
	field    field
	arg      string // the name or path within the field
	fallback string // the value that stands in for an empty one
}

func parsePlaceholder(name string) (placeholder, error) {
	name, fallback := cutDefault(name)
	if f, ok := plainFields[name]; ok {
		return placeholder{field: f, fallback: fallback}, nil
	}
	prefix, arg, _ := strings.Cut(name, ".")
	f, ok := namedFields[prefix]
	if !ok {
		return placeholder{}, errors.New("no such placeholder")
	}
	if arg == "" {
		return placeholder{}, fmt.Errorf("a name must follow %q", prefix+".")
	}
	if f == fieldJSONPath {
		if m := findModifier(arg); m != "" {
			return placeholder{}, fmt.Errorf("the path modifier %s is not available", m)
		}
	}
	return placeholder{field: f, arg: arg, fallback: fallback}, nil
}

// cutDefault cuts name at its first question mark. One that belongs to a gjson
// path is written with a backslash, which gjson takes as a plain character.
func cutDefault(name string) (before, fallback string) {
	for i := range len(name) {
		if name[i] == '?' && (i == 0 || name[i-1] != '\\') {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}

// findModifier returns the first gjson modifier in path. Modifiers are refused
// since some of them recurse once per level of the document: a body of 1 MiB of
// opening brackets, which handlers accept unless told otherwise, would exhaust
// the stack, which ends the process. gjson looks for them in many places, such
// as queries within queries, so none is exempt here; a member with the name of
// one is found with a wildcard in place of the @.
func findModifier(path string) string {
	for i := range len(path) {
		if path[i] != '@' {
			continue
		}
		name := path[i+1:]
		if end := strings.IndexFunc(name, endsModifier); end >= 0 {
			name = name[:end]
		}
		if gjson.ModifierExists(name, nil) {
			return "@" + name
		}
	}
	return ""
}

// endsModifier reports whether r can't be part of a modifier's name. Other
// packages of the process may have added some to those of gjson.
func endsModifier(r rune) bool {
	return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// value returns what stands in the placeholder's place. A nil d is for the
// placeholders that an event alone can tell.
func (p placeholder) value(e *Event, d *Delivery) string {
	if v := p.rawValue(e, d); v != "" {
		return v
	}
	return p.fallback
}

func (p placeholder) rawValue(e *Event, d *Delivery) string {
	switch p.field {
	case fieldID:
		return e.ID
	case fieldSource:
		return e.Source
	case fieldType:
		return e.Type
	case fieldKey:
		return e.Key
	case fieldTime:
		return e.Time.UTC().Format(timeLayout)
	case fieldBody:
		return string(e.Body)
	case fieldJSON:
		return validJSON(e.Body)
	case fieldJSONPath:
		return jsonText(gjson.GetBytes(e.Body, p.arg))
	case fieldHeader:
		return e.Header.Get(p.arg)
	case fieldQuery:
		return firstValue(e.Query, p.arg)
	case fieldForm:
		return formValue(e, p.arg)
	case fieldAttempt:
		return strconv.Itoa(d.Attempt)
	case fieldDestination:
		return d.Destination
	default: // fieldError: a delivery that can be tried has not failed.
		return ""
	}
}

// validJSON returns body if it is JSON. It does not use gjson.ValidBytes, which
// recurses once per level; [json.Valid] stops at 10,000.
func validJSON(body []byte) string {
	if !json.Valid(body) {
		return ""
	}
	return strings.TrimSpace(string(body))
}

// jsonText is like [gjson.Result.String], but keeps the digits of a number.
func jsonText(r gjson.Result) string {
	switch r.Type {
	case gjson.Null:
		return ""
	case gjson.String:
		return r.Str
	default:
		return r.Raw
	}
}

// firstValue returns the first value of name in a URL-encoded query. Pairs
// that are malformed are passed over, as [url.ParseQuery] does.
func firstValue(query, name string) string {
	values, _ := url.ParseQuery(query)
	return values.Get(name)
}

func formValue(e *Event, name string) string {
	mediaType, _, err := mime.ParseMediaType(e.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return ""
	}
	return firstValue(string(e.Body), name)
}
