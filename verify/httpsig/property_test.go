package httpsig_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

func decodeSignature(t testing.TB, r *verify.Request) []byte {
	text := strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Signature"), "sig1=:"), ":")
	b, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

func setSignature(r *verify.Request, b []byte) {
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(b)+":")
}

// TestBitFlips changes every single bit of everything that is covered, and of
// the fields of the signature, and expects each request to be refused.
func TestBitFlips(t *testing.T) {
	key := httpsig.Key{ID: "k", Algorithm: httpsig.HMACSHA256, Value: secret}
	ed25519 := httpsig.Key{ID: "k", Algorithm: httpsig.Ed25519, Value: keyPairs()[httpsig.Ed25519].private}
	for _, config := range []httpsig.Config{
		{Keys: []httpsig.Key{key}},
		{Keys: []httpsig.Key{ed25519}},
		{Keys: []httpsig.Key{key}, Components: []string{"@method", "@scheme", "@authority", "@path", "@query", "x-a", "x-b;bs", "content-digest"}},
		{Keys: []httpsig.Key{key}, Components: []string{"@method", "@scheme", "@authority", "@request-target", "x-a;bs", "x-b", "content-digest"}},
	} {
		v := newVerifier(t, config)
		original := post("hello, world", "X-A", "a=1, b", "X-B", "~")
		original.Host = "hooks.example.com:8443"
		require.NoError(t, v.Sign(original, now))
		require.Empty(t, reason(t, v, original))
		parts := map[string]func(r *verify.Request) *string{
			"method": func(r *verify.Request) *string { return &r.Method },
			"scheme": func(r *verify.Request) *string { return &r.Scheme },
			"host":   func(r *verify.Request) *string { return &r.Host },
			"target": func(r *verify.Request) *string { return &r.Target },
		}
		for _, name := range []string{"Content-Digest", "Signature-Input", "Signature"} {
			parts[name] = func(r *verify.Request) *string { return &r.Header[name][0] }
		}
		if config.Components != nil {
			parts["x-a"] = func(r *verify.Request) *string { return &r.Header["X-A"][0] }
			parts["x-b"] = func(r *verify.Request) *string { return &r.Header["X-B"][0] }
		}
		for name, part := range parts {
			for i := range 8 * len(*part(original)) {
				r := *original
				r.Header = original.Header.Clone()
				field := part(&r)
				changed := []byte(*field)
				changed[i/8] ^= 1 << (i % 8)
				if harmless(name, string(changed), *field) {
					continue
				}
				*field = string(changed)
				require.NotEmpty(t, reason(t, v, &r), "%s: %q", name, changed)
			}
		}
		for i := range 8 * len(original.Body) {
			r := *original
			r.Body = []byte("hello, world")
			r.Body[i/8] ^= 1 << (i % 8)
			require.Equal(t, "digest_mismatch: Content-Digest", reason(t, v, &r))
		}
	}
}

// harmless reports whether a change is none: hosts and schemes have no case.
func harmless(name, changed, original string) bool {
	switch name {
	case "host", "scheme":
		return strings.EqualFold(changed, original)
	default:
		return false
	}
}

// FuzzVerify gives the parsers whatever an attacker can send. Nothing is
// accepted, since nobody has the key.
func FuzzVerify(f *testing.F) {
	f.Add(`sig1=("@method" "@query-param";name="x");created=1700000000;keyid="k";tag="t"`, "sig1=:c2VjcmV0:", helloSHA256, "/?x=1")
	f.Add(`a=();created=1,b=("x";sf;key="a" "content-digest";bs);alg="ed25519"`, "a=:AA==:, b=?1", "md5=:AA==:, sha-512=1.5", "/a?%zz")
	f.Add(`a=%"f%c3%bc";b=@1;c=*a/b`, `a=("\"" "\\")`, "", "")
	key := httpsig.Key{ID: "k", Algorithm: httpsig.Ed25519, Value: keyPairs()[httpsig.Ed25519].public}
	verifiers := []verify.Verifier{
		newVerifier(f, httpsig.Config{Keys: []httpsig.Key{key}}),
		newVerifier(f, httpsig.Config{Keys: []httpsig.Key{key}, Components: []string{}, Label: "sig1"}),
		newVerifier(f, httpsig.Config{Keys: []httpsig.Key{key}, Components: []string{}, Tag: "t"}),
	}
	f.Fuzz(func(t *testing.T, input, signature, digest, target string) {
		r := post("hello", "Signature-Input", input, "Signature", signature, "Content-Digest", digest, "X", input)
		r.Target = target
		for _, v := range verifiers {
			require.NotEmpty(t, reason(t, v, r))
		}
	})
}

// FuzzSigned signs what it is given with a key that is accepted, so that all of
// the parsing behind the signature is reached.
func FuzzSigned(f *testing.F) {
	f.Add("content-digest", helloSHA256, "hello", "/")
	f.Add(`x;key="a"`, "a=1, b", "", "/?a=b")
	f.Add(`@query-param;name="a"`, "", "", "/?a=b%20")
	f.Add("x;bs", "\xff", "x", "*")
	f.Fuzz(func(t *testing.T, component, field, body, target string) {
		v, err := httpsig.New(httpsig.Config{
			Keys:       []httpsig.Key{{ID: "k", Algorithm: httpsig.HMACSHA256, Value: secret}},
			Components: []string{component},
		})
		if err != nil {
			return
		}
		r := &verify.Request{
			Method: http.MethodPost, Scheme: "https", Host: "example.com", Target: target, Body: []byte(body),
			Header: http.Header{"X": {field}, "Content-Digest": {field}, "Priority": {field}},
		}
		if v.Sign(r, now) != nil {
			return
		}
		switch got := reason(t, v, r); got {
		case "":
			require.Contains(t, r.Header.Get("Signature-Input"), `sig1=("`)
		case "malformed_field: Signature-Input": // it is too long
			require.Greater(t, len(r.Header.Get("Signature-Input")), 8<<10)
		default:
			require.Contains(t, got, ": Content-Digest", "one that the signature does not cover")
			require.Equal(t, field, r.Header.Get("Content-Digest"))
		}
	})
}
