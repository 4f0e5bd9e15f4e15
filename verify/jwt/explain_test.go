package jwt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
)

func TestExplain(t *testing.T) {
	strict := func(c *jwt.Config) {
		c.Rules.Issuers, c.Rules.Audiences = []string{"us"}, []string{"api", "hooks"}
		c.BodyHash = &jwt.BodyHash{Hash: jwt.Hash{Claim: "hash"}}
	}
	base64 := func(c *jwt.Config) { c.KeyEncoding = verify.KeyBase64 }
	for name, tt := range map[string]struct {
		change  func(*jwt.Config)
		secret  string
		token   string
		cause   verify.Cause
		mention string
	}{
		"expired":           {nil, "s", hs256("s", hsHeader, `{"exp":1699999588}`), "token_expired", "expired 412 s ago: its claim exp is 1699999588"},
		"not yet":           {nil, "s", hs256("s", hsHeader, `{"exp":1700000060,"nbf":1700000030}`), verify.CauseAhead, "nbf is 1700000030, which is 30 s ahead"},
		"issuer":            {strict, "s", hs256("s", hsHeader, `{"exp":1700000060,"iss":"them"}`), "token_issuer", `iss is "them", and one of ["us"] is required`},
		"no issuer":         {strict, "s", hs256("s", hsHeader, lasting), "token_issuer", "iss is not there"},
		"audience":          {strict, "s", hs256("s", hsHeader, `{"exp":1700000060,"iss":"us","aud":["a","b"]}`), "token_audience", `aud is ["a","b"], and one of ["api","hooks"] is required`},
		"algorithm":         {nil, "s", hs256("s", `{"alg":"RS256"}`, lasting), "token_algorithm", "algorithm RS256, and only HS256 may be used"},
		"none":              {nil, "s", hs256("s", `{"alg":"none"}`, lasting), "token_algorithm", "algorithm none"},
		"unknown algorithm": {nil, "s", hs256("s", `{"alg":"sEcReT"}`, lasting), verify.Cause(verify.ReasonAlgorithm), "alg"},
		"base64 as text":    {nil, "c2VjcmV0LWtleQ==", hs256("secret-key", hsHeader, lasting), verify.CauseSecretBase64, "base64"},
		"text as base64":    {base64, "c2VjcmV0LWtleQ==", hs256("c2VjcmV0LWtleQ==", hsHeader, lasting), verify.CauseSecretText, "text"},
		"another secret":    {nil, "s", hs256("other", hsHeader, lasting), verify.CauseSecret, "another one"},
		"body": {
			strict, "s",
			hs256("s", hsHeader, `{"exp":1700000060,"iss":"us","aud":"api","hash":"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}`),
			verify.CauseBodyEnd, "with a line break",
		},
		"malformed": {nil, "s", "a.b.c", verify.Cause(verify.ReasonMalformed), "Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newHS(t, tt.change, tt.secret)
			r := bearer(tt.token)
			_, err := v.Verify(t.Context(), r, now)
			require.Error(t, err)
			hint, ok := verify.Explain(t.Context(), v, r, now, err)
			require.True(t, ok)
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, tt.mention)
			require.NotContains(t, hint.Sentence, "sEcReT")
			require.NotContains(t, hint.Sentence, tt.token)
		})
	}
}

// TestExplainLongClaim shows no more of a claim than a human reads.
func TestExplainLongClaim(t *testing.T) {
	v := newHS(t, func(c *jwt.Config) { c.Rules.Issuers = []string{"us"} }, "s")
	r := bearer(hs256("s", hsHeader, fmt.Sprintf(`{"exp":1700000060,"iss":%q}`, strings.Repeat("x", 2000))))
	_, err := v.Verify(t.Context(), r, now)
	hint, ok := verify.Explain(t.Context(), v, r, now, err)
	require.True(t, ok)
	require.Less(t, len(hint.Sentence), 400)
}

func TestSignWith(t *testing.T) {
	pairs := keyPairs()
	for name, p := range pairs {
		c := jwt.Config{Algorithms: []jwt.Algorithm{"PS512", "ES256", "ES384", "EdDSA"}}
		v, err := jwt.New(c, p.pem)
		require.NoError(t, err)
		r := &verify.Request{}
		require.ErrorContains(t, v.Sign(r, now), "the private key is needed")
		require.NoError(t, v.SignWith(p.private, r, now), name)
		_, err = v.Verify(t.Context(), r, now)
		require.NoError(t, err, name)
	}
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"ES384"}}, pairs["p384"].pem)
	require.NoError(t, err)
	require.ErrorContains(t, v.SignWith(pairs["p256"].private, &verify.Request{}, now), "none of the algorithms")
}
