package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

var now = time.Unix(1700000000, 0)

// raw is a token that can be anything.
func raw(method gojwt.SigningMethod, key any, header, payload string) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload))
	signature, err := method.Sign(signed, key)
	if err != nil {
		panic(err)
	}
	return signed + "." + enc.EncodeToString(signature)
}

func hs256(secret, header, payload string) string {
	return raw(gojwt.SigningMethodHS256, []byte(secret), header, payload)
}

func bearer(text string) *verify.Request {
	return &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "example.com", Target: "/in?a=b",
		Header: http.Header{"Authorization": {"Bearer " + text}}, Body: []byte("hello"),
	}
}

func requireReason(t testing.TB, reason verify.Reason, field string, err error) {
	t.Helper()
	require.Equal(t, &verify.Error{Reason: reason, Field: field}, err)
}

const (
	hsHeader = `{"alg":"HS256"}`
	lasting  = `{"exp":1700000060}`
)

func newHS(t testing.TB, change func(*jwt.Config), secrets ...string) *jwt.Verifier {
	c := jwt.Config{Algorithms: []jwt.Algorithm{"HS256"}}
	if change != nil {
		change(&c)
	}
	v, err := jwt.New(c, secrets...)
	require.NoError(t, err)
	return v
}

func TestIdentity(t *testing.T) {
	v := newHS(t, nil, "old", "secret")
	text := hs256("secret", hsHeader, `{"exp":1700000060,"iat":1699999990,"jti":"id","sub":"relay","n":12345678901234567890}`)
	identity, err := v.Verify(t.Context(), bearer(text), now)
	require.NoError(t, err)
	require.Equal(t, "12345678901234567890", fmt.Sprint(identity.Claims["n"]), "as it was written")
	identity.Claims = nil
	require.Equal(t, verify.Identity{
		Scheme: "jwt", ID: "id", IDSigned: true, Key: 2, Subject: "relay", Timestamp: time.Unix(1699999990, 0),
		Expires: time.Unix(1700000060, 0),
	}, identity)
	require.True(t, identity.OfToken())

	// A token that says nothing of the message is no reason to take another
	// message with it for a repeat.
	identity, err = v.Verify(t.Context(), bearer(hs256("secret", hsHeader, lasting)), now)
	require.NoError(t, err)
	_, ok := identity.ReplayKey()
	require.False(t, ok)
	require.False(t, v.CoversBody())

	v = newHS(t, func(c *jwt.Config) {
		c.Scheme, c.BodyHash = "fusionauth", &jwt.BodyHash{Hash: jwt.Hash{Claim: "h"}}
	}, "secret")
	require.True(t, v.CoversBody())
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	identity, err = v.Verify(t.Context(), bearer(hs256("secret", hsHeader, `{"exp":1700000060,"h":"`+hash+`"}`)), now)
	require.NoError(t, err)
	require.Equal(t, "fusionauth", identity.Scheme)
	_, ok = identity.ReplayKey()
	require.True(t, ok)
}

func TestMalformedTokens(t *testing.T) {
	v := newHS(t, nil, "secret")
	good := hs256("secret", hsHeader, lasting)
	signature := good[strings.LastIndex(good, "."):]
	for text, reason := range map[string]verify.Reason{
		"":                                  verify.ReasonMalformed,
		".":                                 verify.ReasonMalformed,
		"..":                                verify.ReasonMalformed,
		"a.b.c":                             verify.ReasonMalformed,
		good + ".":                          verify.ReasonMalformed,
		good + "=":                          verify.ReasonMalformed,
		good + "\n":                         verify.ReasonMalformed,
		strings.TrimSuffix(good, signature): verify.ReasonMalformed,
		hs256("secret", `{"alg":"HS256"}{}`, lasting):                                      verify.ReasonMalformed,
		hs256("secret", `["alg","HS256"]`, lasting):                                        verify.ReasonMalformed,
		hs256("secret", `{"alg":"HS256","alg":"none"}`, lasting):                           verify.ReasonDuplicate,
		hs256("secret", `{}`, lasting):                                                     verify.ReasonAlgorithm,
		hs256("secret", `{"alg":"hs256"}`, lasting):                                        verify.ReasonAlgorithm,
		hs256("secret", hsHeader, `null`):                                                  verify.ReasonMalformed,
		hs256("secret", hsHeader, `[]`):                                                    verify.ReasonMalformed,
		hs256("secret", hsHeader, `{"exp":1,"exp":1700000060}`):                            verify.ReasonDuplicate,
		hs256("secret", hsHeader, `{"exp":1700000060,"a":[{"b":1,"b":2}]}`):                verify.ReasonDuplicate,
		hs256("secret", hsHeader, strings.Repeat(`{"a":`, 50)+"1"+strings.Repeat("}", 50)): verify.ReasonMalformed,
		hs256("secret", hsHeader, strings.Repeat(" ", 16<<10)+lasting):                     verify.ReasonMalformed,
	} {
		_, err := v.Verify(t.Context(), bearer(text), now)
		requireReason(t, reason, map[bool]string{true: "alg", false: "Authorization"}[reason == verify.ReasonAlgorithm], err)
	}
	for header, field := range map[string]string{
		`{"alg":7}`:                       "alg",
		`{"alg":"HS256","kid":7}`:         "kid",
		`{"alg":"HS256","kid":"a\u0000"}`: "kid",
		`{"alg":"HS256","kid":"` + strings.Repeat("k", 257) + `"}`: "kid",
	} {
		_, err := v.Verify(t.Context(), bearer(hs256("secret", header, lasting)), now)
		requireReason(t, verify.ReasonMalformed, field, err)
	}
	// The last character has two bits that are no part of the signature.
	_, err := v.Verify(t.Context(), bearer(good[:len(good)-1]+string(good[len(good)-1]+1)), now)
	requireReason(t, verify.ReasonMalformed, "Authorization", err)
}

