package verify_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func prefixes(t testing.TB, texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		var err error
		list[i], err = netip.ParsePrefix(text)
		require.NoError(t, err)
	}
	return list
}

func TestAddresses(t *testing.T) {
	v, err := verify.NewAddresses(prefixes(t,
		"192.0.2.7/32", "198.51.100.77/24", "2001:db8::/32", "fe80::1/128", "::ffff:203.0.113.0/120", "::ffff:10.0.0.1/128")...)
	require.NoError(t, err)
	for addr, want := range map[string]verify.Reason{
		"192.0.2.7":            "",
		"::ffff:192.0.2.7":     "",
		"192.0.2.8":            verify.ReasonForbidden,
		"198.51.100.0":         "",
		"198.51.100.255":       "",
		"198.51.101.0":         verify.ReasonForbidden,
		"2001:db8:ffff::1":     "",
		"2001:db9::":           verify.ReasonForbidden,
		"fe80::1":              "",
		"fe80::1%eth0":         "",
		"fe80::2%eth0":         verify.ReasonForbidden,
		"203.0.113.9":          "",
		"::ffff:203.0.113.9":   "",
		"::ffff:203.0.114.9":   verify.ReasonForbidden,
		"::ffff:10.0.0.1%eth0": "",
		"10.0.0.2":             verify.ReasonForbidden,
		"0.0.0.0":              verify.ReasonForbidden,
		"::":                   verify.ReasonForbidden,
		"::c000:207":           verify.ReasonForbidden, // 192.0.2.7 in another disguise
	} {
		r := &verify.Request{ClientIP: netip.MustParseAddr(addr)}
		require.Equal(t, want, reason(t, v, r), addr)
	}
	require.Equal(t, verify.ReasonMissing, reason(t, v, new(verify.Request)))
	require.Contains(t, explain(t, v, new(verify.Request)).Sentence, "not known")
	require.Contains(t, explain(t, v, &verify.Request{ClientIP: netip.MustParseAddr("10.0.0.2")}).Sentence, "trusted_proxies")
	identity, err := v.Verify(t.Context(), &verify.Request{ClientIP: netip.MustParseAddr("192.0.2.7")}, now)
	require.NoError(t, err)
	require.Equal(t, verify.Identity{Scheme: "client_ip"}, identity)
}

// TestAllAddresses tells that all addresses of one kind are none of the other.
func TestAllAddresses(t *testing.T) {
	ip4, err := verify.NewAddresses(prefixes(t, "0.0.0.0/0")...)
	require.NoError(t, err)
	ip6, err := verify.NewAddresses(prefixes(t, "::/0")...)
	require.NoError(t, err)
	for addr, is4 := range map[string]bool{"1.2.3.4": true, "::ffff:1.2.3.4": true, "::1": false} {
		r := &verify.Request{ClientIP: netip.MustParseAddr(addr)}
		require.Equal(t, is4, reason(t, ip4, r) == "", addr)
		require.Equal(t, !is4, reason(t, ip6, r) == "", addr)
	}
}

func TestRefusedAddresses(t *testing.T) {
	_, err := verify.NewAddresses()
	require.EqualError(t, err, "no address")
	_, err = verify.NewAddresses(netip.Prefix{})
	require.EqualError(t, err, "address 1 is none")
	_, err = verify.NewAddresses(make([]netip.Prefix, 1025)...)
	require.EqualError(t, err, "1025 addresses, at most 1024 are allowed")
}

// TestAddressesAreCopied tells that a verifier does not change with the slice
// that it was made of.
func TestAddressesAreCopied(t *testing.T) {
	list := prefixes(t, "192.0.2.0/24")
	v, err := verify.NewAddresses(list...)
	require.NoError(t, err)
	list[0] = netip.MustParsePrefix("0.0.0.0/0")
	require.Equal(t, verify.ReasonForbidden, reason(t, v, &verify.Request{ClientIP: netip.MustParseAddr("1.2.3.4")}))
}

func BenchmarkAddresses(b *testing.B) {
	list := make([]netip.Prefix, 100)
	for i := range list {
		list[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)
	}
	v, err := verify.NewAddresses(list...)
	require.NoError(b, err)
	r := &verify.Request{ClientIP: netip.MustParseAddr("10.99.1.2")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), r, now); err != nil {
			b.Fatal(err)
		}
	}
}
