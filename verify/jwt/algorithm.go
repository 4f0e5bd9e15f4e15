package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"

	gojwt "github.com/golang-jwt/jwt/v5"
)

// Algorithm is how a token is signed, by its name in RFC 7518, section 3.1, and
// RFC 8037.
type Algorithm string

// methods has all algorithms there are here. "none" is not among them.
var methods = map[Algorithm]gojwt.SigningMethod{
	"HS256": gojwt.SigningMethodHS256,
	"HS384": gojwt.SigningMethodHS384,
	"HS512": gojwt.SigningMethodHS512,
	"RS256": gojwt.SigningMethodRS256,
	"RS384": gojwt.SigningMethodRS384,
	"RS512": gojwt.SigningMethodRS512,
	"PS256": gojwt.SigningMethodPS256,
	"PS384": gojwt.SigningMethodPS384,
	"PS512": gojwt.SigningMethodPS512,
	"ES256": gojwt.SigningMethodES256,
	"ES384": gojwt.SigningMethodES384,
	"ES512": gojwt.SigningMethodES512,
	"EdDSA": gojwt.SigningMethodEdDSA,
}

// Validate returns an error if there is no such algorithm.
func (a Algorithm) Validate() error {
	if _, ok := methods[a]; !ok {
		return fmt.Errorf("%q is not one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA", string(a))
	}
	return nil
}

// Symmetric reports whether whoever can verify can also sign.
func (a Algorithm) Symmetric() bool { return strings.HasPrefix(string(a), "HS") }

// fits reports whether a key is of the one kind that the algorithm is for. If
// the token alone decided what a key is used for, a public key could be taken
// for a shared secret.
func (a Algorithm) fits(key any) bool {
	switch method := methods[a].(type) {
	case *gojwt.SigningMethodHMAC:
		_, ok := key.([]byte)
		return ok
	case *gojwt.SigningMethodRSA, *gojwt.SigningMethodRSAPSS:
		_, ok := key.(*rsa.PublicKey)
		return ok
	case *gojwt.SigningMethodECDSA:
		// The library accepts a key on another curve.
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve.Params().BitSize == method.CurveBits
	case *gojwt.SigningMethodEd25519:
		_, ok := key.(ed25519.PublicKey)
		return ok
	default:
		return false
	}
}
