package verify

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Selector says where in a request a value is found. Exactly one place is set.
type Selector struct {
	// The names of the header field. If there are several, the first one that
	// is present in the request is taken. A field that is there twice is
	// never accepted.
	Headers []string `json:"headers,omitempty"`
	// Whether to take all of the header fields that are present, and not only
	// the first. Default: false.
	AnyHeader bool `json:"any_header,omitempty"`
	// The name of the parameter in the query of the URL.
	Query string `json:"query,omitempty"`
	// The name of the parameter in a body of the type
	// `application/x-www-form-urlencoded`.
	Form string `json:"form,omitempty"`
	// The JSON Pointer (RFC 6901) of a string or number in a JSON body, such as
	// `/signature/token`. No object on the way may have a member twice.
	JSON string `json:"json,omitempty"`

	// The separator of the list that the value is. Default: the value is no
	// list.
	Split string `json:"split,omitempty"`
	// The text before the value, which must match exactly and is removed.
	// Members of a list without it are skipped. Default: none.
	Prefix string `json:"prefix,omitempty"`
	// Whether the prefix may be in upper or lower case. Default: false.
	FoldPrefix bool `json:"fold_prefix,omitempty"`

	tokens []string // of the JSON Pointer
}

// compile checks s and returns a copy with canonical header names, as they
// are needed for looking them up.
func (s Selector) compile() (Selector, error) {
	places := 0
	for _, set := range []bool{len(s.Headers) > 0, s.Query != "", s.Form != "", s.JSON != ""} {
		if set {
			places++
		}
	}
	switch {
	case places == 0:
		return s, errors.New("no name of a header, query or form parameter, or JSON member")
	case places > 1:
		return s, errors.New("more than one of header, query, form, and JSON")
	case s.AnyHeader && len(s.Headers) == 0:
		return s, errors.New("any_header without headers")
	case s.JSON != "" && !validPointer(s.JSON):
		return s, fmt.Errorf("%q is not a JSON Pointer (RFC 6901)", s.JSON)
	}
	names := make([]string, len(s.Headers))
	for i, name := range s.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			return s, fmt.Errorf("%q is not a header name", name)
		}
		names[i] = http.CanonicalHeaderKey(name)
	}
	s.Headers = names
	if s.JSON != "" {
		s.tokens = pointerTokens(s.JSON)
	}
	return s, nil
}

// Validate returns an error if s is not the place of one value.
func (s Selector) Validate() error {
	_, err := s.compileSingle()
	return err
}

// compileSingle is compile for a place that has one value.
func (s Selector) compileSingle() (Selector, error) {
	if s.AnyHeader {
		return s, errors.New("any_header is for signatures")
	}
	return s.compile()
}

// name returns the first name of the place, for errors.
func (s *Selector) name() string {
	switch {
	case len(s.Headers) > 0:
		return s.Headers[0]
	case s.Query != "":
		return s.Query
	case s.Form != "":
		return s.Form
	default:
		return s.JSON
	}
}

// inBody reports whether the value is in the body.
func (s *Selector) inBody() bool { return s.Form != "" || s.JSON != "" }

// value returns the value at the place, and the place's name.
func (s *Selector) value(r *Request, body *jsonBody) (value, name string, err error) {
	switch {
	case s.Query != "":
		value, err = singleParam(r.Query(), s.Query)
	case s.Form != "":
		value, err = formParam(r, s.Form)
	case s.JSON != "":
		var reason Reason
		if value, reason = body.member(r.Body, s.tokens); reason != "" {
			err = &Error{Reason: reason, Field: s.JSON}
		}
	default:
		for _, name := range s.Headers {
			if len(r.Header[name]) > 0 {
				value, err := HeaderValue(r.Header, name)
				return value, name, err
			}
		}
		err = &Error{Reason: ReasonMissing, Field: s.Headers[0]}
	}
	return value, s.name(), err
}

// maxHeaders bounds the number of values that are looked at on the stack.
const maxHeaders = 8

// appendValues appends the values of all places. There are several only with
// AnyHeader.
func (s *Selector) appendValues(values []string, r *Request, body *jsonBody) ([]string, string, error) {
	if !s.AnyHeader {
		value, name, err := s.value(r, body)
		return append(values, value), name, err
	}
	for _, name := range s.Headers {
		if len(r.Header[name]) == 0 {
			continue
		}
		value, err := HeaderValue(r.Header, name)
		if err != nil {
			return nil, name, err
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return nil, "", &Error{Reason: ReasonMissing, Field: s.Headers[0]}
	}
	return values, s.Headers[0], nil
}

// members iterates over the members of a value that have the prefix, without
// it.
func (s *Selector) members(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			member := value
			more = false
			if s.Split != "" {
				member, value, more = strings.Cut(value, s.Split)
			}
			if member, ok := s.cutPrefix(member); ok && !yield(member) {
				return
			}
		}
	}
}

func (s *Selector) cutPrefix(member string) (string, bool) {
	if !s.FoldPrefix {
		return strings.CutPrefix(member, s.Prefix)
	}
	n := len(s.Prefix)
	if len(member) < n || !strings.EqualFold(member[:n], s.Prefix) {
		return "", false
	}
	return member[n:], true
}

// single returns the one member that the value has, and the place's name.
func (s *Selector) single(r *Request, body *jsonBody) (member, name string, err error) {
	value, name, err := s.value(r, body)
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
		return "", name, &Error{Reason: s.absent(), Field: name}
	}
	return member, name, nil
}

// absent is the reason that no member of a value can be used. A value that is
// no list but has another prefix is of another scheme.
func (s *Selector) absent() Reason {
	if s.Split == "" && s.Prefix != "" {
		return ReasonPrefix
	}
	return ReasonMissing
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
