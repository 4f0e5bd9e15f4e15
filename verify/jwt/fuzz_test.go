package jwt_test

import (
	"net/http"
	"strings"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f) {
		for _, h := range v.Headers {
			f.Add(strings.TrimPrefix(h[1], "Bearer "))
		}
	}
	verifier, err := jwt.New(jwt.Config{Header: "X-Token", Algorithms: []jwt.Algorithm{"HS256"}}, "secret that nobody has")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		r := bearer("")
		r.Header = http.Header{"X-Token": {text}}
		identity, err := verifier.Verify(t.Context(), r, now)
		require.ErrorAs(t, err, new(*verify.Error))
		require.Zero(t, identity)
	})
}

// FuzzClaims gives payloads a good signature, so that all of them are read.
func FuzzClaims(f *testing.F) {
	f.Add(lasting)
	f.Add(`{"exp":1e9,"aud":["a"],"scope":"a b","jti":"x","sub":null,"iat":-1}`)
	verifier, err := jwt.New(jwt.Config{
		Algorithms: []jwt.Algorithm{"HS256"},
		Rules:      token.Rules{ExpirationOptional: true, Audiences: []string{"a"}, Claims: []token.Claim{{Name: "scope", Values: []string{"b"}}}},
	}, "secret")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, payload string) {
		_, err := verifier.Verify(t.Context(), bearer(hs256("secret", hsHeader, payload)), now)
		if err != nil {
			require.ErrorAs(t, err, new(*verify.Error))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	pairs := keyPairs()
	payload := `{"iss":"https://idp.example.com","aud":"hooks","exp":1700000060,"iat":1700000000,"jti":"ad5b1b40","sub":"relay"}`
	rules := token.Rules{Issuers: []string{"https://idp.example.com"}, Audiences: []string{"hooks"}}
	for name, tt := range map[string]struct{ text, key string }{
		"HS256": {hs256("secret", hsHeader, payload), "secret"},
		"RS256": {raw(gojwt.SigningMethodRS256, pairs["rsa"].private, `{"alg":"RS256"}`, payload), pairs["rsa"].pem},
		"ES256": {raw(gojwt.SigningMethodES256, pairs["p256"].private, `{"alg":"ES256"}`, payload), pairs["p256"].pem},
		"EdDSA": {raw(gojwt.SigningMethodEdDSA, pairs["ed"].private, `{"alg":"EdDSA"}`, payload), pairs["ed"].pem},
	} {
		b.Run(name, func(b *testing.B) {
			v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{jwt.Algorithm(name)}, Rules: rules}, tt.key)
			require.NoError(b, err)
			r := bearer(tt.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
