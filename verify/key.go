package verify

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Some providers sign with HMAC-SHA-1, which is not broken.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
)

// maxSecrets bounds the work of a request that nobody signed. Rotation needs
// two secrets.
const maxSecrets = 16

// Algorithm is the hash function under the HMAC.
type Algorithm string

// The algorithms.
const (
	SHA1   Algorithm = "sha1"   // only for senders that know nothing better
	SHA256 Algorithm = "sha256" // the default
	SHA512 Algorithm = "sha512"
)

// Validate returns an error if there is no such algorithm.
func (a Algorithm) Validate() error { return oneOf(a, SHA1, SHA256, SHA512) }

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New
	case SHA512:
		return sha512.New
	default:
		return sha256.New
	}
}

// KeyEncoding is how a secret is written.
type KeyEncoding string

// The encodings of a secret.
const (
	KeyRaw    KeyEncoding = "raw" // the text itself is the key, the default
	KeyBase64 KeyEncoding = "base64"
	KeyHex    KeyEncoding = "hex"
)

// Validate returns an error if there is no such encoding.
func (e KeyEncoding) Validate() error { return oneOf(e, KeyRaw, KeyBase64, KeyHex) }

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

// key computes MACs with one secret. It keeps the states of finished
// computations, since setting one up costs two hash blocks and allocations.
type key struct{ states sync.Pool }

// state is a MAC computation, and a buffer for its input and its result.
type state struct {
	mac hash.Hash
	buf []byte
}

func newKey(a Algorithm, secret []byte) *key {
	return &key{states: sync.Pool{New: func() any {
		return &state{mac: hmac.New(a.hash(), secret)}
	}}}
}

// newKeys decodes secrets, which may begin with prefix.
func newKeys(a Algorithm, e KeyEncoding, prefix string, secrets []string) ([]*key, error) {
	if err := checkCount(len(secrets)); err != nil {
		return nil, err
	}
	keys := make([]*key, len(secrets))
	for i, secret := range secrets {
		b, err := e.decode(strings.TrimPrefix(secret, prefix))
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		keys[i] = newKey(a, b)
	}
	return keys, nil
}

func checkCount(secrets int) error {
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
