package verify

import (
	"errors"
	"fmt"
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
	// Signed is the signed content; it defaults to "{body}".
	Signed Template
	// Timestamp is nil if the sender signs none.
	Timestamp *TimestampConfig
	// ID is where the message id is, or nil. An id that is not part of the
	// signed content may be missing.
	ID *Selector
}

// NewHMAC returns a verifier that accepts what is signed, as c says, with any
// of the secrets.
func NewHMAC(c HMACConfig, secrets ...string) (*HMAC, error) {
	c = c.withDefaults()
	v, err := c.compile()
	if err != nil {
		return nil, err
	}
	if v.keys, err = newKeys(c.Algorithm, c.KeyEncoding, c.KeyPrefix, secrets); err != nil {
		return nil, err
	}
	return v, nil
}

// Validate returns the error that [NewHMAC] would return whatever the secrets.
func (c HMACConfig) Validate() error {
	_, err := c.withDefaults().compile()
	return err
}

// compile returns a verifier without keys, which accepts nothing.
func (c HMACConfig) compile() (*HMAC, error) {
	if err := errors.Join(c.Algorithm.Validate(), c.KeyEncoding.Validate(), c.Encoding.Validate()); err != nil {
		return nil, err
	}
	v := &HMAC{scheme: c.Scheme, encoding: c.Encoding, size: c.Algorithm.hash()().Size()}
	var err error
	if v.signature, err = c.Signature.compile(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	if v.signed, err = c.Signed.compile(); err != nil {
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
