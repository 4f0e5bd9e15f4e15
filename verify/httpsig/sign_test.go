package httpsig_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

// signingKeys has a key for each algorithm that can also sign.
func signingKeys() []httpsig.Key {
	keys := []httpsig.Key{{ID: "hmac-sha256", Algorithm: httpsig.HMACSHA256, Value: secret}}
	for algorithm, pair := range keyPairs() {
		keys = append(keys, httpsig.Key{ID: string(algorithm), Algorithm: algorithm, Value: pair.private})
	}
	return keys
}

func TestSign(t *testing.T) {
	components := []string{"@query-param;name=\"y\"", "@authority", "x-a", "content-digest", "content-length", "host", "x-a;bs"}
	for _, key := range signingKeys() {
		for _, required := range [][]string{nil, {}, components} {
			for _, body := range []string{"", "hello"} {
				t.Run(fmt.Sprint(key.ID, len(required), len(body)), func(t *testing.T) {
					key, required := key, required
					if body == "" && len(required) > 0 {
						required = required[:4]
					}
					config := httpsig.Config{Keys: []httpsig.Key{key}, Components: required, Label: "a-b", Tag: "app"}
					signer := newVerifier(t, config)
					r := post(body, "X-A", "1")
					require.NoError(t, signer.Sign(r, now))
					if key.Algorithm != httpsig.HMACSHA256 {
						key.Value = keyPairs()[key.Algorithm].certificate
					}
					config.Keys = []httpsig.Key{{ID: "another", Algorithm: httpsig.HMACSHA256, Value: secret}, key}
					v := newVerifier(t, config)
					identity, err := v.Verify(t.Context(), r, now.Add(time.Minute))
					require.NoError(t, err)
					require.Equal(t, 2, identity.Key)
					require.Equal(t, key.ID, identity.Subject)
					require.Len(t, identity.ID, 26)
					require.True(t, identity.IDSigned)

					first := r.Header.Get("Signature-Input")
					require.NoError(t, signer.Sign(r, now), "again")
					require.NotEqual(t, first, r.Header.Get("Signature-Input"))
					require.Empty(t, reason(t, v, r))
				})
			}
		}
	}
}

func TestSignErrors(t *testing.T) {
	for algorithm, pair := range keyPairs() {
		v := newVerifier(t, httpsig.Config{Keys: []httpsig.Key{{ID: "k", Algorithm: algorithm, Value: pair.public}}})
		r := post("hello")
		require.ErrorContains(t, v.Sign(r, now), "the private key is needed")
		require.NotContains(t, r.Header, "Signature")
	}
	v := newVerifier(t, httpsig.Config{Components: []string{"x-absent"}})
	require.EqualError(t, v.Sign(post(""), now), "missing_field: x-absent")

	// The first key that can sign does.
	pair := keyPairs()[httpsig.Ed25519]
	v = newVerifier(t, httpsig.Config{Keys: []httpsig.Key{
		{ID: "public", Algorithm: httpsig.Ed25519, Value: pair.public},
		{ID: "private", Algorithm: httpsig.Ed25519, Value: pair.private},
	}})
	r := &verify.Request{Method: http.MethodGet, Scheme: "https", Host: "example.com", Target: "/"}
	require.NoError(t, v.Sign(r, now))
	identity, err := v.Verify(t.Context(), r, now)
	require.NoError(t, err)
	require.Equal(t, "private", identity.Subject)
	require.True(t, strings.HasPrefix(r.Header.Get("Signature-Input"), `sig1=("@method" "@target-uri");created=1700000000;nonce="`))
}

// TestSignatureEncodings tells that signatures of another length, or of another
// encoding of the same numbers, are refused.
func TestSignatureEncodings(t *testing.T) {
	for _, key := range signingKeys() {
		v := newVerifier(t, httpsig.Config{Keys: []httpsig.Key{key}})
		r := post("hello")
		require.NoError(t, v.Sign(r, now))
		good := decodeSignature(t, r)
		for name, bad := range map[string][]byte{
			"empty": {}, "shorter": good[:len(good)-1], "longer": append(slices.Clip(good), 0),
			"leading zero": append([]byte{0}, good...), "half": good[:len(good)/2], "zeros": make([]byte, len(good)),
		} {
			setSignature(r, bad)
			require.Equal(t, "signature_mismatch: Signature", reason(t, v, r), "%s, %s", key.ID, name)
		}
		setSignature(r, good)
		require.Empty(t, reason(t, v, r))
	}
}
