package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/provider"
)

func init() {
	for _, p := range provider.Profiles() {
		caddy.RegisterModule(PresetScheme{name: p.Name})
		for _, alias := range p.Aliases {
			caddy.RegisterModule(PresetScheme{name: alias})
		}
	}
}

// PresetScheme verifies the requests of a provider whose way of signing is
// known, and answers the requests with which it tries an endpoint. There is one
// of these for each provider; docs/verify.md lists them, with their options.
type PresetScheme struct {
	// The secrets, any of which may match; what exactly they are depends on the
	// provider. Placeholders such as `{env.NAME}` and `{file.PATH}` are resolved
	// when the config is loaded, and an unset or empty one is an error. At most
	// 16.
	Secrets []string `json:"secrets,omitempty"`

	// What else the provider needs, by the name of the option. Placeholders are
	// resolved as in the secrets.
	Options map[string][]string `json:"options,omitempty"`

	// Whether keys may be fetched from private addresses, for providers that
	// one can host. Default: false.
	AllowPrivate bool `json:"allow_private,omitempty"`

	*providerVerifier `json:"-"`

	name string
}

type providerVerifier = provider.Verifier

// CaddyModule returns the Caddy module information.
func (s PresetScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID("verify.schemes." + s.name),
		New: func() caddy.Module { return &PresetScheme{name: s.name} },
	}
}

// Provision sets up s.
func (s *PresetScheme) Provision(ctx caddy.Context) error {
	logger := ctx.Logger()
	settings := provider.Settings{
		Options: make(map[string][]string, len(s.Options)),
		Client:  newFetchClient(s.AllowPrivate),
		Failed: func(err error) {
			logger.Error("keys could not be fetched", zap.String("provider", s.name), zap.Error(err))
		},
		Now: time.Now(),
	}
	var err error
	if settings.Secrets, err = resolveSecrets(s.Secrets); err != nil {
		return err
	}
	for name, values := range s.Options {
		if settings.Options[name], err = resolveSecrets(values); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	profile := provider.Lookup(s.name)
	if s.AllowPrivate && !profile.SelfHosted {
		return errors.New("allow_private: there is nothing of this provider at private addresses")
	}
	s.providerVerifier, err = profile.New(settings)
	return err
}

// Scrub removes the query parameter that has the credentials, if that is where
// they are.
func (s *PresetScheme) Scrub(r *http.Request) {
	if token, ok := s.Verifier.(*verify.Token); ok {
		removeQueryParam(r, token.Place().Query)
	}
}

// SecretHeaders returns the fields that may have a token.
func (s *PresetScheme) SecretHeaders() []string {
	switch v := s.Verifier.(type) {
	case *verify.Token:
		return v.Place().Headers
	case *jwt.Verifier:
		return v.SecretHeaders()
	default:
		return nil
	}
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	<name> [<secret>...] {
//		secret   <secret>...
//		<option> <value>...
//		allow_private
//	}
//
// Which options there are depends on the provider; allow_private is one where
// keys can be got from a server of one's own.
func (s *PresetScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	profile := provider.Lookup(s.name)
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Secrets); err != nil {
		return err
	}
	for d.NextBlock(0) {
		if err := s.unmarshalOption(d, profile); err != nil {
			return err
		}
	}
	d.Reset()
	d.Next() // what follows is about the scheme as a whole
	if err := profile.Check(provider.Settings{Secrets: s.Secrets, Options: s.Options}); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (s *PresetScheme) unmarshalOption(d *caddyfile.Dispenser, profile *provider.Profile) error {
	name := d.Val()
	if name == "secret" {
		return parseVerifySecretLine(d, &s.Secrets)
	}
	if name == "allow_private" && profile.SelfHosted {
		return parseVerifyFlag(d, &s.AllowPrivate)
	}
	option := profile.Option(name)
	switch {
	case option == nil:
		return d.Errf("unrecognized option '%s'", name)
	case len(s.Options[name]) > 0 && !option.Many:
		return d.Errf("%s is already set", name)
	}
	values := d.RemainingArgs()
	if len(values) == 0 || (len(values) > 1 && !option.Many) {
		return d.ArgErr()
	}
	if s.Options == nil {
		s.Options = make(map[string][]string)
	}
	s.Options[name] = append(s.Options[name], values...)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*PresetScheme)(nil)
	_ caddyfile.Unmarshaler = (*PresetScheme)(nil)
	_ verify.Verifier       = (*PresetScheme)(nil)
	_ verify.Handshaker     = (*PresetScheme)(nil)
	_ bodyUser              = (*PresetScheme)(nil)
	_ scrubber              = (*PresetScheme)(nil)
	_ challenger            = (*PresetScheme)(nil)
	_ secretCarrier         = (*PresetScheme)(nil)
	_ repeatKnower          = (*PresetScheme)(nil)
	_ ager                  = (*PresetScheme)(nil)
)
