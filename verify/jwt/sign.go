package jwt

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// signedFor is how long tokens are valid that [Verifier.Sign] makes.
const signedFor = time.Minute

// Sign implements [verify.Signer]. It signs with the first secret and the first
// algorithm, and claims what is required. There is no signing with public keys.
func (v *Verifier) Sign(r *verify.Request, now time.Time) error {
	keys, ok := v.keys.(staticKeys)
	if !ok || !v.algorithms[0].Symmetric() {
		return errors.New("only a token with a shared secret can be signed: of other keys just the public part is known")
	}
	t := gojwt.NewWithClaims(methods[v.algorithms[0]], v.claim(r, now))
	text, err := t.SignedString(keys[0].material)
	if err != nil {
		return fmt.Errorf("signing the token: %w", err)
	}
	if v.header == token.Authorization {
		text = "Bearer " + text
	}
	r.Header.Set(v.header, text)
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
