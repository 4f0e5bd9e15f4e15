// Package jwt verifies JSON Web Tokens (RFC 7519) that are signed (RFC 7515):
// with shared secrets, with public keys, or with keys of a JSON Web Key Set
// (RFC 7517), which may be a remote one.
//
// What a token says of itself never decides how it is verified: the algorithms
// are configured, each only for its kind of key, a key that a token names is
// one of those that are known already, and keys or URLs in a token's header are
// not looked at (RFC 8725).
package jwt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// maxKeyID is the length of the longest name of a key that is looked for, in
// bytes. Usual are UUIDs and hashes.
const maxKeyID = 256

// Verifier is a [verify.Verifier] of tokens.
type Verifier struct {
	scheme     string
	header     string
	algorithms []Algorithm
	keys       KeySource
	rules      token.Rules
	bodyHash   *BodyHash
	urlHash    *Hash
	// keyEncoding is how shared secrets were written.
	keyEncoding verify.KeyEncoding
}

// CoversBody reports whether the body is signed. If it is not, whoever sees a
// request can send another body with its token.
func (v *Verifier) CoversBody() bool { return v.bodyHash != nil }

// Tolerance returns how old a token may be, or 0 if only its own time of
// expiration limits that.
func (v *Verifier) Tolerance() time.Duration {
	if v.rules.MaxAge == 0 {
		return 0
	}
	return v.rules.MaxAge + v.rules.Leeway
}

// SecretHeaders returns the canonical name of the header field with the token, if
// that is a credential: whoever gets to see a token that is not for one body can
// send another with it.
func (v *Verifier) SecretHeaders() []string {
	if v.bodyHash != nil {
		return nil
	}
	return []string{v.header}
}

// Verify implements [verify.Verifier].
func (v *Verifier) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	text, err := token.Find(r.Header, v.header)
	if err != nil {
		return verify.Identity{}, err
	}
	t, err := v.parse(text)
	if err != nil {
		return verify.Identity{}, err
	}
	position, err := v.match(ctx, t, now)
	if err != nil {
		return verify.Identity{}, err
	}
	claims, err := token.Decode(t.payload)
	if err != nil {
		return verify.Identity{}, v.undecodable(err)
	}
	if err := v.rules.Check(claims, now); err != nil {
		return verify.Identity{}, err
	}
	if err := v.checkHashes(claims, r); err != nil {
		return verify.Identity{}, err
	}
	return v.identity(t, claims, position)
}

func (v *Verifier) identity(t *parsed, claims token.Claims, position int) (verify.Identity, error) {
	identity := verify.Identity{Scheme: v.scheme, Key: position, Claims: claims, Expires: v.rules.Expires(claims)}
	var err error
	if identity.Subject, err = claims.String("sub"); err != nil {
		return verify.Identity{}, err
	}
	if identity.Timestamp, err = claims.Time("iat"); err != nil {
		return verify.Identity{}, err
	}
	if identity.ID, err = claims.String("jti"); err != nil {
		return verify.Identity{}, err
	}
	identity.IDSigned = identity.ID != ""
	if v.bodyHash != nil {
		// Without it a sender may use a token for many messages.
		identity.Digest = sha256.Sum256([]byte(t.signed))
	}
	return identity, nil
}

// parsed is a token whose signature is not checked yet.
type parsed struct {
	algorithm Algorithm
	keyID     string
	// signed is what the signature is of: header and payload as they were sent.
	signed    string
	payload   []byte
	signature []byte
}

// base64url is strict, so that each value has one encoding only.
var base64url = base64.RawURLEncoding.Strict()

// parse takes a token apart (RFC 7515, section 7.1), but for the payload, which
// proves nothing before the signature is checked.
func (v *Verifier) parse(text string) (*parsed, error) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	// Line breaks, which the decoder skips, can't be in a header field's value.
	if !ok || strings.ContainsAny(text, "\r\n") {
		return nil, v.malformed()
	}
	t := &parsed{signed: text[:len(header)+1+len(payload)]}
	headerJSON, err := base64url.DecodeString(header)
	if err != nil {
		return nil, v.malformed()
	}
	if t.payload, err = base64url.DecodeString(payload); err != nil {
		return nil, v.malformed()
	}
	if t.signature, err = base64url.DecodeString(signature); err != nil {
		return nil, v.malformed()
	}
	members, err := token.Decode(headerJSON)
	if err != nil {
		return nil, v.undecodable(err)
	}
	return t, v.readHeader(t, members)
}

