package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"

	"github.com/caddy-relay/caddy-relay/verify"
)

// errKeyType is the error of a key that the algorithm has no use for.
var errKeyType = errors.New("the key is for another algorithm")

// hmacKey is hmac-sha256 (RFC 9421, section 3.3.3).
type hmacKey []byte

func newHMAC(value string) (primitive, error) {
	secret, err := verify.DecodeBase64(value)
	if err != nil {
		return nil, err
	}
	if len(secret) == 0 {
		return nil, errors.New("empty: anybody could sign with it")
	}
	return hmacKey(secret), nil
}

func (k hmacKey) sum(base []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write(base)
	return mac.Sum(nil)
}

func (k hmacKey) verify(base, signature []byte) bool { return hmac.Equal(k.sum(base), signature) }

func (k hmacKey) sign(base []byte) ([]byte, error) { return k.sum(base), nil }

// rsaKey is rsa-pss-sha512 or rsa-v1_5-sha256 (RFC 9421, sections 3.3.1 and
// 3.3.2).
type rsaKey struct {
	pss     bool
	public  *rsa.PublicKey
	private *rsa.PrivateKey // or nil
}

// The salt of rsa-pss-sha512 has 64 bytes. When verifying, other lengths are as
// good, and libraries for Node.js that forget to set it use the longest.
var (
	pssSign   = &rsa.PSSOptions{SaltLength: sha512.Size}
	pssVerify = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}
)

func newRSA(a Algorithm, public crypto.PublicKey, private crypto.Signer) (primitive, error) {
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, errKeyType
	}
	k := &rsaKey{pss: a == RSAPSSSHA512, public: key}
	k.private, _ = private.(*rsa.PrivateKey)
	return k, nil
}

func (k *rsaKey) verify(base, signature []byte) bool {
	if k.pss {
		digest := sha512.Sum512(base)
		return rsa.VerifyPSS(k.public, crypto.SHA512, digest[:], signature, pssVerify) == nil
	}
	digest := sha256.Sum256(base)
	return rsa.VerifyPKCS1v15(k.public, crypto.SHA256, digest[:], signature) == nil
}

func (k *rsaKey) sign(base []byte) ([]byte, error) {
	if k.private == nil {
		return nil, errPublic
	}
	if k.pss {
		digest := sha512.Sum512(base)
		return rsa.SignPSS(rand.Reader, k.private, crypto.SHA512, digest[:], pssSign)
	}
	digest := sha256.Sum256(base)
	return rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest[:])
}

// ecdsaKey is ecdsa-p256-sha256 or ecdsa-p384-sha384 (RFC 9421, sections 3.3.4
// and 3.3.5). A signature is the two numbers, each in the size of the curve.
type ecdsaKey struct {
	digest  func([]byte) []byte
	size    int // of a number, in bytes
	public  *ecdsa.PublicKey
	private *ecdsa.PrivateKey // or nil
}

func newECDSA(a Algorithm, public crypto.PublicKey, private crypto.Signer) (primitive, error) {
	k := &ecdsaKey{digest: sum256, size: 32}
	curve := elliptic.P256()
	if a == ECDSAP384SHA384 {
		k.digest, k.size = sum384, 48
		curve = elliptic.P384()
	}
	var ok bool
	if k.public, ok = public.(*ecdsa.PublicKey); !ok || k.public.Curve != curve {
		return nil, errKeyType
	}
	k.private, _ = private.(*ecdsa.PrivateKey)
	return k, nil
}

func sum256(b []byte) []byte {
	digest := sha256.Sum256(b)
	return digest[:]
}

func sum384(b []byte) []byte {
	digest := sha512.Sum384(b)
	return digest[:]
}

func (k *ecdsaKey) verify(base, signature []byte) bool {
	if len(signature) != 2*k.size {
		return false
	}
	r := new(big.Int).SetBytes(signature[:k.size])
	s := new(big.Int).SetBytes(signature[k.size:])
	return ecdsa.Verify(k.public, k.digest(base), r, s)
}

func (k *ecdsaKey) sign(base []byte) ([]byte, error) {
	if k.private == nil {
		return nil, errPublic
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.private, k.digest(base))
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 2*k.size)
	r.FillBytes(signature[:k.size])
	s.FillBytes(signature[k.size:])
	return signature, nil
}

// ed25519Key is ed25519 (RFC 9421, section 3.3.6).
type ed25519Key struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey // or nil
}

func newEd25519(public crypto.PublicKey, private crypto.Signer) (primitive, error) {
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return nil, errKeyType
	}
	k := &ed25519Key{public: key}
	k.private, _ = private.(ed25519.PrivateKey)
	return k, nil
}

func (k *ed25519Key) verify(base, signature []byte) bool {
	return ed25519.Verify(k.public, base, signature)
}

func (k *ed25519Key) sign(base []byte) ([]byte, error) {
	if k.private == nil {
		return nil, errPublic
	}
	return ed25519.Sign(k.private, base), nil
}

var (
	_ primitive = hmacKey(nil)
	_ primitive = (*rsaKey)(nil)
	_ primitive = (*ecdsaKey)(nil)
	_ primitive = (*ed25519Key)(nil)
)
