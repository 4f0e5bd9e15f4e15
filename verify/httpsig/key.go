package httpsig

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify/pubkey"
)

// Algorithm is how signatures are made (RFC 9421, section 3.3).
type Algorithm string

// The algorithms, as they are registered.
const (
	RSAPSSSHA512    Algorithm = "rsa-pss-sha512"
	RSAV15SHA256    Algorithm = "rsa-v1_5-sha256"
	HMACSHA256      Algorithm = "hmac-sha256"
	ECDSAP256SHA256 Algorithm = "ecdsa-p256-sha256"
	ECDSAP384SHA384 Algorithm = "ecdsa-p384-sha384"
	Ed25519         Algorithm = "ed25519"
)

var algorithms = []Algorithm{RSAPSSSHA512, RSAV15SHA256, HMACSHA256, ECDSAP256SHA256, ECDSAP384SHA384, Ed25519}

// Validate returns an error if there is no such algorithm. It does not show a,
// in whose place a key may stand by mistake.
func (a Algorithm) Validate() error {
	if slices.Contains(algorithms, a) {
		return nil
	}
	names := make([]string, len(algorithms))
	for i, known := range algorithms {
		names[i] = string(known)
	}
	return fmt.Errorf("the algorithm is not one of %s", strings.Join(names, ", "))
}

// Key is a key with its name and the only algorithm that it is used with.
type Key struct {
	// ID is the name that senders give in the parameter "keyid".
	ID string
	// Algorithm is what the key signs with, whatever a signature says.
	Algorithm Algorithm
	// Value is the secret in base64 for HMACSHA256. For the others it is the
	// public key in PEM, as such or in a certificate, of which nothing but the
	// key is looked at; or the private key, with which the verifier can also
	// sign.
	Value string
}

// key is a key that is ready for use.
type key struct {
	id        string
	algorithm Algorithm
	primitive
}

// primitive is a signature algorithm with a key (RFC 9421, section 3.3).
type primitive interface {
	verify(base, signature []byte) bool
	// sign fails if only the public key is known.
	sign(base []byte) ([]byte, error)
}

// errPublic is the error of signing with a public key.
var errPublic = errors.New("a public key can't sign; the private key is needed")

// compile returns the key. No error has any part of its value.
func (k Key) compile() (*key, error) {
	compiled := &key{id: k.ID, algorithm: k.Algorithm}
	var err error
	if k.Algorithm == HMACSHA256 {
		compiled.primitive, err = newHMAC(k.Value)
		return compiled, err
	}
	public, private, err := parsePEM(k.Value)
	if err != nil {
		return nil, err
	}
	switch k.Algorithm {
	case RSAPSSSHA512, RSAV15SHA256:
		compiled.primitive, err = newRSA(k.Algorithm, public, private)
	case ECDSAP256SHA256, ECDSAP384SHA384:
		compiled.primitive, err = newECDSA(k.Algorithm, public, private)
	default:
		compiled.primitive, err = newEd25519(public, private)
	}
	return compiled, err
}

// parsePEM returns the public key that is in the one block of text, and the
// private one if it is there.
func parsePEM(text string) (crypto.PublicKey, crypto.Signer, error) {
	block, err := pubkey.Block(text)
	if err != nil {
		return nil, nil, err
	}
	var parsed any
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		public, err := pubkey.FromBlock(block)
		return public, nil, err
	}
	private, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, nil, fmt.Errorf("%s that can't be read", strings.ToLower(block.Type))
	}
	return private.Public(), private, pubkey.Check(private.Public())
}