// readHeader takes from the header which algorithm and key it names, and
// nothing else: "jwk", "jku", "x5c" and "x5u" could make the sender choose the
// key.
func (v *Verifier) readHeader(t *parsed, members token.Claims) error {
	algorithm, err := members.String("alg")
	if err != nil {
		return err
	}
	t.algorithm = Algorithm(algorithm)
	if !slices.Contains(v.algorithms, t.algorithm) {
		return &verify.Error{Reason: verify.ReasonAlgorithm, Field: "alg"}
	}
	if _, ok := members["crit"]; ok {
		// It names extensions that must be understood (RFC 7515, section
		// 4.1.11), and we know none.
		return &verify.Error{Reason: verify.ReasonAlgorithm, Field: "crit"}
	}
	if t.keyID, err = members.String("kid"); err != nil {
		return err
	}
	if !isKeyID(t.keyID) {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: "kid"}
	}
	return nil
}

// isKeyID reports whether s may be the name of a key, which is used for nothing
// but looking it up.
func isKeyID(s string) bool {
	return len(s) <= maxKeyID && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// match returns the position, from 1, of the key that signed the token. All
// that can have done it are tried, whatever was found, so that the time it
// takes says nothing.
func (v *Verifier) match(ctx context.Context, t *parsed, now time.Time) (int, error) {
	keys, err := v.keys.find(ctx, t.keyID, now)
	if err != nil {
		return 0, err
	}
	method, found, tried := methods[t.algorithm], 0, false
	for i := range keys {
		if !keys[i].allows(t.algorithm) {
			continue
		}
		tried = true
		if method.Verify(t.signed, t.signature, keys[i].material) == nil && found == 0 {
			found = keys[i].position
		}
	}
	switch {
	case found > 0:
		return found, nil
	case tried:
		return 0, &verify.Error{Reason: verify.ReasonMismatch}
	default:
		return 0, errUnknownKey()
	}
}

// checkHashes compares the hashes in claims, which are no secrets, with the
// request.
func (v *Verifier) checkHashes(claims token.Claims, r *verify.Request) error {
	if v.urlHash != nil {
		if err := v.urlHash.check(claims, []byte(r.URL())); err != nil {
			return err
		}
	}
	if v.bodyHash == nil {
		return nil
	}
	if v.bodyHash.UnlessEmpty && len(r.Body) == 0 {
		if _, ok := claims[v.bodyHash.Claim]; ok {
			return &verify.Error{Reason: verify.ReasonDigest, Field: v.bodyHash.Claim}
		}
		return nil
	}
	return v.bodyHash.check(claims, r.Body)
}

func (h *Hash) check(claims token.Claims, content []byte) error {
	text, err := claims.String(h.Claim)
	if err != nil {
		return err
	}
	if text == "" {
		return &verify.Error{Reason: verify.ReasonMissing, Field: h.Claim}
	}
	claimed, err := h.decode(text)
	if err != nil {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: h.Claim}
	}
	if actual := sha256.Sum256(content); !bytes.Equal(claimed, actual[:]) {
		return &verify.Error{Reason: verify.ReasonDigest, Field: h.Claim}
	}
	return nil
}

func (v *Verifier) malformed() error {
	return &verify.Error{Reason: verify.ReasonMalformed, Field: v.header}
}

// undecodable returns the error for a token whose JSON can't be read.
func (v *Verifier) undecodable(err error) error {
	if errors.Is(err, token.ErrDuplicate) {
		return &verify.Error{Reason: verify.ReasonDuplicate, Field: v.header}
	}
	return v.malformed()
}

func errUnknownKey() error { return &verify.Error{Reason: verify.ReasonKey, Field: "kid"} }

var _ verify.Verifier = (*Verifier)(nil)
