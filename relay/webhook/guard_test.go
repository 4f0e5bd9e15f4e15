package webhook

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuardCheck(t *testing.T) {
	tests := []struct {
		addr string
		what string // empty if the address is public
		open bool   // whether AllowPrivate opens it
	}{
		{"93.184.215.14", "", false},
		{"1.1.1.1", "", false},
		{"100.63.255.255", "", false},
		{"100.128.0.0", "", false},
		{"172.15.255.255", "", false},
		{"172.32.0.0", "", false},
		{"223.255.255.255", "", false},
		{"2606:4700::1111", "", false},
		{"2400:cb00::1", "", false},
		{"::ffff:93.184.215.14", "", false},
		{"64:ff9b::5db8:d70e", "", false},

		{"10.0.0.1", "a private", true},
		{"172.16.0.1", "a private", true},
		{"172.31.255.255", "a private", true},
		{"192.168.1.1", "a private", true},
		{"127.0.0.1", "a loopback", true},
		{"127.255.255.254", "a loopback", true},
		{"169.254.1.1", "a link-local", true},
		{"100.64.0.1", "a shared (carrier-grade NAT)", true},
		{"100.127.255.255", "a shared (carrier-grade NAT)", true},
		{"::1", "a loopback", true},
		{"fc00::1", "a private", true},
		{"fdff:ffff::1", "a private", true},
		{"fe80::1", "a link-local", true},
		{"fe80::1%eth0", "a link-local", true},
		{"::ffff:10.0.0.1", "a private", true},
		{"::ffff:127.0.0.1", "a loopback", true},
		{"64:ff9b::a00:1", "a private", true},
		{"64:ff9b::7f00:1", "a loopback", true},

		{"169.254.169.254", "a cloud metadata", false},
		{"::ffff:169.254.169.254", "a cloud metadata", false},
		{"64:ff9b::a9fe:a9fe", "a cloud metadata", false},
		{"fd00:ec2::254", "a cloud metadata", false},
		{"100.100.100.200", "a cloud metadata", false},
		{"168.63.129.16", "a cloud metadata", false},
		{"0.0.0.0", "an unspecified", false},
		{"0.1.2.3", "an unspecified", false},
		{"192.0.0.192", "a reserved", false},
		{"192.0.2.1", "a documentation", false},
		{"198.51.100.1", "a documentation", false},
		{"203.0.113.1", "a documentation", false},
		{"198.18.0.1", "a benchmarking", false},
		{"198.19.255.255", "a benchmarking", false},
		{"192.88.99.1", "a 6to4 relay", false},
		{"224.0.0.1", "a multicast", false},
		{"239.255.255.255", "a multicast", false},
		{"240.0.0.1", "a reserved", false},
		{"255.255.255.255", "the broadcast", false},
		{"::", "an unspecified", false},
		{"::10.0.0.1", "an IPv4-compatible", false},
		{"::ffff:0:10.0.0.1", "a reserved", false},
		{"64:ff9b:1::a00:1", "a local NAT64", false},
		{"100::1", "a reserved", false},
		{"fec0::1", "a reserved", false},
		{"ff02::1", "a multicast", false},
		{"2001:0:a00:1::", "a Teredo", false},
		{"2001:2::1", "a reserved", false},
		{"2001:20::1", "a reserved", false},
		{"2001:db8::1", "a documentation", false},
		{"2002:a00:1::1", "a 6to4", false},
		{"2002:5db8:d70e::1", "a 6to4", false},
		{"3fff::1", "a documentation", false},
		{"4000::1", "a reserved", false},
		{"5f00::1", "a reserved", false},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			err := Guard{}.Check(addr)
			if tt.what == "" {
				require.NoError(t, err)
				return
			}
			advice := "add allow <cidr>"
			if tt.open {
				advice = "add allow_private or allow <cidr>"
			}
			require.ErrorContains(t, err, " is "+tt.what+" address; "+advice)

			err = Guard{AllowPrivate: true}.Check(addr)
			if tt.open {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.what)
			}

			plain := addr.WithZone("").Unmap()
			exactly := Guard{Allow: []netip.Prefix{netip.PrefixFrom(plain, plain.BitLen())}}
			require.NoError(t, exactly.Check(addr))
		})
	}
	require.Error(t, Guard{AllowPrivate: true}.Check(netip.Addr{}))
}

func TestGuardAllow(t *testing.T) {
	prefix, err := ParsePrefix("10.1.0.0/16")
	require.NoError(t, err)
	g := Guard{Allow: []netip.Prefix{prefix}}
	for addr, allowed := range map[string]bool{
		"10.1.2.3":         true,
		"::ffff:10.1.2.3":  true,
		"64:ff9b::a01:203": true,
		"10.2.0.1":         false,
		"127.0.0.1":        false,
		"93.184.215.14":    true,
	} {
		require.Equal(t, allowed, g.Check(netip.MustParseAddr(addr)) == nil, addr)
	}
}

