package smsc

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// requireRefused checks the status of a bind.
func requireRefused(t testing.TB, err error, status pdu.CommandStatus) {
	t.Helper()
	var refused *session.BindError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Status)
}

func TestBinds(t *testing.T) {
	local := testAccount(t, "local")
	local.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")}
	sender := testAccount(t, "sender")
	sender.Modes = []pdu.BindMode{pdu.BindTransmitter}
	rotated := testAccount(t, "rotated")
	rotated.Passwords = append(rotated.Passwords, password(t, argon2idHashOfSecret2))
	for _, tt := range []struct {
		name, id, password, from string
		mode                     pdu.BindMode
		status                   pdu.CommandStatus
	}{
		{"unknown", "nobody", "secret", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"no system_id", "", "secret", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"wrong password", "local", "Secret", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"no password", "local", "", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"system_id in other case", "LOCAL", "secret", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"the hash", "local", secretHash, "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"password of another", "local", "secret2", "192.0.2.1", pdu.BindTransceiver, pdu.StatusInvPaswd},
		{"address", "local", "secret", "192.0.3.1", pdu.BindTransceiver, pdu.StatusBindFail},
		{"address of IPv6", "local", "secret", "2001:db8::2", pdu.BindTransceiver, pdu.StatusBindFail},
		{"mode", "sender", "secret", "192.0.2.1", pdu.BindReceiver, pdu.StatusBindFail},
		{"good", "local", "secret", "192.0.2.255", pdu.BindReceiver, pdu.StatusOK},
		{"good by IPv6", "local", "secret", "2001:db8::1", pdu.BindTransceiver, pdu.StatusOK},
		{"good in an IPv6 form", "local", "secret", "::ffff:192.0.2.7", pdu.BindTransceiver, pdu.StatusOK},
		{"good transmitter", "sender", "secret", "203.0.113.1", pdu.BindTransmitter, pdu.StatusOK},
		{"first password", "rotated", "secret", "192.0.2.1", pdu.BindTransceiver, pdu.StatusOK},
		{"second password", "rotated", "secret2", "192.0.2.1", pdu.BindTransceiver, pdu.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(t, Config{Accounts: []Account{local, sender, rotated}}, func(b *bed) {
				s, err := b.connect(tt.id, tt.password, tt.from, tt.mode, nil)
				if tt.status != pdu.StatusOK {
					requireRefused(b, err, tt.status)
					require.Zero(b, b.counts.binds[BindOK])
					require.Equal(b, map[string]int{"local": 0, "sender": 0, "rotated": 0}, b.server.Bound())
					return
				}
				require.NoError(b, err)
				require.Equal(b, "esmes", s.PeerSystemID())
				require.Equal(b, map[BindResult]int{BindOK: 1}, b.counts.binds)
			})
		})
	}
}

func TestAnAccountHasSoManyBinds(t *testing.T) {
	account := testAccount(t, "esme")
	account.MaxBinds = 2
	run(t, Config{Accounts: []Account{account}}, func(b *bed) {
		first := b.bound(pdu.BindTransmitter, nil)
		b.bound(pdu.BindReceiver, nil)
		_, err := b.connect("esme", "secret", "192.0.2.1", pdu.BindTransceiver, nil)
		requireRefused(b, err, pdu.StatusAlyBnd)
		require.NoError(b, first.Close())
		synctest.Wait()
		b.bound(pdu.BindTransceiver, nil)
		require.Equal(b, map[BindResult]int{BindOK: 3, BindTooMany: 1}, b.counts.binds)
	})
}

func TestPasswordsCanNotBeTriedForEver(t *testing.T) {
	run(t, Config{Accounts: []Account{testAccount(t, "esme"), testAccount(t, "other")}}, func(b *bed) {
		try := func(systemID, password, from string) error {
			_, err := b.connect(systemID, password, from, pdu.BindTransceiver, nil)
			return err
		}
		require.NoError(b, try("esme", "secret", "192.0.2.1"))
		for i := range accountBurst {
			requireRefused(b, try("esme", fmt.Sprint(i), "192.0.2.1"), pdu.StatusInvPaswd)
		}
		requireRefused(b, try("esme", "x", "192.0.2.1"), pdu.StatusBindFail)
		requireRefused(b, try("esme", "secret", "192.0.2.1"), pdu.StatusBindFail) // It would tell that it is right.
		require.Equal(b, 2, b.counts.binds[BindFailures])
		require.NoError(b, try("other", "secret", "192.0.2.1"), "another account has its own tries")
		require.NoError(b, try("esme", "secret", "192.0.2.2"), "another address has its own tries")

		time.Sleep(accountInterval)
		require.NoError(b, try("esme", "secret", "192.0.2.1"), "one more try after a while")
		requireRefused(b, try("esme", "x", "192.0.2.1"), pdu.StatusInvPaswd)
		requireRefused(b, try("esme", "x", "192.0.2.1"), pdu.StatusBindFail)
	})
}

func TestFailures(t *testing.T) {
	now := time.Now()
	f := newFailures(accountBurst, accountInterval)
	key := func(i int) failureKey {
		return failureKey{addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
	}
	for i := range maxFailing + 100 {
		require.True(t, f.take(key(i), now))
		require.LessOrEqual(t, len(f.until), maxFailing)
	}
	f.giveBack(key(maxFailing+99), now)
	require.NotContains(t, f.until, key(maxFailing+99))
	f.giveBack(key(maxFailing+1000), now)
	f.makeRoom(now.Add(time.Hour))
	require.Empty(t, f.until)
}

func TestTries(t *testing.T) {
	now := time.Now()
	first := newTries()
	for range accountBurst {
		require.True(t, first.take(netip.MustParseAddr("2001:db8::1"), "", now))
	}
	require.False(t, first.take(netip.MustParseAddr("2001:db8::2"), "", now), "one network is one address")
	require.True(t, first.take(netip.MustParseAddr("2001:db8:0:1::2"), "", now))
	require.True(t, first.take(netip.Addr{}, "", now))

	second, addr := newTries(), netip.MustParseAddr("192.0.2.1")
	for i := range addressBurst {
		require.True(t, second.take(addr, fmt.Sprint(i), now))
	}
	require.False(t, second.take(addr, "one more", now), "all accounts of an address together")
	second.giveBack(addr, "0", now)
	require.True(t, second.take(addr, "0", now))
	require.True(t, second.take(addr, "0", now.Add(addressInterval)))
}
