package jwt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/pubkey"
)

const (
	// maxKeys bounds the work of a token that nobody signed. Rotation needs two
	// keys.
	maxKeys = 16
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
			keys[i].material, err = pubkey.Parse(text)
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
