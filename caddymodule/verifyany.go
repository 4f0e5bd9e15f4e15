package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(AnyScheme{})
}

// maxAlternatives bounds the work that a request can cause.
const maxAlternatives = 16

// AnyScheme accepts requests that satisfy at least one of several schemes, as
// while a sender changes from one to another. They are asked in their order,
// and the identity is that of the first that accepts.
//
// Of a request that none accepts, the reason is that of the first scheme whose
// header fields or parameters are there at all.
type AnyScheme struct {
	// The schemes, from 2 to 16. `any` can't be one of them. Required.
	SchemesRaw []json.RawMessage `json:"schemes,omitempty" caddy:"namespace=verify.schemes inline_key=name"`

	schemes []verify.Verifier
}

// chooser is implemented by schemes that consist of others.
type chooser interface {
	verify.Verifier
	// choose is like Verify, and also returns which of the alternatives has
	// accepted the request.
	choose(ctx context.Context, r *verify.Request, now time.Time) (identity verify.Identity, accepted int, err error)
	alternatives() []verify.Verifier
}

// CaddyModule returns the Caddy module information.
func (AnyScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.any",
		New: func() caddy.Module { return new(AnyScheme) },
	}
}

// Provision sets up s.
func (s *AnyScheme) Provision(ctx caddy.Context) error {
	if n := len(s.SchemesRaw); n < 2 || n > maxAlternatives {
		return fmt.Errorf("any needs from 2 to %d schemes, not %d", maxAlternatives, n)
	}
	mods, err := ctx.LoadModule(s, "SchemesRaw")
	if err != nil {
		return err
	}
	for _, mod := range mods.([]any) {
		if _, ok := mod.(chooser); ok {
			return errors.New("any can't be an alternative of any")
		}
		verifier, ok := mod.(verify.Verifier)
		if !ok {
			return fmt.Errorf("%T is no verifier", mod)
		}
		s.schemes = append(s.schemes, verifier)
	}
	return nil
}

// Verify implements [verify.Verifier].
func (s *AnyScheme) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	identity, _, err := s.choose(ctx, r, now)
	return identity, err
}

func (s *AnyScheme) choose(ctx context.Context, r *verify.Request, now time.Time) (_ verify.Identity, accepted int, _ error) {
	var failure error
	for i, scheme := range s.schemes {
		identity, err := scheme.Verify(ctx, r, now)
		if err == nil {
			return identity, i, nil
		}
		failure = weightier(failure, err)
	}
	return verify.Identity{}, 0, failure
}

func (s *AnyScheme) alternatives() []verify.Verifier { return s.schemes }

// weightier returns the one of two failures that tells more, or the first.
func weightier(a, b error) error {
	if weight(b) > weight(a) {
		return b
	}
	return a
}

// weight orders failures: a scheme that could not decide might have accepted
// the request, and one that misses something is likely not the sender's.
func weight(err error) int {
	e, refused := errors.AsType[*verify.Error](err)
	switch {
	case err == nil:
		return 0
	case !refused:
		return 3
	case e.Reason != verify.ReasonMissing:
		return 2
	default:
		return 1
	}
}

// Handshake implements [verify.Handshaker] with the first answer that there is.
// What one scheme takes for a handshake that it must refuse may be an event to
// another.
func (s *AnyScheme) Handshake(ctx context.Context, r *verify.Request, now time.Time) (*verify.Response, error) {
	var failure error
	var refused [maxAlternatives]bool
	for i, scheme := range s.schemes {
		handshaker, ok := scheme.(verify.Handshaker)
		if !ok {
			continue
		}
		response, err := handshaker.Handshake(ctx, r, now)
		if response != nil && err == nil {
			return response, nil
		}
		refused[i] = err != nil
		failure = weightier(failure, err)
	}
	if failure == nil {
		return nil, nil
	}
	for i, scheme := range s.schemes {
		if refused[i] {
			continue
		}
		if _, err := scheme.Verify(ctx, r, now); err == nil {
			return nil, nil
		}
	}
	return nil, failure
}

// NeedsBody reports whether any of the schemes looks at the body.
func (s *AnyScheme) NeedsBody() bool { return slices.ContainsFunc(s.schemes, needsBody) }

// Tolerance returns the longest of the schemes' tolerances.
func (s *AnyScheme) Tolerance() (longest time.Duration) {
	for _, scheme := range s.schemes {
		longest = max(longest, tolerance(scheme))
	}
	return longest
}

// WWWAuthenticate returns the challenges of all schemes (RFC 9110, section
// 11.6.1).
func (s *AnyScheme) WWWAuthenticate() string {
	var challenges []string
	for _, scheme := range s.schemes {
		if c := challenge(scheme); c != "" && !slices.Contains(challenges, c) {
			challenges = append(challenges, c)
		}
	}
	return strings.Join(challenges, ", ")
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	any {
//		<scheme> [<secret>...] {
//			<options of the scheme>
//		}
//		...
//	}
func (s *AnyScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if d.NextArg() {
		return d.Err("the schemes of any stand in its block") // ArgErr would show what may be a secret
	}
	for d.NextBlock(0) {
		if d.Val() == "any" {
			return d.Err("any can't be an alternative of any")
		}
		scheme := caddyfile.NewDispenser(d.NextSegment())
		scheme.Next()
		raw, err := unmarshalModule(scheme, "verify.schemes", "name", "scheme")
		if err != nil {
			return err
		}
		s.SchemesRaw = append(s.SchemesRaw, raw)
	}
	if n := len(s.SchemesRaw); n < 2 || n > maxAlternatives {
		d.Reset()
		d.Next()
		return d.Errf("any needs from 2 to %d schemes, not %d", maxAlternatives, n)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*AnyScheme)(nil)
	_ caddyfile.Unmarshaler = (*AnyScheme)(nil)
	_ verify.Verifier       = (*AnyScheme)(nil)
	_ verify.Handshaker     = (*AnyScheme)(nil)
	_ chooser               = (*AnyScheme)(nil)
	_ challenger            = (*AnyScheme)(nil)
	_ bodyUser              = (*AnyScheme)(nil)
	_ ager                  = (*AnyScheme)(nil)
)
