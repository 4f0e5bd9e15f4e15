package verify

import (
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxSignatures bounds the work of a request that nobody signed. A sender in
// the middle of a rotation sends two.
const maxSignatures = 8

// Encoding is how a signature is written.
type Encoding string

// The encodings of a signature.
const (
	Hex    Encoding = "hex"    // in upper or lower case, the default
	Base64 Encoding = "base64" // standard alphabet, with padding
)

// Validate returns an error if there is no such encoding.
func (e Encoding) Validate() error { return oneOf(e, Hex, Base64) }

// HMACConfig describes how a sender signs. What is not said is what most
// senders do: the hexadecimal HMAC-SHA-256 of the body.
type HMACConfig struct {
	// Scheme is the name that the Identity gets.
	Scheme string
	// Algorithm defaults to [SHA256].
	Algorithm Algorithm
	// KeyEncoding defaults to [KeyRaw].
	KeyEncoding KeyEncoding
	// KeyPrefix is removed from secrets that have it.
	KeyPrefix string
	// Signature is where the signatures are. Any of them may match.
	Signature Selector
	// Encoding defaults to [Hex].
	Encoding Encoding
	// Signed is the [Template] of the signed content; it defaults to "{body}".
	Signed string
	// Timestamp is nil if the sender signs none.
	Timestamp *TimestampConfig
	// ID is where the message id is, or nil. An id that is not part of the
	// signed content may be missing.
	ID *Selector
}

// HMAC is a [Verifier] of signatures made with a shared secret.
type HMAC struct {
	scheme    string
	keys      []*key
	size      int
	signature Selector
	encoding  Encoding
	signed    Template
	timestamp *TimestampConfig
	id        *Selector
	idSigned  bool
}

// NewHMAC returns a verifier that accepts what is signed, as c says, with any
// of the secrets.
func NewHMAC(c HMACConfig, secrets ...string) (*HMAC, error) {
	c = c.withDefaults()
	if err := errors.Join(c.Algorithm.Validate(), c.KeyEncoding.Validate(), c.Encoding.Validate()); err != nil {
		return nil, err
	}
	v := &HMAC{scheme: c.Scheme, encoding: c.Encoding, size: c.Algorithm.hash()().Size()}
	var err error
	if v.keys, err = newKeys(c.Algorithm, c.KeyEncoding, c.KeyPrefix, secrets); err != nil {
		return nil, err
	}
	if v.signature, err = c.Signature.compile(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	if v.signed, err = ParseTemplate(c.Signed); err != nil {
		return nil, fmt.Errorf("signed content: %w", err)
	}
	if err := v.compileTimestamp(c.Timestamp); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	if err := v.compileID(c.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	return v, nil
}

func (c HMACConfig) withDefaults() HMACConfig {
	if c.Algorithm == "" {
		c.Algorithm = SHA256
	}
	if c.KeyEncoding == "" {
		c.KeyEncoding = KeyRaw
	}
	if c.Encoding == "" {
		c.Encoding = Hex
	}
	if c.Signed == "" {
		c.Signed = "{body}"
	}
	return c
}

// compileTimestamp insists that the timestamp is signed: whoever captured a
// request could otherwise give it a new one.
func (v *HMAC) compileTimestamp(c *TimestampConfig) (err error) {
	switch signed := v.signed.has(timestampVar); {
	case c == nil && signed:
		return errors.New("the signed content has {timestamp}, but where it is was not said")
	case c == nil:
		return nil
	case !signed:
		return errors.New("the signed content has no {timestamp}, so it proves nothing")
	}
	v.timestamp, err = c.compile()
	return err
}

func (v *HMAC) compileID(s *Selector) error {
	v.idSigned = v.signed.has(idVar)
	if s == nil {
		if v.idSigned {
			return errors.New("the signed content has {id}, but where it is was not said")
		}
		return nil
	}
	compiled, err := s.compile()
	v.id = &compiled
	return err
}

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
