package session_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// TestIdleSessionsHoldLittle has a thousand of them, and their peers.
func TestIdleSessionsHoldLittle(t *testing.T) {
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	all := make([]*session.Session, 1000)
	for i := range all {
		all[i], _ = bound(t, pdu.BindTransceiver, session.Config{})
	}
	after := used()
	t.Logf("%d KiB a session, with the peer of the test", (after-before)/1000/1024)
	require.Less(t, after-before, uint64(64<<20))
	runtime.KeepAlive(all)
}