func TestTokenPlace(t *testing.T) {
	text := hs256("secret", hsHeader, lasting)
	inHeader := newHS(t, func(c *jwt.Config) { c.Header = "x-token" }, "secret")
	inAuthorization := newHS(t, nil, "secret")
	for name, tt := range map[string]struct {
		verifier *jwt.Verifier
		header   http.Header
		reason   verify.Reason
	}{
		"bearer":          {inAuthorization, http.Header{"Authorization": {"Bearer " + text}}, ""},
		"any case":        {inAuthorization, http.Header{"Authorization": {"bEARER  " + text}}, ""},
		"none":            {inAuthorization, http.Header{"X-Token": {text}}, verify.ReasonMissing},
		"no scheme":       {inAuthorization, http.Header{"Authorization": {text}}, verify.ReasonMalformed},
		"other scheme":    {inAuthorization, http.Header{"Authorization": {"Basic " + text}}, verify.ReasonMalformed},
		"no token":        {inAuthorization, http.Header{"Authorization": {"Bearer "}}, verify.ReasonMalformed},
		"two":             {inAuthorization, http.Header{"Authorization": {"Bearer " + text, "Bearer " + text}}, verify.ReasonDuplicate},
		"two in one":      {inAuthorization, http.Header{"Authorization": {"Bearer " + text + ", Bearer " + text}}, verify.ReasonMalformed},
		"header":          {inHeader, http.Header{"X-Token": {text}}, ""},
		"header, missing": {inHeader, http.Header{"Authorization": {"Bearer " + text}}, verify.ReasonMissing},
		"header, two":     {inHeader, http.Header{"X-Token": {text, text}}, verify.ReasonDuplicate},
		"header, scheme":  {inHeader, http.Header{"X-Token": {"Bearer " + text}}, verify.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r := bearer("")
			r.Header = tt.header
			_, err := tt.verifier.Verify(t.Context(), r, now)
			if tt.reason == "" {
				require.NoError(t, err)
				return
			}
			var rejection *verify.Error
			require.ErrorAs(t, err, &rejection)
			require.Equal(t, tt.reason, rejection.Reason)
		})
	}
}

// pair is a key pair with the PEM file of its public key.
type pair struct {
	private crypto.Signer
	pem     string
}

func pemFile(name string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func publicPEM(public any) string {
	return pemFile("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(public)))
}

func newPairs() map[string]pair {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	pairs := make(map[string]pair)
	for name, private := range map[string]crypto.Signer{
		"rsa":  must(rsa.GenerateKey(rand.Reader, 2048)),
		"p256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"p384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ed":   must(ed, err),
	} {
		pairs[name] = pair{private, publicPEM(private.Public())}
	}
	return pairs
}

func TestPublicKeys(t *testing.T) {
	pairs := keyPairs()
	for algorithm, name := range map[jwt.Algorithm]string{
		"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
		"ES256": "p256", "ES384": "p384", "EdDSA": "ed",
	} {
		t.Run(string(algorithm), func(t *testing.T) {
			c := jwt.Config{Algorithms: []jwt.Algorithm{algorithm}}
			v, err := jwt.New(c, pairs[name].pem)
			require.NoError(t, err)
			method := gojwt.GetSigningMethod(string(algorithm))
			text := raw(method, pairs[name].private, fmt.Sprintf(`{"alg":%q}`, algorithm), lasting)
			identity, err := v.Verify(t.Context(), bearer(text), now)
			require.NoError(t, err)
			require.Equal(t, 1, identity.Key)
			for other := range pairs {
				if other != name && other != "other" {
					_, err := jwt.New(c, pairs[other].pem)
					require.ErrorContains(t, err, "none of the algorithms")
				}
			}
			// The same key, but as a shared secret, with every spelling of it.
			for _, secret := range []string{pairs[name].pem, strings.TrimSpace(pairs[name].pem)} {
				_, err = v.Verify(t.Context(), bearer(hs256(secret, hsHeader, lasting)), now)
				requireReason(t, verify.ReasonAlgorithm, "alg", err)
				forged := hs256(secret, fmt.Sprintf(`{"alg":%q}`, algorithm), lasting)
				_, err = v.Verify(t.Context(), bearer(forged), now)
				requireReason(t, verify.ReasonMismatch, "", err)
			}
		})
	}
	// A key for another algorithm in the list is not tried.
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"ES256", "ES384"}}, pairs["p384"].pem)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), bearer(raw(gojwt.SigningMethodES256, pairs["p256"].private, `{"alg":"ES256"}`, lasting)), now)
	requireReason(t, verify.ReasonKey, "kid", err)
}

