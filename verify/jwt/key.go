package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/edwards25519"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	// maxKeys bounds the work of a token that nobody signed. Rotation needs two
	// keys.
	maxKeys = 16
	// minRSA is the length in bits that RFC 7518, section 3.3, requires.
	minRSA = 2048
	// maxRSA bounds the time that a signature takes, in bits.
	maxRSA = 8192
)

// KeySource is where keys come from that tokens name: a [*KeySet], or a
// [*Remote].
type KeySource interface {
	// find returns the keys that a token may be signed with if its header names
	// the key kid, or none if kid is empty. The error is an [*verify.Error] if
	// there is no such key; others mean that it is not known.
	find(ctx context.Context, kid string, now time.Time) ([]key, error)
}

// key is what a signature is checked with.
type key struct {
	id string
	// algorithm is the only one that the key may be used with, or empty.
	algorithm Algorithm
	// position says which of its source's keys it is, from 1.
	position int
	// material is a []byte, *rsa.PublicKey, *ecdsa.PublicKey, or
	// ed25519.PublicKey.
	material any
}

func (k *key) allows(a Algorithm) bool {
	return (k.algorithm == "" || k.algorithm == a) && a.fits(k.material)
}

// staticKeys are keys without names. All are tried, whatever a token names.
type staticKeys []key

func (s staticKeys) find(context.Context, string, time.Time) ([]key, error) { return s, nil }

// newStaticKeys reads shared secrets or public keys. No error has any part of
// them.
func newStaticKeys(c *Config, texts []string) (staticKeys, error) {
	if len(texts) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d are allowed", len(texts), maxKeys)
	}
	keys := make(staticKeys, len(texts))
	for i, text := range texts {
		var err error
		keys[i].position = i + 1
		if c.symmetric() {
			keys[i].material, err = parseSecret(c.KeyEncoding, text)
		} else {
			keys[i].material, err = parsePEM(text)
		}
		if err == nil && !slices.ContainsFunc(c.Algorithms, keys[i].allows) {
			err = errors.New("none of the algorithms is for this kind of key")
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	return keys, nil
}

// parseSecret returns the bytes of a shared secret. Public keys are no secrets,
// so a PEM file must not become one by mistake.
func parseSecret(e verify.KeyEncoding, text string) ([]byte, error) {
	if strings.Contains(text, "-----BEGIN") {
		return nil, errors.New("a PEM file is no shared secret; the algorithms must be those of the key in it")
	}
	var secret []byte
	var err error
	switch e {
	case verify.KeyBase64:
		secret, err = verify.DecodeBase64(text)
	case verify.KeyHex:
		if secret, err = hex.DecodeString(text); err != nil {
			err = errors.New("not hexadecimal")
		}
	default:
		secret = []byte(text)
	}
	if err == nil && len(secret) == 0 {
		err = errors.New("empty: anybody could sign with it")
	}
	return secret, err
}

// parsePEM returns the public key in a PEM file, or that of the certificate in
// it, whose validity does not matter: it is the operator who vouches for it.
func parsePEM(text string) (any, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM file with a public key")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("more than one key in a PEM file")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		return nil, errors.New("neither a public key nor a certificate in the PEM file")
	}
	if err != nil {
		return nil, errors.New("a malformed key in the PEM file")
	}
	return public, checkPublicKey(public)
}

// checkPublicKey returns an error if a key is of no use here, or too weak.
func checkPublicKey(public any) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if size := k.N.BitLen(); size < minRSA || size > maxRSA {
			return fmt.Errorf("an RSA key of %d bits, which must be %d to %d", size, minRSA, maxRSA)
		}
	case *ecdsa.PublicKey:
	case ed25519.PublicKey:
		return checkEd25519Key(k)
	default:
		return errors.New("neither an RSA nor an ECDSA nor an Ed25519 key")
	}
	return nil
}

// checkEd25519Key refuses keys that some signatures are valid with for many
// messages, such as 32 zeros.
func checkEd25519Key(public ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return errors.New("not an Ed25519 key")
	}
	if point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("an Ed25519 key of small order, which is nobody's")
	}
	return nil
}
