package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

const (
	// maxSignatures bounds the work of a request that nobody signed. A sender
	// in the middle of a rotation sends two.
	maxSignatures = 8
	// maxSignatureSize is that of an ECDSA signature with P-256 in DER; no
	// other is larger.
	maxSignatureSize = 72
)

// Signature is a [Verifier] of what is signed with a shared secret, or with the
// private half of a key that we have the public half of.
type Signature struct {
	scheme    string
	macs      []*macKey
	publics   []publicKey
	size      int // of a signature in bytes, or 0 if that varies
	signature Selector
	encoding  Encoding
	signed    content
	timestamp *TimestampConfig
	id        *Selector
	idInText  bool // the id is in the signed content by itself
	idSigned  bool // by itself, or with what it is part of
	nonce     *Selector

	// What explanations need. The secrets are behind a function, so that
	// nothing that prints a Signature prints them.
	config  SignatureConfig
	secrets func() []string
}

// HeaderNames returns the canonical names of all header fields that v reads.
func (v *Signature) HeaderNames() []string {
	names := slices.Clone(v.signature.Headers)
	if v.timestamp != nil {
		names = append(names, v.timestamp.Selector.Headers...)
	}
	for _, s := range []*Selector{v.id, v.nonce} {
		if s != nil {
			names = append(names, s.Headers...)
		}
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
func (v *Signature) CoversBody() bool { return v.signed.hasBody() }

// CoversURL reports whether the host is signed, so that the URL that the sender
// used must be known.
func (v *Signature) CoversURL() bool { return v.signed.has(urlVar, urlNoQueryVar) }

// KnowsRepeats reports whether what is signed differs between any two messages.
// If neither the body nor an id or nonce is signed, two of one second may well be
// signed alike; their identities have no Digest.
func (v *Signature) KnowsRepeats() bool { return v.CoversBody() || v.idInText || v.nonce != nil }

// Tolerance returns how far a timestamp may be from the time of verification,
// or 0 if none is signed.
func (v *Signature) Tolerance() time.Duration {
	if v.timestamp == nil {
		return 0
	}
	return v.timestamp.Tolerance
}

// Verify implements [Verifier].
func (v *Signature) Verify(_ context.Context, r *Request, now time.Time) (Identity, error) {
	identity := Identity{Scheme: v.scheme, IDSigned: v.idSigned}
	m := message{Request: r}
	var body jsonBody
	var err error
	if v.timestamp != nil {
		if m.timestamp, identity.Timestamp, err = v.timestamp.find(r, &body, now); err != nil {
			return Identity{}, err
		}
	}
	if v.id != nil {
		if m.id, err = findID(v.id, v.idInText, r, &body); err != nil {
			return Identity{}, err
		}
		identity.ID = m.id
	}
	if v.nonce != nil {
		if m.nonce, err = findID(v.nonce, true, r, &body); err != nil {
			return Identity{}, err
		}
	}
	var list signatures
	if err := v.findSignatures(r, &body, &list); err != nil {
		return Identity{}, err
	}
	if identity.Key, identity.Digest, err = v.match(&m, &list); err != nil {
		return Identity{}, err
	}
	if !v.KnowsRepeats() {
		identity.Digest = [sha256.Size]byte{}
	}
	return identity, nil
}

// match returns the position of the secret that a signature was made with, and
// the digest of what was signed.
func (v *Signature) match(m *message, list *signatures) (key int, digest [sha256.Size]byte, err error) {
	if v.publics != nil {
		key, digest, err = v.matchPublicKey(m, list)
	} else {
		key, digest, err = v.matchMAC(m, list)
	}
	if err == nil && key == 0 {
		err = &Error{Reason: ReasonMismatch}
	}
	return key, digest, err
}

// findID returns the message id, or the nonce. One that is in the signed content
// must be there, and must not hold a dot: dots separate it from what comes next,
// and the border must not be movable.
func findID(s *Selector, inText bool, r *Request, body *jsonBody) (string, error) {
	id, field, err := s.single(r, body)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Reason == ReasonMissing && !inText {
			return "", nil
		}
		return "", err
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || (inText && id[i] == '.') {
			return "", &Error{Reason: ReasonMalformed, Field: field}
		}
	}
	return id, nil
}

// signatures are the decoded signatures of a request.
type signatures struct {
	data [maxSignatures][maxSignatureSize]byte
	size [maxSignatures]int
	n    int
}

func (l *signatures) bytes(i int) []byte { return l.data[i][:l.size[i]] }

// findSignatures decodes the signatures of a request. Members of a list that
// can't be decoded are skipped: they may be for other verifiers.
func (v *Signature) findSignatures(r *Request, body *jsonBody, list *signatures) error {
	var array [maxHeaders]string
	values, field, err := v.signature.appendValues(array[:0], r, body)
	if err != nil {
		return err
	}
	malformed := false
	for _, value := range values {
		for member := range v.signature.members(value) {
			if list.n == maxSignatures {
				return &Error{Reason: ReasonMalformed, Field: field}
			}
			var ok bool
			if list.size[list.n], ok = v.decode(list.data[list.n][:], member); ok {
				list.n++
			} else {
				malformed = true
			}
		}
	}
	switch {
	case list.n > 0:
		return nil
	case malformed:
		return &Error{Reason: ReasonMalformed, Field: field}
	default:
		return &Error{Reason: v.signature.absent(), Field: field}
	}
}

// decode reads a signature, which must have its full length and be in its one
// canonical encoding, but for the case of hexadecimal digits.
func (v *Signature) decode(dst []byte, s string) (n int, ok bool) {
	var src [2 * maxSignatureSize]byte
	if len(s) > len(src) {
		return 0, false
	}
	var err error
	switch v.encoding {
	case Base64:
		if strictBase64.DecodedLen(len(s)) > maxSignatureSize+2 {
			return 0, false
		}
		var padded [maxSignatureSize + 2]byte // the decoder counts the padding
		n, err = strictBase64.Decode(padded[:], src[:copy(src[:], s)])
		// The decoder skips line breaks.
		if len(s) != strictBase64.EncodedLen(n) || copy(dst, padded[:n]) < n {
			return 0, false
		}
	default:
		n, err = hex.Decode(dst, src[:copy(src[:], s)])
	}
	return n, err == nil && n > 0 && (v.size == 0 || n == v.size)
}

// Interface guards
var (
	_ Verifier = (*Signature)(nil)
	_ Signer   = (*Signature)(nil)
)
