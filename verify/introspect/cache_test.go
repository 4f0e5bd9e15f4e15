package introspect

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/token"
)

// TestCacheBound puts more into the cache than it takes.
func TestCacheBound(t *testing.T) {
	key := func(n int) [sha256.Size]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	now := time.Unix(1700000000, 0)
	var c cache
	for n := range maxCached {
		c.put(key(n), nil, now.Add(time.Duration(n%2+1)*time.Second), now)
	}
	require.Len(t, c.answers, maxCached)
	for n := range 100 { // none is too old, so others go
		c.put(key(maxCached+n), token.Claims{}, now.Add(time.Hour), now)
		require.Len(t, c.answers, maxCached)
	}
	c.put(key(-1), token.Claims{}, now.Add(time.Hour), now.Add(time.Second))
	require.Less(t, len(c.answers), maxCached/2+200, "what is too old goes first")
	claims, ok := c.get(key(-1), now.Add(59*time.Minute))
	require.True(t, ok)
	require.NotNil(t, claims)
	_, ok = c.get(key(-1), now.Add(time.Hour))
	require.False(t, ok)
}
