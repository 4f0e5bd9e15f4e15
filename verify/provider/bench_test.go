package provider

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkProfiles verifies a request with a body of 1 KiB with every profile
// that can make one.
func BenchmarkProfiles(b *testing.B) {
	for _, p := range Profiles() {
		s, private := settingsFor(b, p)
		v, err := p.New(s)
		require.NoError(b, err)
		r := eventRequest()
		r.Body = []byte(`{"type":"delivered","id":"e1","text":"` + strings.Repeat("x", 1024-40) + `"}`)
		if !signInPlace(v, private, r) {
			continue
		}
		b.Run(p.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if response, err := v.Handshake(b.Context(), r, tableNow); response != nil || err != nil {
					b.Fatal(response, err)
				}
				if _, err := v.Verify(b.Context(), r, tableNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations bounds what verification costs, for all that sign with a
// shared secret.
func TestAllocations(t *testing.T) {
	for _, p := range Profiles() {
		if p.Signature == nil || !p.Signature.Algorithm.Symmetric() {
			continue
		}
		s, _ := settingsFor(t, p)
		v, err := p.New(s)
		require.NoError(t, err)
		r := eventRequest()
		require.NoError(t, v.Sign(r, tableNow))
		allocations := testing.AllocsPerRun(100, func() {
			_, err = v.Handshake(t.Context(), r, tableNow)
			if err == nil {
				_, err = v.Verify(t.Context(), r, tableNow)
			}
		})
		require.NoError(t, err)
		require.LessOrEqual(t, allocations, 8.0, p.Name)
	}
}
