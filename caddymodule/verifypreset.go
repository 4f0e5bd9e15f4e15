package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	for _, name := range verify.Presets() {
		caddy.RegisterModule(PresetScheme{name: name})
	}
}

// PresetScheme verifies the signatures of a provider whose way of signing is
// known: `github` for GitHub, and `standard_webhooks` for all that follow
// https://www.standardwebhooks.com, whether with `webhook-*` or with `svix-*`
// header fields.
type PresetScheme struct {
	// The secrets, any of which may match. Placeholders such as `{env.NAME}`
	// and `{file.PATH}` are resolved when the config is loaded, and an unset or
	// empty one is an error. Required; at most 16.
	Secrets []string `json:"secrets,omitempty"`

	verify.Verifier `json:"-"`

	name string
}

// CaddyModule returns the Caddy module information.
func (s PresetScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID("verify.schemes." + s.name),
		New: func() caddy.Module { return &PresetScheme{name: s.name} },
	}
}

// Provision sets up s.
func (s *PresetScheme) Provision(caddy.Context) error {
	config, _ := verify.Preset(s.name)
	secrets, err := resolveSecrets(s.Secrets)
	if err != nil {
		return err
	}
	s.Verifier, err = verify.NewSignature(config, secrets...)
	return err
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	<name> [<secret>...] {
//		secret <secret>...
//	}
func (s *PresetScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Secrets); err != nil {
		return err
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "secret":
			if err := parseVerifySecretLine(d, &s.Secrets); err != nil {
				return err
			}
		default:
			return d.Errf("unrecognized option '%s'", d.Val())
		}
	}
	return requireVerifySecrets(d, len(s.Secrets))
}

// Interface guards
var (
	_ caddy.Provisioner     = (*PresetScheme)(nil)
	_ caddyfile.Unmarshaler = (*PresetScheme)(nil)
	_ verify.Verifier       = (*PresetScheme)(nil)
)
