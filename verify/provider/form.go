package provider

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	contentType = "Content-Type"
	formType    = "application/x-www-form-urlencoded"
	// maxParams bounds the work on a query or form that nobody signed.
	maxParams = 1000
)

// param is a decoded parameter of a query or form.
type param struct{ key, value []byte }

// form is the parameters of a query or form, in the order in which they were
// sent, with all repetitions.
type form struct {
	params []param
	// text is what the parameters are slices of.
	text []byte
}

// parseForm reads a query or form in its raw form. It is strict where parsers
// differ: no semicolons, which some take for ampersands, and no percent sign
// that begins no escape. The memory of f is used again.
func parseForm[T string | []byte](f *form, raw T) bool {
	f.params, f.text = f.params[:0], append(f.text[:0], raw...)
	if bytes.IndexByte(f.text, ';') >= 0 {
		return false
	}
	for rest, more := f.text, len(f.text) > 0; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		if len(f.params) == maxParams {
			return false
		}
		key, value, _ := bytes.Cut(pair, []byte{'='})
		var keyOK, valueOK bool
		key, keyOK = unescape(key)
		value, valueOK = unescape(value)
		if !keyOK || !valueOK {
			return false
		}
		f.params = append(f.params, param{key: key, value: value})
	}
	return true
}

// unescape decodes b in place, which never gets longer.
func unescape(b []byte) ([]byte, bool) {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			var decoded [1]byte
			if i+2 >= len(b) {
				return nil, false
			}
			if _, err := hex.Decode(decoded[:], b[i+1:i+3]); err != nil {
				return nil, false
			}
			c = decoded[0]
			i += 2
		}
		b[n] = c
		n++
	}
	return b[:n], true
}

// sort orders the parameters by key, and those with the same key by value.
func (f *form) sort() {
	slices.SortFunc(f.params, func(a, b param) int {
		return cmp.Or(bytes.Compare(a.key, b.key), bytes.Compare(a.value, b.value))
	})
}

// single returns the value of a parameter that must be there exactly once, and
// not be empty.
func (f *form) single(name string) ([]byte, error) {
	var value []byte
	found := 0
	for _, p := range f.params {
		if string(p.key) == name {
			found++
			value = p.value
		}
	}
	switch {
	case found > 1:
		return nil, &verify.Error{Reason: verify.ReasonDuplicate, Field: name}
	case len(value) == 0:
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: name}
	}
	return value, nil
}

// has reports whether there is a parameter with the name.
func (f *form) has(name []byte) bool { return hasKey(f.params, name) }

func hasKey(params []param, key []byte) bool {
	return slices.ContainsFunc(params, func(p param) bool { return bytes.Equal(p.key, key) })
}

// isForm reports whether the body of r is said to be a form.
func isForm(r *verify.Request) (bool, error) {
	values := r.Header[contentType]
	if len(values) > 1 {
		return false, &verify.Error{Reason: verify.ReasonDuplicate, Field: contentType}
	}
	if len(values) == 0 {
		return false, nil
	}
	mediaType, _, _ := strings.Cut(values[0], ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), formType), nil
}

// scratch is the memory that one verification needs.
type scratch struct {
	query, body form
	content     []byte
	params      []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}
