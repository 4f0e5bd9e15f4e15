package jwt_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
	"github.com/caddy-relay/caddy-relay/verify/verifytest"
)

// vector is a request with the verdict it must get. "source" and "why" in the
// file tell where it is from.
type vector struct {
	ID      string      `json:"id"`
	Secret  string      `json:"secret"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Now     int64       `json:"now"`
	Expect  string      `json:"expect"`
	Why     string      `json:"why"`
	Config  struct {
		Algorithms []jwt.Algorithm `json:"algs"`
		Token      string          `json:"token"`
		JWKS       json.RawMessage `json:"jwks"`
		Leeway     int             `json:"leeway"`
		Issuer     string          `json:"iss"`
		Audience   string          `json:"aud"`
		Claims     map[string]any  `json:"claims"`
		RequireExp *bool           `json:"require_exp"`
		BodyHash   *jwt.BodyHash   `json:"body_hash_claim"`
		URLHash    *jwt.Hash       `json:"url_hash_claim"`
	} `json:"config"`
}

func (v *vector) verifier(t testing.TB) (*jwt.Verifier, error) {
	c := jwt.Config{
		Algorithms: v.Config.Algorithms,
		BodyHash:   v.Config.BodyHash,
		URLHash:    v.Config.URLHash,
		Rules: token.Rules{
			Leeway:             time.Duration(v.Config.Leeway) * time.Second,
			ExpirationOptional: v.Config.RequireExp != nil && !*v.Config.RequireExp,
		},
	}
	if name, ok := strings.CutPrefix(v.Config.Token, "header:"); ok {
		c.Header = name
	}
	if v.Config.Issuer != "" {
		c.Rules.Issuers = []string{v.Config.Issuer}
	}
	if v.Config.Audience != "" {
		c.Rules.Audiences = []string{v.Config.Audience}
	}
	for name, value := range v.Config.Claims {
		c.Rules.Claims = append(c.Rules.Claims, token.Claim{Name: name, Values: []string{fmt.Sprint(value)}})
	}
	if v.Config.JWKS == nil {
		return jwt.New(c, v.Secret)
	}
	set, err := jwt.ParseKeySet(v.Config.JWKS)
	require.NoError(t, err)
	c.Keys = set
	return jwt.New(c)
}

func (v *vector) request(t testing.TB) *verify.Request {
	u, err := url.Parse(v.URL)
	require.NoError(t, err)
	r := &verify.Request{
		Method: v.Method, Scheme: u.Scheme, Host: u.Host, Target: u.RequestURI(), Header: make(http.Header), Body: []byte(v.Body),
	}
	for _, h := range v.Headers {
		r.Header.Add(h[0], h[1])
	}
	return r
}

func vectors(t testing.TB) (vectors []vector) {
	verifytest.Vectors(t, "../testdata/verify.json", &vectors, "jwt", "jwt-jwks")
	return vectors
}

// reasons has the reasons of vectors that are not refused for their signature.
var reasons = map[string]verify.Reason{
	"jwt/vonage-not-a-jwt":                  verify.ReasonMalformed,
	"jwt/vonage-payload-tampered":           verify.ReasonDigest,
	"jwt/vonage-payload-hash-missing":       verify.ReasonMissing,
	"jwt/vonage-expired":                    verify.ReasonExpired,
	"jwt/vonage-alg-none":                   verify.ReasonAlgorithm,
	"jwt/vonage-alg-None-case":              verify.ReasonAlgorithm,
	"jwt/vonage-hs512-not-allowed":          verify.ReasonAlgorithm,
	"jwt/vonage-wrong-iss":                  verify.ReasonClaim,
	"jwt/vonage-two-parts":                  verify.ReasonMalformed,
	"jwt/vonage-many-dots":                  verify.ReasonMalformed,
	"jwt/fusionauth-tampered":               verify.ReasonDigest,
	"jwt-jwks/pubsub-hs256-allowed-too":     verify.ReasonKey,
	"jwt-jwks/pubsub-hs256-with-n-bytes":    verify.ReasonKey,
	"jwt-jwks/rfc7515-a2-expired":           verify.ReasonExpired,
	"jwt-jwks/rfc7515-a1-not-in-allowlist":  verify.ReasonAlgorithm,
	"jwt-jwks/rfc7519-unsecured":            verify.ReasonAlgorithm,
	"jwt-jwks/pubsub-wrong-aud":             verify.ReasonClaim,
	"jwt-jwks/pubsub-email-unverified":      verify.ReasonClaim,
	"jwt-jwks/pubsub-other-sa":              verify.ReasonClaim,
	"jwt-jwks/pubsub-expired":               verify.ReasonExpired,
	"jwt-jwks/pubsub-exp-missing":           verify.ReasonMissing,
	"jwt-jwks/pubsub-exp-string":            verify.ReasonMalformed,
	"jwt-jwks/pubsub-kid-unknown":           verify.ReasonKey,
	"jwt-jwks/pubsub-kid-path":              verify.ReasonKey,
	"jwt-jwks/pubsub-hs256-with-public-pem": verify.ReasonAlgorithm,
	"jwt-jwks/pubsub-none":                  verify.ReasonAlgorithm,
	"jwt-jwks/pubsub-embedded-jwk":          verify.ReasonKey,
	"jwt-jwks/pubsub-jku":                   verify.ReasonKey,
	"jwt-jwks/pubsub-crit":                  verify.ReasonAlgorithm,
	"jwt-jwks/pubsub-nbf-future":            verify.ReasonFuture,
	"jwt-jwks/pubsub-alg-vs-jwk-alg":        verify.ReasonKey,
	"jwt-jwks/pubsub-payload-not-json":      verify.ReasonMalformed,
	"jwt-jwks/pubsub-padding":               verify.ReasonMalformed,
	"jwt-jwks/rfc8037-eddsa-raw":            verify.ReasonMalformed,
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			verifier, err := v.verifier(t)
			require.NoError(t, err)
			identity, err := verifier.Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
			if v.Expect == "valid" {
				require.NoError(t, err, v.Why)
				require.Equal(t, "jwt", identity.Scheme)
				require.Positive(t, identity.Key)
				require.NotEmpty(t, identity.Claims)
				return
			}
			var rejection *verify.Error
			require.ErrorAs(t, err, &rejection, v.Why)
			require.Equal(t, cmp.Or(reasons[v.ID], verify.ReasonMismatch), rejection.Reason)
			require.Zero(t, identity)
		})
	}
}