func TestParsePrefix(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.0/8":       "10.0.0.0/8",
		"10.1.2.3/8":       "10.0.0.0/8",
		"10.1.2.3":         "10.1.2.3/32",
		"fd00::1":          "fd00::1/128",
		"fd00::/8":         "fd00::/8",
		"::ffff:127.0.0.1": "127.0.0.1/32",
	} {
		got, err := ParsePrefix(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got.String(), s)
	}
	for _, s := range []string{"", "10", "10.0.0.0/33", "10.0.0.0/-1", "fe80::1%eth0", "localhost", "::ffff:10.0.0.0/104", "private"} {
		_, err := ParsePrefix(s)
		require.ErrorContains(t, err, "is neither an address nor a prefix", s)
	}
}

func TestCheckURL(t *testing.T) {
	const malformed = "the url is malformed: look at its host, its port and what is escaped with %"
	tests := []struct {
		url   string
		guard Guard
		want  string // empty if the URL is accepted
	}{
		{url: "https://example.com/hook?a=b"},
		{url: "http://example.com:8080"},
		{url: "https://93.184.215.14/"},
		{url: "http://127.0.0.1:9000/", guard: Guard{AllowPrivate: true}},
		{url: "http://[::1]:9000/", guard: Guard{AllowPrivate: true}},
		{url: "http://localhost/", guard: Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		{url: "http://localhost/", guard: Guard{Allow: []netip.Prefix{netip.MustParsePrefix("::1/128")}}},
		{url: "http://localhost.example.com/"},
		{url: "http://127.0.0.1:9000/", want: "127.0.0.1 is a loopback address; add allow_private or allow <cidr>"},
		{url: "http://[::ffff:10.0.0.1]/", want: "::ffff:10.0.0.1 is a private address; add allow_private or allow <cidr>"},
		{url: "http://[fe80::1%25eth0]/", want: "fe80::1%eth0 is a link-local address; add allow_private or allow <cidr>"},
		{url: "http://169.254.169.254/latest", guard: Guard{AllowPrivate: true}, want: "169.254.169.254 is a cloud metadata address; add allow <cidr>"},
		{url: "http://LOCALHOST./", want: "127.0.0.1 is a loopback address; add allow_private or allow <cidr>"},
		{url: "http://app.localhost/", want: "127.0.0.1 is a loopback address; add allow_private or allow <cidr>"},
		{url: "", want: "the url must begin with http:// or https://"},
		{url: "example.com/hook", want: "the url must begin with http:// or https://"},
		{url: "ftp://example.com", want: "the url must begin with http:// or https://"},
		{url: "https:///hook", want: "the url has no host"},
		{url: "https://:443/hook", want: "the url has no host"},
		{url: "https://me:s3cret@example.com/", want: "the url must not contain a user name or password; use basic_auth"},
		{url: "https://example.com/#top", want: "the url must not have a fragment, which is never sent"},
		{url: "https://example.com/#", want: "the url must not have a fragment, which is never sent"},
		{url: "https://example.com:s3cret/", want: malformed},
		{url: "https://relay:s3cret/pa@example.com/", want: malformed},
		{url: "https://example.com/?key=s3cret\x7f", want: malformed},
		{url: "https://s3cret%zz@example.com/", want: malformed},
		{url: "https://[s3cret/", want: malformed},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			err := CheckURL(tt.url, tt.guard)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tt.want)
				require.NotContains(t, err.Error(), "s3cret")
			}
		})
	}
}

// FuzzGuard holds the guard against what the standard library knows of
// addresses, for every way in which an IPv6 address can carry an IPv4 one.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "169.254.169.254", "::1", "0.0.0.0"} {
		addr := netip.MustParseAddr(s)
		f.Add(addr.AsSlice(), "")
	}
	f.Add(netip.MustParseAddr("fe80::1").AsSlice(), "eth0")
	f.Fuzz(func(t *testing.T, raw []byte, zone string) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		addr = addr.WithZone(zone)
		private := Guard{AllowPrivate: true}.Check(addr)
		if (Guard{}).Check(addr) != nil {
			if (Guard{}).checkHost(addr.String()) == nil {
				t.Errorf("%s passes as the host of a URL only", addr)
			}
			return
		}
		if private != nil {
			t.Errorf("%s is refused only with AllowPrivate: %v", addr, private)
		}
		for _, a := range embedded(addr) {
			if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() ||
				a.IsUnspecified() || a.IsMulticast() {
				t.Errorf("%s reaches %s", addr, a)
			}
		}
	})
}

// embedded returns addr and the IPv4 addresses that it may stand for.
func embedded(addr netip.Addr) []netip.Addr {
	all := []netip.Addr{addr.WithZone("").Unmap()}
	if !addr.Is6() || addr.Is4In6() {
		return all
	}
	b := addr.As16()
	nat64 := netip.MustParsePrefix("64:ff9b::/32")
	sixToFour := netip.MustParsePrefix("2002::/16")
	low := netip.MustParsePrefix("::/64")
	if nat64.Contains(all[0]) || low.Contains(all[0]) {
		all = append(all, netip.AddrFrom4([4]byte(b[12:])))
		if nat64.Contains(all[0]) {
			return all[1:]
		}
	}
	if sixToFour.Contains(all[0]) {
		all = append(all, netip.AddrFrom4([4]byte(b[2:6])))
	}
	return all
}
