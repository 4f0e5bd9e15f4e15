package verify

import (
	"errors"
	"fmt"
	"slices"
)

// Encoding is how a signature is written.
type Encoding string

// The encodings of a signature.
const (
	Hex    Encoding = "hex"    // in upper or lower case, the default
	Base64 Encoding = "base64" // standard alphabet, with padding
)

// Validate returns an error if there is no such encoding.
func (e Encoding) Validate() error { return oneOf(e, Hex, Base64) }

// SignatureConfig describes how a sender signs. What is not said is what most
// senders do: the hexadecimal HMAC-SHA-256 of the body.
type SignatureConfig struct {
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
	// Signed is the signed content; it defaults to "{body}".
	Signed Template
	// Timestamp is nil if the sender signs none.
	Timestamp *TimestampConfig
	// ID is where the message id is, or nil. An id that is not part of the
	// signed content may be missing.
	ID *Selector
	// Nonce is where the nonce is, or nil. It must be part of the signed
	// content.
	Nonce *Selector
}

// NewSignature returns a verifier that accepts what is signed, as c says, with
// any of the secrets. For algorithms that are not symmetric these are public
// keys.
func NewSignature(c SignatureConfig, secrets ...string) (*Signature, error) {
	c = c.withDefaults()
	v, err := c.compile()
	if err != nil {
		return nil, err
	}
	if c.Algorithm.Symmetric() {
		v.macs, err = decodeKeys(c.KeyEncoding, c.KeyPrefix, secrets, func(b []byte) (*macKey, error) {
			return newMACKey(c.Algorithm, v.signed, b), nil
		})
	} else {
		v.publics, err = decodeKeys(c.KeyEncoding, c.KeyPrefix, secrets, func(b []byte) (publicKey, error) {
			return newPublicKey(c.Algorithm, c.KeyEncoding, b)
		})
	}
	if err != nil {
		return nil, err
	}
	secrets = slices.Clone(secrets)
	v.config, v.secrets = c, func() []string { return secrets }
	return v, nil
}

// Validate returns the error that [NewSignature] would return whatever the
// secrets.
func (c SignatureConfig) Validate() error {
	_, err := c.withDefaults().compile()
	return err
}

// compile returns a verifier without keys, which accepts nothing.
func (c SignatureConfig) compile() (*Signature, error) {
	if err := errors.Join(c.Algorithm.Validate(), c.KeyEncoding.Validate(), c.Encoding.Validate()); err != nil {
		return nil, err
	}
	v := &Signature{scheme: c.Scheme, encoding: c.Encoding, size: c.Algorithm.size()}
	var err error
	if v.signature, err = c.Signature.compile(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	if v.signature.AnyHeader && len(v.signature.Headers) > maxHeaders {
		return nil, fmt.Errorf("signature: more than %d headers", maxHeaders)
	}
	if v.signed, err = c.Signed.compile(); err != nil {
		return nil, fmt.Errorf("signed content: %w", err)
	}
	if err := c.checkKey(v.signed); err != nil {
		return nil, err
	}
	if err := v.compileTimestamp(c.Timestamp); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	if err := v.compileID(c.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	if err := v.compileNonce(c.Nonce); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	return v, nil
}

func (c SignatureConfig) withDefaults() SignatureConfig {
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

// checkKey returns an error if the algorithm can't work with such keys.
func (c SignatureConfig) checkKey(signed content) error {
	switch hasSecret := signed.has(secretVar); {
	case c.Algorithm == PlainSHA256 && !hasSecret:
		return errors.New("the signed content has no {secret}, so anybody could make the hash")
	case c.Algorithm != PlainSHA256 && hasSecret:
		return fmt.Errorf("{secret} is part of the content with the algorithm %s only", PlainSHA256)
	case c.Algorithm.Symmetric() && c.KeyEncoding == KeySPKI:
		return fmt.Errorf("%s signs with a shared secret, and spki is a public key", c.Algorithm)
	case c.Algorithm == ECDSAP256 && c.KeyEncoding != KeySPKI:
		return errors.New("keys of ecdsa-p256 are written as spki")
	case c.Algorithm == Ed25519 && c.KeyEncoding == KeyRaw:
		return errors.New("keys of ed25519 are written as hex, base64, or spki")
	}
	return nil
}

// compileTimestamp insists that the timestamp is signed: whoever captured a
// request could otherwise give it a new one.
func (v *Signature) compileTimestamp(c *TimestampConfig) (err error) {
	inContent := v.signed.has(timestampVar)
	switch {
	case c == nil && inContent:
		return errors.New("the signed content has {timestamp}, but where it is was not said")
	case c == nil:
		return nil
	case !inContent && !v.covers(&c.Selector):
		return errors.New("the signed content has no {timestamp}, so it proves nothing")
	}
	v.timestamp, err = c.compile()
	return err
}

// covers reports whether what s selects is signed with what it is part of.
func (v *Signature) covers(s *Selector) bool {
	return (s.inBody() && v.signed.hasBody()) || (s.Query != "" && v.signed.has(urlVar, querySortedVar))
}

func (v *Signature) compileID(s *Selector) error {
	inContent := v.signed.has(idVar)
	if s == nil {
		if inContent {
			return errors.New("the signed content has {id}, but where it is was not said")
		}
		return nil
	}
	compiled, err := s.compileSingle()
	v.id, v.idInText, v.idSigned = &compiled, inContent, inContent || v.covers(s)
	return err
}

func (v *Signature) compileNonce(s *Selector) error {
	switch inContent := v.signed.has(nonceVar); {
	case s == nil && inContent:
		return errors.New("the signed content has {nonce}, but where it is was not said")
	case s == nil:
		return nil
	case !inContent:
		return errors.New("the signed content has no {nonce}, so it proves nothing")
	}
	compiled, err := s.compileSingle()
	v.nonce = &compiled
	return err
}
