package smsc

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// TestIdleBindsHoldLittle has a thousand of them, and their peers.
func TestIdleBindsHoldLittle(t *testing.T) {
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	account := testAccount(t, "esme")
	account.MaxBinds = 1000
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		before := used()
		for range 1000 {
			b.bound(pdu.BindTransceiver, nil)
		}
		after := used()
		b.Logf("%d KiB a session, with the peer of the test", (after-before)/1000/1024)
		require.Less(b, after-before, uint64(64<<20))
		require.Equal(b, map[string]int{"esme": 1000}, b.server.Bound())
	})
}
