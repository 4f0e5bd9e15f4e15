package httpsig_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("x", 1024)
	for _, key := range signingKeys() {
		v := newVerifier(b, httpsig.Config{Keys: []httpsig.Key{key}})
		r := post(body, "Content-Type", "application/json")
		require.NoError(b, v.Sign(r, now))
		b.Run(key.ID, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
