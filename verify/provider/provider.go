package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
)

// Verifier verifies the requests of a provider, and answers its handshakes.
type Verifier struct {
	verify.Verifier
	profile   *Profile
	handshake handshake // or nil
	// trial explains refusals, if v has secrets and code of its own.
	trial func() *verify.SecretTrial
}

// New returns a verifier of the provider with the profile p.
func (p *Profile) New(s Settings) (*Verifier, error) {
	if err := p.Check(s); err != nil {
		return nil, err
	}
	v := &Verifier{profile: p}
	var err error
	if p.Signature != nil {
		v.Verifier, err = verify.NewSignature(*p.Signature, s.Secrets...)
	} else {
		v.Verifier, err = p.new(p, &s)
		if len(s.Secrets) > 0 {
			v.trial = p.newTrial(s)
		}
	}
	if err != nil {
		return nil, err
	}
	if p.handshake != nil {
		v.handshake, err = p.handshake(&s)
	} else {
		v.handshake, _ = v.Verifier.(handshake)
	}
	return v, err
}

// Check returns an error if s lacks something, or has something that p knows
// nothing of.
func (p *Profile) Check(s Settings) error {
	for name := range s.Options {
		if p.Option(name) == nil {
			return fmt.Errorf("unrecognized option '%s'", name)
		}
	}
	for _, o := range p.Options {
		values := s.Options[o.Name]
		switch {
		case o.Required && len(values) == 0:
			return fmt.Errorf("%s is required", o.Name)
		case len(values) > 1 && !o.Many:
			return fmt.Errorf("%s has more than one value", o.Name)
		case slices.Contains(values, ""):
			return fmt.Errorf("%s is empty", o.Name)
		}
	}
	switch {
	case p.Secret == "" && len(s.Secrets) > 0:
		return errors.New("there are no secrets in this scheme")
	case p.Secret != "" && len(s.Secrets) == 0 && !p.secretReplaced(s):
		return errors.New("no secret")
	}
	return nil
}

func (p *Profile) secretReplaced(s Settings) bool {
	return slices.ContainsFunc(p.Options, func(o Option) bool { return o.ReplacesSecret && len(s.Options[o.Name]) > 0 })
}

// Option returns the option of the given name, or nil.
func (p *Profile) Option(name string) *Option {
	for i := range p.Options {
		if p.Options[i].Name == name {
			return &p.Options[i]
		}
	}
	return nil
}

// Profile returns what is known of the provider.
func (v *Verifier) Profile() *Profile { return v.profile }

// Verify implements [verify.Verifier].
func (v *Verifier) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	identity, err := v.Verifier.Verify(ctx, r, now)
	if err == nil {
		identity.Scheme = v.profile.Name
	}
	return identity, err
}

// Handshake implements [verify.Handshaker].
func (v *Verifier) Handshake(ctx context.Context, r *verify.Request, now time.Time) (*verify.Response, error) {
	if v.handshake == nil {
		return nil, nil
	}
	return v.handshake.respond(ctx, v.Verifier, r, now)
}

// Sign implements [verify.Signer].
func (v *Verifier) Sign(r *verify.Request, now time.Time) error {
	signer, ok := v.Verifier.(verify.Signer)
	if !ok {
		return fmt.Errorf("requests of %s can't be made here", v.profile.Name)
	}
	return signer.Sign(r, now)
}

// NeedsBody reports whether the body must be read to verify a request, or to
// answer a handshake.
func (v *Verifier) NeedsBody() bool { return !v.profile.bodyless || v.handshake != nil }

// WWWAuthenticate returns what to answer a refused request with in the header
// field of that name, or "".
func (v *Verifier) WWWAuthenticate() string {
	if _, ok := v.Verifier.(*verify.Basic); ok {
		return basicChallenge
	}
	return v.profile.challenge
}

// Tolerance returns how far a timestamp may be from the time of verification,
// or 0 if none is signed.
func (v *Verifier) Tolerance() time.Duration {
	if s, ok := v.Verifier.(interface{ Tolerance() time.Duration }); ok {
		return s.Tolerance()
	}
	return 0
}

// CoversURL reports whether the URL is signed, so that the one that the sender
// used must be known.
func (v *Verifier) CoversURL() bool {
	u, ok := v.Verifier.(interface{ CoversURL() bool })
	return ok && u.CoversURL()
}

// KnowsRepeats reports whether identities tell one message from another.
func (v *Verifier) KnowsRepeats() bool {
	switch inner := v.Verifier.(type) {
	case *verify.Basic, *verify.Bearer, *verify.Token, *graph:
		return false
	case *verify.Signature:
		return inner.KnowsRepeats()
	case *jwt.Verifier:
		return inner.CoversBody()
	default:
		return true
	}
}

// Interface guards
var (
	_ verify.Verifier   = (*Verifier)(nil)
	_ verify.Handshaker = (*Verifier)(nil)
	_ verify.Signer     = (*Verifier)(nil)
)