func certificate(t testing.TB) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return pemFile("CERTIFICATE", der)
}

func TestConfig(t *testing.T) {
	pairs := keyPairs()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(pairs["p256"].private)
	require.NoError(t, err)
	set, err := jwt.ParseKeySet([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	hs, es := []jwt.Algorithm{"HS256"}, []jwt.Algorithm{"ES256"}
	for name, tt := range map[string]struct {
		config  jwt.Config
		keys    []string
		message string
	}{
		"no algorithms":     {jwt.Config{}, []string{"sEcReT"}, "no algorithms"},
		"none":              {jwt.Config{Algorithms: []jwt.Algorithm{"none"}}, []string{"sEcReT"}, "not one of"},
		"mixed":             {jwt.Config{Algorithms: []jwt.Algorithm{"RS256", "HS256"}}, []string{pairs["rsa"].pem}, "exclude each other"},
		"no secret":         {jwt.Config{Algorithms: hs}, nil, "no secret"},
		"empty secret":      {jwt.Config{Algorithms: hs}, []string{"sEcReT", ""}, "key 2: empty"},
		"empty base64":      {jwt.Config{Algorithms: hs, KeyEncoding: verify.KeyBase64}, []string{""}, "empty"},
		"bad base64":        {jwt.Config{Algorithms: hs, KeyEncoding: verify.KeyBase64}, []string{"sEcReT!"}, "base64"},
		"bad hex":           {jwt.Config{Algorithms: hs, KeyEncoding: verify.KeyHex}, []string{"sEcReT"}, "hexadecimal"},
		"unknown encoding":  {jwt.Config{Algorithms: hs, KeyEncoding: "rot13"}, []string{"sEcReT"}, "rot13"},
		"public key for HS": {jwt.Config{Algorithms: hs}, []string{pairs["rsa"].pem}, "no shared secret"},
		"too many":          {jwt.Config{Algorithms: hs}, make([]string, 17), "at most 16"},
		"text for ES":       {jwt.Config{Algorithms: es}, []string{"sEcReT"}, "not PEM"},
		"private key":       {jwt.Config{Algorithms: es}, []string{pemFile("PRIVATE KEY", private)}, "neither a public key"},
		"garbage":           {jwt.Config{Algorithms: es}, []string{pemFile("PUBLIC KEY", []byte("sEcReT"))}, "can't be read"},
		"two in one file":   {jwt.Config{Algorithms: es}, []string{pairs["p256"].pem + pairs["p256"].pem}, "behind the first block"},
		"weak key": {
			jwt.Config{Algorithms: []jwt.Algorithm{"RS256"}},
			[]string{pemFile("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&weak.PublicKey))},
			"1024 bits",
		},
		"zero key": {
			jwt.Config{Algorithms: []jwt.Algorithm{"EdDSA"}},
			[]string{publicPEM(ed25519.PublicKey(make([]byte, 32)))},
			"small order",
		},
		"set and key":     {jwt.Config{Algorithms: es, Keys: set}, []string{pairs["p256"].pem}, "exclude each other"},
		"header":          {jwt.Config{Algorithms: hs, Header: "a b"}, []string{"sEcReT"}, "not a header name"},
		"leeway":          {jwt.Config{Algorithms: hs, Rules: token.Rules{Leeway: -1}}, []string{"sEcReT"}, "negative leeway"},
		"body hash":       {jwt.Config{Algorithms: hs, BodyHash: &jwt.BodyHash{}}, []string{"sEcReT"}, "no name"},
		"url hash":        {jwt.Config{Algorithms: hs, URLHash: &jwt.Hash{Claim: "h", Encoding: "rot13"}}, []string{"sEcReT"}, "rot13"},
		"certificate":     {jwt.Config{Algorithms: es}, []string{certificate(t)}, ""},
		"secret of bytes": {jwt.Config{Algorithms: hs, KeyEncoding: verify.KeyHex}, []string{"00ff"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jwt.New(tt.config, tt.keys...)
			if tt.message == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.message)
			require.NotContains(t, err.Error(), "sEcReT")
		})
	}
}
