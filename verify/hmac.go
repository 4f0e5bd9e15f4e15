package verify

import (
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"
)

// maxSignatures bounds the work of a request that nobody signed. A sender in
// the middle of a rotation sends two.
const maxSignatures = 8

// HMAC is a [Verifier] of signatures made with a shared secret.
type HMAC struct {
	scheme    string
	keys      []*key
	size      int
	signature Selector
	encoding  Encoding
	signed    content
	timestamp *TimestampConfig
	id        *Selector
	idSigned  bool
}

// HeaderNames returns the canonical names of all header fields that v reads.
func (v *HMAC) HeaderNames() []string {
	names := slices.Clone(v.signature.Headers)
	if v.timestamp != nil {
		names = append(names, v.timestamp.Selector.Headers...)
	}
	if v.id != nil {
		names = append(names, v.id.Headers...)
	}
	for _, p := range v.signed {
		if p.variable == headerVar {
			names = append(names, p.text)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// CoversBody reports whether the body is signed. If it is not, whoever sees a
// request can send another body under its signature.
func (v *HMAC) CoversBody() bool { return v.signed.has(bodyVar) }

// Verify implements [Verifier].
func (v *HMAC) Verify(_ context.Context, r *Request, now time.Time) (Identity, error) {
	identity := Identity{Scheme: v.scheme}
	m := message{Request: r}
	var err error
	if v.timestamp != nil {
		if m.timestamp, identity.Timestamp, err = v.timestamp.find(r.Header, now); err != nil {
			return Identity{}, err
		}
	}
	if v.id != nil {
		if m.id, err = v.findID(r.Header); err != nil {
			return Identity{}, err
		}
		identity.ID = m.id
	}
	var list signatures
	if err := v.findSignatures(r.Header, &list); err != nil {
		return Identity{}, err
	}
	if identity.Key, err = v.match(&m, &list); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// findID returns the message id. One that is signed must be there, and must
// not hold a dot: dots separate it from what comes next in the signed content,
// and the border must not be movable.
func (v *HMAC) findID(h http.Header) (string, error) {
	id, field, err := v.id.single(h)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Reason == ReasonMissing && !v.idSigned {
			return "", nil
		}
		return "", err
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || (v.idSigned && id[i] == '.') {
			return "", &Error{Reason: ReasonMalformed, Field: field}
		}
	}
	return id, nil
}

// signatures are the decoded signatures of a request.
type signatures struct {
	mac [maxSignatures][sha512.Size]byte
	n   int
}

// findSignatures decodes the signatures of a request. Members of a list that
// can't be decoded are skipped: they may be for other verifiers.
func (v *HMAC) findSignatures(h http.Header, list *signatures) error {
	value, field, err := v.signature.field(h)
	if err != nil {
		return err
	}
	malformed := false
	for member := range v.signature.members(value) {
		if list.n == maxSignatures {
			return &Error{Reason: ReasonMalformed, Field: field}
		}
		if v.decode(list.mac[list.n][:], member) {
			list.n++
		} else {
			malformed = true
		}
	}
	switch {
	case list.n > 0:
		return nil
	case malformed || v.signature.Split == "":
		return &Error{Reason: ReasonMalformed, Field: field}
	default:
		return &Error{Reason: ReasonMissing, Field: field}
	}
}

// decode reads a signature, which must have the full length of the MAC and be
// in its one canonical encoding, but for the case of hexadecimal digits.
func (v *HMAC) decode(dst []byte, s string) bool {
	var src [2 * sha512.Size]byte
	n := 0
	switch v.encoding {
	case Base64:
		if len(s) != strictBase64.EncodedLen(v.size) {
			return false
		}
		// Line breaks, which the decoder skips, leave less than size bytes.
		n, _ = strictBase64.Decode(dst, src[:copy(src[:], s)])
	default:
		if len(s) != hex.EncodedLen(v.size) {
			return false
		}
		n, _ = hex.Decode(dst, src[:copy(src[:], s)])
	}
	return n == v.size
}

// match returns the position, from 1, of the secret that a signature was made
// with. All are compared with all, whatever was found, so that the time it
// takes says nothing.
func (v *HMAC) match(m *message, list *signatures) (int, error) {
	found := 0
	for i, key := range v.keys {
		s := key.states.Get().(*state)
		s.mac.Reset()
		var err error
		if s.buf, err = v.signed.writeTo(s.mac, s.buf, m); err != nil {
			key.states.Put(s)
			return 0, err
		}
		s.buf = s.mac.Sum(s.buf[:0])
		for j := range list.n {
			equal := subtle.ConstantTimeCompare(s.buf, list.mac[j][:v.size])
			first := subtle.ConstantTimeEq(int32(found), 0) //nolint:gosec // found is small.
			found = subtle.ConstantTimeSelect(equal&first, i+1, found)
		}
		key.states.Put(s)
	}
	if found == 0 {
		return 0, &Error{Reason: ReasonMismatch}
	}
	return found, nil
}

var _ Verifier = (*HMAC)(nil)
