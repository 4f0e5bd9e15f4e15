package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// maxAddresses bounds the list that is gone through for each request. The lists
// that providers publish have a few dozens.
const maxAddresses = 1024

// Addresses is a [Verifier] of the address that a request comes from. It proves
// little by itself, but is all that senders without signatures leave.
type Addresses struct {
	prefixes []netip.Prefix
}

// NewAddresses returns a verifier that accepts requests from any address in the
// prefixes. Addresses are compared without their zones, and IPv4 addresses that
// are mapped into IPv6 as what they are.
func NewAddresses(prefixes ...netip.Prefix) (*Addresses, error) {
	switch {
	case len(prefixes) == 0:
		return nil, errors.New("no address")
	case len(prefixes) > maxAddresses:
		return nil, fmt.Errorf("%d addresses, at most %d are allowed", len(prefixes), maxAddresses)
	}
	v := &Addresses{prefixes: slices.Clone(prefixes)}
	for i, p := range v.prefixes {
		if !p.IsValid() {
			return nil, fmt.Errorf("address %d is none", i+1)
		}
		v.prefixes[i] = unmapPrefix(p)
	}
	return v, nil
}

// unmapPrefix returns the prefix of IPv4 that is mapped into IPv6, if p is one
// (RFC 4291, section 2.5.5.2).
func unmapPrefix(p netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the address of IPv4
	if !p.Addr().Is4In6() || p.Bits() < mapped {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
}

// Verify implements [Verifier].
func (v *Addresses) Verify(_ context.Context, r *Request, _ time.Time) (Identity, error) {
	if !r.ClientIP.IsValid() {
		return Identity{}, &Error{Reason: ReasonMissing, Field: "client address"}
	}
	addr := r.ClientIP.Unmap().WithZone("")
	for _, p := range v.prefixes {
		if p.Contains(addr) {
			return Identity{Scheme: "client_ip"}, nil
		}
	}
	return Identity{}, &Error{Reason: ReasonForbidden, Field: "client address"}
}

// Explain implements [Explainer].
func (*Addresses) Explain(_ context.Context, _ *Request, _ time.Time, refused *Error) (Hint, bool) {
	switch refused.Reason {
	case ReasonMissing:
		return Hint{Cause(ReasonMissing), "The address of the sender is not known. A captured request never has one."}, true
	case ReasonForbidden:
		return Hint{
			Cause(ReasonForbidden),
			"The address of the sender is not on the list. If it is that of a proxy of yours, list that in trusted_proxies of the server.",
		}, true
	default:
		return Hint{}, false
	}
}

// Interface guards
var (
	_ Verifier  = (*Addresses)(nil)
	_ Explainer = (*Addresses)(nil)
)
