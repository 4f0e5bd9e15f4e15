package sqlite

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/queuetest"
)

func TestConformance(t *testing.T) {
	var dirs sync.Map
	queuetest.Run(t, func(t *testing.T) relay.Queue {
		dir, ok := dirs.Load(t.Name())
		if !ok {
			dir = filepath.Join(t.TempDir(), "queue")
			dirs.Store(t.Name(), dir)
		}
		s, err := Open(dir.(string))
		require.NoError(t, err)
		return s
	})
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	require.NoError(t, err)
	_, err = Open(dir)
	require.ErrorContains(t, err, "is already locked")
	require.NoError(t, s.Close())
	s, err = Open(dir)
	require.NoError(t, err, "the lock went with the first")
	require.NoError(t, s.Close())
}
