package verify

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Selector says where in a request a value is found.
type Selector struct {
	// The names of the header field. If there are several, the first one that
	// is present in the request is taken. A field that is there twice is
	// never accepted.
	Headers []string `json:"headers,omitempty"`
	// The separator of the list that the field's value is. Default: the
	// value is no list.
	Split string `json:"split,omitempty"`
	// The text before the value, which must match exactly and is removed.
	// Members of a list without it are skipped. Default: none.
	Prefix string `json:"prefix,omitempty"`
}

// compile checks s and returns a copy with canonical header names, as they
// are needed for looking them up.
func (s Selector) compile() (Selector, error) {
	if len(s.Headers) == 0 {
		return s, errors.New("no header name")
	}
	names := make([]string, len(s.Headers))
	for i, name := range s.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			return s, fmt.Errorf("%q is not a header name", name)
		}
		names[i] = http.CanonicalHeaderKey(name)
	}
	s.Headers = names
	return s, nil
}

// field returns the value of the header field, and the field's name.
func (s *Selector) field(h http.Header) (value, name string, err error) {
	for _, name := range s.Headers {
		if len(h[name]) > 0 {
			value, err := HeaderValue(h, name)
			return value, name, err
		}
	}
	return "", "", &Error{Reason: ReasonMissing, Field: s.Headers[0]}
}

// members iterates over the members of a field's value that have the prefix,
// without it.
func (s *Selector) members(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			member := value
			more = false
			if s.Split != "" {
				member, value, more = strings.Cut(value, s.Split)
			}
			if member, ok := strings.CutPrefix(member, s.Prefix); ok && !yield(member) {
				return
			}
		}
	}
}

// single returns the one member that the field has, and the field's name.
func (s *Selector) single(h http.Header) (member, name string, err error) {
	value, name, err := s.field(h)
	if err != nil {
		return "", name, err
	}
	found := false
	for m := range s.members(value) {
		if found {
			return "", name, &Error{Reason: ReasonDuplicate, Field: name}
		}
		member, found = m, true
	}
	if member == "" {
		return "", name, &Error{Reason: ReasonMissing, Field: name}
	}
	return member, name, nil
}

// HeaderValue returns the value of a header field that must be there exactly
// once, and not be empty. The name must be canonical.
func HeaderValue(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) > 1:
		return "", &Error{Reason: ReasonDuplicate, Field: name}
	case len(values) == 0 || values[0] == "":
		return "", &Error{Reason: ReasonMissing, Field: name}
	default:
		return values[0], nil
	}
}
