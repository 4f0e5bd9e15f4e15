// Package pubkey reads the public keys of senders, and refuses those that prove
// nothing.
//
// The package imports nothing of this module.
package pubkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"filippo.io/edwards25519"
)

const (
	// minRSA is what RFC 7518, section 3.3, requires, in bits.
	minRSA = 2048
	// maxRSA bounds the time that a signature takes, in bits.
	maxRSA = 8192
)

// Block returns the one block of PEM that text has.
func Block(text string) (*pem.Block, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("not PEM")
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("something stands behind the first block of PEM")
	}
	return block, nil
}

// Parse returns the public key in PEM, or that of the certificate in it, whose
// validity does not matter: it is the operator who vouches for it. The key
// passes [Check].
func Parse(text string) (crypto.PublicKey, error) {
	block, err := Block(text)
	if err != nil {
		return nil, err
	}
	return FromBlock(block)
}

// FromBlock is Parse for a block of PEM.
func FromBlock(block *pem.Block) (crypto.PublicKey, error) {
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		return FromDER(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		return nil, errors.New("PEM that is neither a public key nor a certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("%s that can't be read", strings.ToLower(block.Type))
	}
	return public, Check(public)
}

// FromDER returns the public key in a SubjectPublicKeyInfo (RFC 5280, section
// 4.1.2.7). The key passes [Check].
func FromDER(der []byte) (crypto.PublicKey, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("public key that can't be read")
	}
	return public, Check(public)
}

// Check returns an error if a key is of no use here, or too weak.
func Check(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("an RSA key of %d bits; it must have %d to %d", bits, minRSA, maxRSA)
		}
	case *ecdsa.PublicKey:
	case ed25519.PublicKey:
		return checkEd25519(k)
	default:
		return errors.New("neither an RSA nor an ECDSA nor an Ed25519 key")
	}
	return nil
}

// checkEd25519 refuses keys that some signatures are valid with for many
// messages, such as 32 zeros.
func checkEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return errors.New("an Ed25519 key has 32 bytes")
	}
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return errors.New("not an Ed25519 key")
	}
	if point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("an Ed25519 key of small order, which is nobody's")
	}
	return nil
}
