package jwt_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

func TestHashClaims(t *testing.T) {
	const (
		hello  = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
		nobody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	)
	for name, tt := range map[string]struct {
		unlessEmpty bool
		body, hash  string
		reason      verify.Reason
	}{
		"right":                  {false, "hello", `"` + hello + `"`, ""},
		"upper case":             {false, "hello", `"` + strings.ToUpper(hello) + `"`, ""},
		"wrong":                  {false, "hellO", `"` + hello + `"`, verify.ReasonDigest},
		"part of it":             {false, "hello", `"` + hello[:62] + `"`, verify.ReasonDigest},
		"no text":                {false, "hello", `7`, verify.ReasonMalformed},
		"no hash":                {false, "hello", `"?"`, verify.ReasonMalformed},
		"null":                   {false, "hello", `null`, verify.ReasonMissing},
		"empty body":             {false, "", `"` + nobody + `"`, ""},
		"empty body, none":       {false, "", `null`, verify.ReasonMissing},
		"optional, right":        {true, "hello", `"` + hello + `"`, ""},
		"optional, missing":      {true, "hello", `null`, verify.ReasonMissing},
		"optional, but there":    {true, "", `"` + nobody + `"`, verify.ReasonDigest},
		"optional, other body's": {true, "", `"` + hello + `"`, verify.ReasonDigest},
		"other encoding":         {false, "hello", `"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`, verify.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			v := newHS(t, func(c *jwt.Config) {
				c.BodyHash = &jwt.BodyHash{Hash: jwt.Hash{Claim: "h"}, UnlessEmpty: tt.unlessEmpty}
			}, "secret")
			r := bearer(hs256("secret", hsHeader, `{"exp":1700000060,"h":`+tt.hash+`}`))
			r.Body = []byte(tt.body)
			_, err := v.Verify(t.Context(), r, now)
			if tt.reason == "" {
				require.NoError(t, err)
				return
			}
			requireReason(t, tt.reason, "h", err)
		})
	}
	v := newHS(t, func(c *jwt.Config) { c.BodyHash = &jwt.BodyHash{Hash: jwt.Hash{Claim: "h"}, UnlessEmpty: true} }, "secret")
	r := bearer(hs256("secret", hsHeader, lasting))
	r.Body = nil
	_, err := v.Verify(t.Context(), r, now)
	require.NoError(t, err, "a message without a body has no hash of one")

	v = newHS(t, func(c *jwt.Config) { c.URLHash = &jwt.Hash{Claim: "u", Encoding: verify.Base64} }, "secret")
	_, err = v.Verify(t.Context(), bearer(hs256("secret", hsHeader, `{"exp":1700000060,"u":"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}`)), now)
	requireReason(t, verify.ReasonDigest, "u", err)
}

func TestSign(t *testing.T) {
	for name, change := range map[string]func(*jwt.Config){
		"plain": nil,
		"all": func(c *jwt.Config) {
			c.Header = "MessageBird-Signature-JWT"
			c.Algorithms = []jwt.Algorithm{"HS512", "HS256"}
			c.BodyHash = &jwt.BodyHash{Hash: jwt.Hash{Claim: "payload_hash"}, UnlessEmpty: true}
			c.URLHash = &jwt.Hash{Claim: "url_hash", Encoding: verify.Base64}
			c.Rules = token.Rules{
				Issuers: []string{"MessageBird", "x"}, Audiences: []string{"a"}, RequireID: true,
				Claims: []token.Claim{
					{Name: "scope", Values: []string{"a", "b"}}, {Name: "ok", Values: []string{"true"}}, {Name: "name", Values: []string{"n"}},
				},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newHS(t, change, "secret", "other")
			for _, body := range []string{"hello", ""} {
				r := bearer("")
				r.Header, r.Body = make(http.Header), []byte(body)
				require.NoError(t, v.Sign(r, now))
				identity, err := v.Verify(t.Context(), r, now)
				require.NoError(t, err)
				require.Equal(t, 1, identity.Key)
				require.NotEmpty(t, identity.ID)
			}
		})
	}
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"ES256"}}, keyPairs()["p256"].pem)
	require.NoError(t, err)
	require.ErrorContains(t, v.Sign(bearer(""), now), "shared secret")
}

// TestEveryBit changes each bit of a token and of what it is for. The case of
// "Bearer" is all that may change.
func TestEveryBit(t *testing.T) {
	v := newHS(t, func(c *jwt.Config) {
		c.Header = "X-Token"
		c.BodyHash = &jwt.BodyHash{Hash: jwt.Hash{Claim: "b"}}
		c.URLHash = &jwt.Hash{Claim: "u"}
	}, "secret")
	r := bearer("")
	require.NoError(t, v.Sign(r, now))
	text := r.Header.Get("X-Token")
	for i := range 8 * len(text) {
		changed := []byte(text)
		changed[i/8] ^= 1 << (i % 8)
		r.Header.Set("X-Token", string(changed))
		_, err := v.Verify(t.Context(), r, now)
		require.ErrorAs(t, err, new(*verify.Error), "bit %d", i)
	}
	r.Header.Set("X-Token", text)
	for i := range 8 * len(r.Body) {
		r.Body[i/8] ^= 1 << (i % 8)
		_, err := v.Verify(t.Context(), r, now)
		requireReason(t, verify.ReasonDigest, "b", err)
		r.Body[i/8] ^= 1 << (i % 8)
	}
	_, err := v.Verify(t.Context(), r, now)
	require.NoError(t, err)
	r.Target += "&"
	_, err = v.Verify(t.Context(), r, now)
	requireReason(t, verify.ReasonDigest, "u", err)
}
