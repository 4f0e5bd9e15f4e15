package httpsig

import (
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/caddy-relay/caddy-relay/verify"
)

// The canonical names of the header fields (RFC 9421, section 4).
const (
	inputField     = "Signature-Input"
	signatureField = "Signature"
)

// signature is a signature with what it says of itself.
type signature struct {
	value   []byte
	covered []covered
	// params is the list of components with the parameters, as it is signed.
	params string

	created, expires        time.Time // expires is zero if it is not there
	keyID, algorithm, nonce string
}

// find returns the one signature of a request that the verifier is to look at.
func (v *Verifier) find(h http.Header) (*signature, error) {
	inputs, err := parseDictionary(h, inputField)
	if err != nil {
		return nil, err
	}
	label, input, err := v.selectInput(inputs)
	if err != nil {
		return nil, err
	}
	signatures, err := parseDictionary(h, signatureField)
	if err != nil {
		return nil, err
	}
	if _, ok := signatures.Get(label); !ok {
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: signatureField}
	}
	s, ok := newSignature(input)
	if !ok {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: inputField}
	}
	if s.value, ok = byteSequence(signatures, label); !ok {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: signatureField}
	}
	if s.created.IsZero() {
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: "created"}
	}
	return s, nil
}

// selectInput returns the one member with the label and the tag that are asked
// for.
func (v *Verifier) selectInput(inputs *httpsfv.Dictionary) (label string, input httpsfv.InnerList, err error) {
	for _, name := range inputs.Names() {
		if v.label != "" && name != v.label {
			continue
		}
		member, _ := inputs.Get(name)
		list, ok := member.(httpsfv.InnerList)
		if !ok {
			return "", input, &verify.Error{Reason: verify.ReasonMalformed, Field: inputField}
		}
		if tag, _ := list.Params.Get("tag"); v.tag != "" && tag != v.tag {
			continue
		}
		if label != "" {
			return "", input, &verify.Error{Reason: verify.ReasonDuplicate, Field: inputField}
		}
		label, input = name, list
	}
	if label == "" {
		return "", input, &verify.Error{Reason: verify.ReasonMissing, Field: inputField}
	}
	return label, input, nil
}

// newSignature reads a member of Signature-Input. Parameters that it does not
// know are signed like all others, and say nothing to it.
func newSignature(input httpsfv.InnerList) (*signature, bool) {
	if len(input.Items) > maxComponents {
		return nil, false
	}
	s := &signature{covered: make([]covered, 0, len(input.Items))}
	for _, item := range input.Items {
		c, err := newCovered(item)
		if err != nil || covers(s.covered, c.component) {
			return nil, false
		}
		s.covered = append(s.covered, c)
	}
	var err error
	if s.params, err = httpsfv.Marshal(input); err != nil {
		return nil, false
	}
	for _, name := range input.Params.Names() {
		value, _ := input.Params.Get(name)
		if !s.setParam(name, value) {
			return nil, false
		}
	}
	return s, true
}

// setParam takes a parameter of RFC 9421, section 2.3. It reports whether the
// value is of the right kind.
func (s *signature) setParam(name string, value any) (ok bool) {
	switch name {
	case "created":
		s.created, ok = toTime(value)
	case "expires":
		s.expires, ok = toTime(value)
	case "keyid":
		s.keyID, ok = value.(string)
	case "alg":
		s.algorithm, ok = value.(string)
		ok = ok && s.algorithm != ""
	case "nonce":
		s.nonce, ok = value.(string)
	case "tag":
		_, ok = value.(string)
	default:
		ok = true
	}
	return ok
}

// toTime reads a time in seconds since 1970. No valid one is the zero Time.
func toTime(value any) (time.Time, bool) {
	seconds, ok := value.(int64)
	if !ok || seconds < 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}
