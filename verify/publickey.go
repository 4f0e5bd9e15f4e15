package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify/pubkey"
)

// publicKey verifies signatures that were made with its private half.
type publicKey interface {
	// verify reports whether signature is one of content, whose SHA-256 is
	// digest.
	verify(content []byte, digest [sha256.Size]byte, signature []byte) bool
}

type ed25519Key ed25519.PublicKey

func (k ed25519Key) verify(content []byte, _ [sha256.Size]byte, signature []byte) bool {
	return ed25519.Verify(ed25519.PublicKey(k), content, signature)
}

type ecdsaKey ecdsa.PublicKey

func (k *ecdsaKey) verify(_ []byte, digest [sha256.Size]byte, signature []byte) bool {
	return ecdsa.VerifyASN1((*ecdsa.PublicKey)(k), digest[:], signature)
}

// newPublicKey returns the key that is written in b: 32 bytes of Ed25519, or a
// key as in certificates, in DER as base64 or in PEM.
func newPublicKey(a Algorithm, e KeyEncoding, b []byte) (publicKey, error) {
	if e != KeySPKI {
		if a != Ed25519 {
			return nil, errors.New("an ECDSA key is written as spki")
		}
		return newEd25519Key(b)
	}
	parsed, err := parseSPKI(string(b))
	if err != nil {
		return nil, err
	}
	switch key := parsed.(type) {
	case ed25519.PublicKey:
		if a == Ed25519 {
			return newEd25519Key(key)
		}
	case *ecdsa.PublicKey:
		if a == ECDSAP256 && key.Curve == elliptic.P256() {
			return (*ecdsaKey)(key), nil
		}
	}
	return nil, errors.New("the key is for another algorithm")
}

func parseSPKI(text string) (crypto.PublicKey, error) {
	if strings.Contains(text, "-----BEGIN") {
		return pubkey.Parse(text)
	}
	der, err := DecodeBase64(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	return pubkey.FromDER(der)
}

func newEd25519Key(b []byte) (publicKey, error) {
	key := ed25519.PublicKey(bytes.Clone(b))
	return ed25519Key(key), pubkey.Check(key)
}

// matchPublicKey returns the position, from 1, of the key that a signature is
// valid with, and what identifies the content. The signature itself would not
// do, since whoever has one can make another of it.
func (v *Signature) matchPublicKey(m *message, list *signatures) (found int, digest [sha256.Size]byte, err error) {
	var content bytes.Buffer
	if _, err := v.signed.writeTo(&content, nil, m); err != nil {
		return 0, digest, err
	}
	digest = sha256.Sum256(content.Bytes())
	for i, key := range v.publics {
		for j := range list.n {
			if key.verify(content.Bytes(), digest, bytes.Clone(list.bytes(j))) && found == 0 {
				found = i + 1
			}
		}
	}
	return found, digest, nil
}
