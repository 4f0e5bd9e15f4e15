package verify

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSecrets bounds the work of a request that nobody signed. Rotation needs
// two secrets.
const maxSecrets = 16

// KeyEncoding is how a secret is written.
type KeyEncoding string

// The encodings of a secret.
const (
	KeyRaw    KeyEncoding = "raw" // the text itself is the key, the default
	KeyBase64 KeyEncoding = "base64"
	KeyHex    KeyEncoding = "hex"
	// KeySPKI is a public key as in certificates (RFC 5280, section 4.1.2.7):
	// DER in base64, or PEM.
	KeySPKI KeyEncoding = "spki"
)

// Validate returns an error if there is no such encoding.
func (e KeyEncoding) Validate() error { return oneOf(e, KeyRaw, KeyBase64, KeyHex, KeySPKI) }

// decode returns the bytes of a secret. The error says nothing about them.
func (e KeyEncoding) decode(secret string) ([]byte, error) {
	var key []byte
	var err error
	switch e {
	case KeyBase64:
		if key, err = DecodeBase64(secret); err != nil {
			return nil, err
		}
	case KeyHex:
		if key, err = hex.DecodeString(secret); err != nil {
			return nil, errors.New("not hexadecimal")
		}
	default:
		key = []byte(secret)
	}
	if len(key) == 0 {
		return nil, errors.New("empty: anybody could sign with it")
	}
	return key, nil
}

// DecodeBase64 decodes standard base64 with padding in its one canonical form:
// without line breaks, which Go's decoder skips, and without stray bits.
func DecodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64")
	}
	b, err := strictBase64.DecodeString(s)
	if err != nil {
		return nil, errors.New("not standard base64 with padding")
	}
	return b, nil
}

// strictBase64 refuses bits beyond the last byte, so that a value has one
// encoding only.
var strictBase64 = base64.StdEncoding.Strict()

// decodeKeys decodes secrets, which may begin with prefix.
func decodeKeys[K any](e KeyEncoding, prefix string, secrets []string, newKey func([]byte) (K, error)) ([]K, error) {
	if err := CheckCount(len(secrets)); err != nil {
		return nil, err
	}
	keys := make([]K, len(secrets))
	for i, secret := range secrets {
		b, err := e.decode(strings.TrimPrefix(secret, prefix))
		if err == nil {
			keys[i], err = newKey(b)
		}
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	return keys, nil
}

// CheckCount returns an error if a verifier can't have that many secrets.
func CheckCount(secrets int) error {
	switch {
	case secrets == 0:
		return errors.New("no secret")
	case secrets > maxSecrets:
		return fmt.Errorf("%d secrets, at most %d are allowed", secrets, maxSecrets)
	}
	return nil
}

func oneOf[T ~string](v T, allowed ...T) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return fmt.Errorf("%q is not one of %s", string(v), strings.Join(names, ", "))
}
