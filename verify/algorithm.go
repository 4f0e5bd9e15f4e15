package verify

import (
	"crypto/ed25519"
	"crypto/md5"  //nolint:gosec // Some providers sign with HMAC-MD5, which is not broken.
	"crypto/sha1" //nolint:gosec // The same goes for HMAC-SHA-1.
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// Algorithm is how signatures are made.
type Algorithm string

// The algorithms. Those that are named like a hash function are the HMAC
// (RFC 2104) with it.
const (
	MD5    Algorithm = "md5"    // only for senders that know nothing better
	SHA1   Algorithm = "sha1"   // likewise
	SHA256 Algorithm = "sha256" // the default
	SHA512 Algorithm = "sha512"
	// PlainSHA256 is the hash of content that has the secret somewhere,
	// which is weaker than an HMAC.
	PlainSHA256 Algorithm = "sha256-prefix"
	// Ed25519 is the signature of RFC 8032. The secrets are public keys.
	Ed25519 Algorithm = "ed25519"
	// ECDSAP256 is ECDSA with the curve P-256 and SHA-256, in DER. The
	// secrets are public keys.
	ECDSAP256 Algorithm = "ecdsa-p256"
)

// Validate returns an error if there is no such algorithm.
func (a Algorithm) Validate() error {
	return oneOf(a, MD5, SHA1, SHA256, SHA512, PlainSHA256, Ed25519, ECDSAP256)
}

// Symmetric reports whether those who can verify a signature can also make it.
func (a Algorithm) Symmetric() bool { return a != Ed25519 && a != ECDSAP256 }

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case MD5:
		return md5.New
	case SHA1:
		return sha1.New
	case SHA512:
		return sha512.New
	default:
		return sha256.New
	}
}

// size returns the length of a signature in bytes, or 0 if that varies.
func (a Algorithm) size() int {
	switch a {
	case Ed25519:
		return ed25519.SignatureSize
	case ECDSAP256:
		return 0
	default:
		return a.hash()().Size()
	}
}
