package webhook

import (
	"fmt"
	"net/netip"
	"strings"
)

// Guard decides which addresses a destination may call, so that nobody who
// controls a URL or its DNS can make the relay talk to the network behind it
// (server-side request forgery). The zero value allows public unicast
// addresses only.
type Guard struct {
	// AllowPrivate also allows loopback, private (RFC 1918), unique local,
	// shared (RFC 6598) and link-local addresses, except for those known to
	// serve the metadata of clouds.
	AllowPrivate bool
	// Allow also allows the addresses in these prefixes, whatever they are.
	Allow []netip.Prefix
}

// block is a range that is not public unicast.
type block struct {
	prefix netip.Prefix
	what   string
	// private tells whether AllowPrivate opens the range.
	private bool
}

// blocks holds the special-purpose ranges of IANA's registries for IPv4 and
// IPv6, and the addresses at which clouds serve credentials. The first that
// matches names the address, so single addresses come before their ranges.
var blocks = []block{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud metadata", false},
	{netip.MustParsePrefix("169.254.170.2/32"), "a cloud metadata", false},   // AWS ECS
	{netip.MustParsePrefix("169.254.170.23/32"), "a cloud metadata", false},  // AWS EKS
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud metadata", false},   // Azure
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud metadata", false}, // Alibaba
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud metadata", false},      // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud metadata", false},   // Google

	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified", false},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private", true},
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared (carrier-grade NAT)", true},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback", true},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local", true},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private", true},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved", false},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation", false},
	{netip.MustParsePrefix("192.88.99.0/24"), "a 6to4 relay", false},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private", true},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking", false},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation", false},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation", false},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast", false},
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast", false},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved", false},

	{netip.MustParsePrefix("::/128"), "an unspecified", false},
	{netip.MustParsePrefix("::1/128"), "a loopback", true},
	{netip.MustParsePrefix("::/96"), "an IPv4-compatible", false},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a local NAT64", false},
	{netip.MustParsePrefix("fc00::/7"), "a private", true},
	{netip.MustParsePrefix("fe80::/10"), "a link-local", true},
	{netip.MustParsePrefix("ff00::/8"), "a multicast", false},
	{netip.MustParsePrefix("2001::/32"), "a Teredo", false},
	{netip.MustParsePrefix("2001::/23"), "a reserved", false},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation", false},
	{netip.MustParsePrefix("2002::/16"), "a 6to4", false},
	{netip.MustParsePrefix("3fff::/20"), "a documentation", false},
}

var (
	// globalUnicast is all that IANA has given out of IPv6 for public use.
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// wellKnownNAT64 holds IPv4 addresses in its last 32 bits (RFC 6052). In
	// networks without IPv4, DNS64 makes such addresses for public hosts.
	wellKnownNAT64 = netip.MustParsePrefix("64:ff9b::/96")
)

// Check returns an error that says why if addr must not be called.
func (g Guard) Check(addr netip.Addr) error {
	if !addr.IsValid() {
		return &forbiddenError{addr: addr, what: "an invalid"}
	}
	// A prefix contains no address with a zone.
	target := addr.WithZone("").Unmap()
	for _, prefix := range g.Allow {
		if prefix.Contains(target) {
			return nil
		}
	}
	if wellKnownNAT64.Contains(target) {
		b := target.As16()
		return g.Check(netip.AddrFrom4([4]byte(b[12:])))
	}
	for _, block := range blocks {
		switch {
		case !block.prefix.Contains(target):
		case block.private && g.AllowPrivate:
			return nil
		default:
			return &forbiddenError{addr, block.what, block.private}
		}
	}
	if target.Is6() && !globalUnicast.Contains(target) {
		return &forbiddenError{addr: addr, what: "a reserved"}
	}
	return nil
}

// checkHost checks the host of a URL as far as that goes without a look-up.
func (g Guard) checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.Check(addr)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name != "localhost" && !strings.HasSuffix(name, ".localhost") {
		return nil
	}
	if g.Check(netip.IPv6Loopback()) == nil {
		return nil
	}
	return g.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

// forbiddenError says that an address must not be called.
type forbiddenError struct {
	addr    netip.Addr
	what    string // with its article
	private bool   // whether AllowPrivate would help
}

func (e *forbiddenError) Error() string {
	advice := "add allow <cidr>"
	if e.private {
		advice = "add allow_private or allow <cidr>"
	}
	return fmt.Sprintf("%s is %s address; %s", e.addr, e.what, advice)
}
