package jwt

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// signedFor is how long tokens are valid that [Verifier.Sign] makes.
const signedFor = time.Minute

// Sign implements [verify.Signer]. It signs with the first secret and the first
// algorithm, and claims what is required. For public keys there is
// [Verifier.SignWith].
func (v *Verifier) Sign(r *verify.Request, now time.Time) error {
	keys, ok := v.keys.(staticKeys)
	if !ok || !v.algorithms[0].Symmetric() {
		return errors.New("only a shared secret can sign; for a public key the private key is needed")
	}
	return v.sign(keys[0].material, v.algorithms[0], r, now)
}

// SignWith does what Sign does with the private half of a key, and the first
// algorithm that is for such keys. The token does not name the key.
func (v *Verifier) SignWith(key crypto.Signer, r *verify.Request, now time.Time) error {
	for _, a := range v.algorithms {
		if a.fits(key.Public()) {
			return v.sign(key, a, r, now)
		}
	}
	return errors.New("none of the algorithms is for this kind of private key")
}

func (v *Verifier) sign(material any, a Algorithm, r *verify.Request, now time.Time) error {
	text, err := gojwt.NewWithClaims(methods[a], v.claim(r, now)).SignedString(material)
	if err != nil {
		return fmt.Errorf("signing the token: %w", err)
	}
	if v.header == token.Authorization {
		text = "Bearer " + text
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.SetHeader(v.header, text)
	return nil
}

// claim returns claims that v accepts for r.
func (v *Verifier) claim(r *verify.Request, now time.Time) gojwt.MapClaims {
	claims := gojwt.MapClaims{
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(signedFor).Unix(),
		"jti": rand.Text(),
	}
	if len(v.rules.Issuers) > 0 {
		claims["iss"] = v.rules.Issuers[0]
	}
	if len(v.rules.Audiences) > 0 {
		claims["aud"] = v.rules.Audiences[0]
	}
	for _, c := range v.rules.Claims {
		claims[c.Name] = c.Example()
	}
	if v.urlHash != nil {
		claims[v.urlHash.Claim] = v.urlHash.encode([]byte(r.URL()))
	}
	if h := v.bodyHash; h != nil && (len(r.Body) > 0 || !h.UnlessEmpty) {
		claims[h.Claim] = h.encode(r.Body)
	}
	return claims
}

func (h *Hash) encode(content []byte) string {
	sum := sha256.Sum256(content)
	if h.Encoding == verify.Base64 {
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

var _ verify.Signer = (*Verifier)(nil)
