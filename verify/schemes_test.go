package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// secretFor returns a secret, and the private key of it if it is a public one.
func secretFor(t testing.TB, c verify.SignatureConfig) (string, crypto.Signer) {
	switch {
	case c.Algorithm == verify.ECDSAP256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(private.Public())
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(der), private
	case c.Algorithm == verify.Ed25519:
		public, private, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		if c.KeyEncoding == verify.KeyBase64 {
			return base64.StdEncoding.EncodeToString(public), private
		}
		return hex.EncodeToString(public), private
	case c.KeyEncoding == verify.KeyBase64:
		return "c2VjcmV0", nil
	case c.KeyEncoding == verify.KeyHex:
		return "736563726574", nil
	}
	return "secret", nil
}

// TestSchemes signs a request with every scheme that the parameters can
// express, whether there are vectors of it or not, and then changes what was
// sent: each bit of it, the time, and the number of header fields.
func TestSchemes(t *testing.T) {
	_, schemes := readVectors(t)
	for name, s := range schemes {
		t.Run(name, func(t *testing.T) {
			c := s.config(name, "key-1")
			secret, private := secretFor(t, c)
			v := newSignature(t, c, secret)
			r := post(`{"event":"delivered"}`, "Content-Type", "application/json")
			if private != nil {
				require.Error(t, v.Sign(r, now))
				require.NoError(t, v.SignWith(private, r, now))
			} else {
				require.NoError(t, v.Sign(r, now))
			}
			identity, err := v.Verify(t.Context(), r, now)
			require.NoError(t, err)
			again, err := v.Verify(t.Context(), r, now)
			require.NoError(t, err)
			require.Equal(t, identity, again)
			_, ok := identity.ReplayKey()
			require.True(t, ok)

			requireBitsSigned(t, v, r)
			if v.Tolerance() > 0 {
				late := now.Add(v.Tolerance() + time.Second)
				require.Equal(t, verify.ReasonStale, reasonAt(t, v, r, late))
				early := now.Add(-v.Tolerance() - time.Second)
				require.Equal(t, verify.ReasonFuture, reasonAt(t, v, r, early))
			}
			for _, name := range v.HeaderNames() {
				if values := r.Header[name]; len(values) > 0 {
					r.Header[name] = []string{values[0], values[0]}
					require.Equal(t, verify.ReasonDuplicate, reason(t, v, r), name)
					r.Header[name] = values
				}
			}
			require.Equal(t, verify.ReasonMissing, reason(t, v, &verify.Request{Body: []byte("{}")}))
		})
	}
}

// requireBitsSigned changes every bit of the body, if it is signed, and of the
// URL, if that is.
func requireBitsSigned(t *testing.T, v *verify.Signature, r *verify.Request) {
	if v.CoversBody() {
		for i := range len(r.Body) * 8 {
			r.Body[i/8] ^= 1 << (i % 8)
			require.NotEmpty(t, reason(t, v, r), "bit %d of the body", i)
			r.Body[i/8] ^= 1 << (i % 8)
		}
	}
	if v.CoversURL() {
		for _, part := range []*string{&r.Scheme, &r.Host} {
			whole := *part
			for i := range len(whole) * 8 {
				b := []byte(whole)
				b[i/8] ^= 1 << (i % 8)
				*part = string(b)
				require.Equal(t, verify.ReasonMismatch, reason(t, v, r), *part)
			}
			*part = whole
		}
	}
}
