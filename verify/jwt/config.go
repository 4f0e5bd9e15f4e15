package jwt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// Config says which tokens are accepted.
type Config struct {
	// Scheme is the name that the Identity gets. Default: "jwt".
	Scheme string
	// Header is the header field that the token is in. Default: Authorization,
	// where "Bearer" comes before it.
	Header string
	// Algorithms are those that a token may be signed with. Required. They are
	// either all for shared secrets or all for key pairs, unless Keys says what
	// each key is for.
	Algorithms []Algorithm
	// KeyEncoding is how shared secrets are written: [verify.KeyRaw], which is
	// the default, [verify.KeyBase64], or [verify.KeyHex].
	KeyEncoding verify.KeyEncoding
	// Keys has the keys that tokens name. Default: those that are given to
	// [New].
	Keys KeySource
	// Rules are those for the claims.
	Rules token.Rules
	// BodyHash is the claim with the SHA-256 of the body, if there is one.
	BodyHash *BodyHash
	// URLHash is the claim with the SHA-256 of the URL, if there is one.
	URLHash *Hash
}

// Hash is a claim that has a SHA-256.
type Hash struct {
	Claim string `json:"claim,omitempty"`
	// How the hash is written: `hex` or `base64`. Default: `hex`.
	Encoding verify.Encoding `json:"encoding,omitempty"`
}

// BodyHash is a claim that has the SHA-256 of the body.
type BodyHash struct {
	Hash
	// Whether senders leave out the claim if the body is empty. It must not be
	// there then. Default: it is always there.
	UnlessEmpty bool `json:"unless_empty,omitempty"`
}

// New returns a verifier that accepts tokens that are signed with any of keys,
// which are shared secrets for the algorithms that begin with HS, and PEM files
// with a public key or a certificate for others. If c has a source of keys, no
// others may be given.
func New(c Config, keys ...string) (*Verifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	v := &Verifier{
		scheme: c.Scheme, header: http.CanonicalHeaderKey(c.Header), algorithms: slices.Clone(c.Algorithms),
		keys: c.Keys, rules: c.Rules, bodyHash: c.BodyHash, urlHash: c.URLHash,
		keyEncoding: c.KeyEncoding,
	}
	if v.scheme == "" {
		v.scheme = "jwt"
	}
	if v.header == "" {
		v.header = token.Authorization
	}
	switch {
	case c.Keys != nil && len(keys) > 0:
		return nil, errors.New("a key set and other keys exclude each other")
	case c.Keys == nil && len(keys) == 0:
		return nil, errors.New("no secret, and no public key or key set")
	case c.Keys == nil:
		static, err := newStaticKeys(&c, keys)
		if err != nil {
			return nil, err
		}
		v.keys = static
	}
	return v, nil
}

// Validate returns the error that [New] would return whatever the keys.
func (c *Config) Validate() error {
	if c.Header != "" && !httpguts.ValidHeaderFieldName(c.Header) {
		return fmt.Errorf("%q is not a header name", c.Header)
	}
	if len(c.Algorithms) == 0 {
		return errors.New("no algorithms: the token must not choose how it is verified")
	}
	for _, a := range c.Algorithms {
		if err := a.Validate(); err != nil {
			return fmt.Errorf("algorithms: %w", err)
		}
		if c.Keys == nil && a.Symmetric() != c.symmetric() {
			// A key set says of what kind each key is, but here it is the
			// algorithms that say whether a text is a secret or public.
			return errors.New("algorithms with shared secrets (HS*) and with key pairs exclude each other")
		}
	}
	switch c.KeyEncoding {
	case "":
	case verify.KeyRaw, verify.KeyBase64, verify.KeyHex:
		if c.Keys != nil || !c.symmetric() {
			return errors.New("key encoding: it is that of shared secrets, which the algorithms don't have, or the key set has itself")
		}
	default:
		return fmt.Errorf("key encoding: %q is not one of raw, base64, hex", string(c.KeyEncoding))
	}
	if err := c.Rules.Validate(); err != nil {
		return err
	}
	if c.BodyHash != nil {
		if err := c.BodyHash.validate(); err != nil {
			return fmt.Errorf("hash of the body: %w", err)
		}
	}
	if c.URLHash != nil {
		if err := c.URLHash.validate(); err != nil {
			return fmt.Errorf("hash of the url: %w", err)
		}
	}
	return nil
}

// symmetric reports whether the algorithms need shared secrets.
func (c *Config) symmetric() bool { return len(c.Algorithms) > 0 && c.Algorithms[0].Symmetric() }

func (h *Hash) validate() error {
	if h.Claim == "" {
		return errors.New("no name of a claim")
	}
	if h.Encoding == "" {
		return nil
	}
	return h.Encoding.Validate()
}

// decode returns the hash that a claim has.
func (h *Hash) decode(text string) ([]byte, error) {
	if h.Encoding == verify.Base64 {
		return verify.DecodeBase64(text)
	}
	return hex.DecodeString(text)
}
