package caddymodule

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(ClientIPScheme{})
}

// ClientIPScheme verifies that requests come from certain addresses. Like
// Caddy's matcher `client_ip` it looks at the address of the client itself if
// the proxies in front are listed in the server's `trusted_proxies`, and at that
// of the connection otherwise.
//
// An address is weak evidence. It is for senders that sign nothing and publish
// where they send from, and for use together with another scheme.
type ClientIPScheme struct {
	// The addresses, as IPs or CIDR ranges. Placeholders such as `{env.NAME}`
	// are resolved when the config is loaded, and an unset or empty one is an
	// error. Required; at most 1024.
	Ranges []string `json:"ranges,omitempty"`

	*addressVerifier `json:"-"`
}

type addressVerifier = verify.Addresses

// CaddyModule returns the Caddy module information.
func (ClientIPScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.client_ip",
		New: func() caddy.Module { return new(ClientIPScheme) },
	}
}

// Provision sets up s.
func (s *ClientIPScheme) Provision(caddy.Context) error {
	prefixes := make([]netip.Prefix, len(s.Ranges))
	for i, text := range s.Ranges {
		resolved, err := resolveSecret(text)
		if err != nil {
			return fmt.Errorf("range %d: %w", i+1, err)
		}
		if prefixes[i], err = caddyhttp.CIDRExpressionToPrefix(resolved); err != nil {
			return fmt.Errorf("range %d: %w", i+1, err)
		}
	}
	var err error
	s.addressVerifier, err = verify.NewAddresses(prefixes...)
	return err
}

// NeedsBody returns false: an address says nothing of the body.
func (*ClientIPScheme) NeedsBody() bool { return false }

// KnowsRepeats returns false: an address says nothing of the message.
func (*ClientIPScheme) KnowsRepeats() bool { return false }

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	client_ip <ranges...>
//
// `private_ranges` stands for all private IPv4 and IPv6 ranges.
func (s *ClientIPScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	for d.NextArg() {
		if d.Val() == "private_ranges" {
			s.Ranges = append(s.Ranges, caddyhttp.PrivateRangesCIDR()...)
			continue
		}
		if !strings.Contains(d.Val(), "{") {
			if _, err := caddyhttp.CIDRExpressionToPrefix(d.Val()); err != nil {
				return d.WrapErr(err)
			}
		}
		s.Ranges = append(s.Ranges, d.Val())
	}
	for d.NextBlock(0) {
		return d.Errf("unrecognized option '%s'", d.Val())
	}
	if len(s.Ranges) == 0 {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*ClientIPScheme)(nil)
	_ caddyfile.Unmarshaler = (*ClientIPScheme)(nil)
	_ verify.Verifier       = (*ClientIPScheme)(nil)
	_ bodyUser              = (*ClientIPScheme)(nil)
	_ repeatKnower          = (*ClientIPScheme)(nil)
)
