package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

func init() {
	caddy.RegisterModule(RFC9421Scheme{})
}

// RFC9421Scheme verifies HTTP message signatures (RFC 9421), and the
// Content-Digest (RFC 9530) of requests that have one.
//
// A signature must have the parameters `created` and `keyid`. A `nonce` is the
// id of the message, the `keyid` is the subject, and `expires` is obeyed. The
// algorithm is the one that is configured for the key, whatever the signature
// says. At most 8 signatures are looked at, which cover at most 32 components
// each.
type RFC9421Scheme struct {
	// The keys that may sign. Required; at most 16.
	Keys []RFC9421Key `json:"keys,omitempty"`

	// The name of the signature that counts, among those of a request.
	// Default: any.
	Label string `json:"label,omitempty"`

	// The parameter `tag` of the signature that counts. Default: any, or none.
	// Exactly one signature must have the label and the tag.
	Tag string `json:"tag,omitempty"`

	// What the signature must cover, written as in `Signature-Input` but
	// without the quotation marks around names: `@method`, `content-digest`,
	// `@query-param;name="id"`. Default: the method, the whole URL (either
	// `@target-uri`, or `@authority` with `@request-target` or with `@path` and
	// `@query`), and `content-digest` if there is a body. If this is an empty
	// list, a signature need not cover anything.
	Components []string `json:"components,omitzero"`

	// How long after its creation a signature is accepted. The sender's clock
	// may be ahead by as much, but not by more than a minute. Default: `5m`.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	*httpSignatureVerifier `json:"-"`
}

type httpSignatureVerifier = httpsig.Verifier

// RFC9421Key is a key with its name and the only algorithm that it is used
// with.
type RFC9421Key struct {
	// The name that senders give in `keyid`. Required.
	ID string `json:"id,omitempty"`

	// The algorithm: `rsa-pss-sha512`, `rsa-v1_5-sha256`, `ecdsa-p256-sha256`,
	// `ecdsa-p384-sha384`, `ed25519`, or `hmac-sha256`. Required.
	Algorithm httpsig.Algorithm `json:"algorithm,omitempty"`

	// The secret in base64 for `hmac-sha256`, and else the public key or a
	// certificate with it, in PEM. Placeholders such as `{env.NAME}` and
	// `{file.PATH}` are resolved when the config is loaded, and an unset or
	// empty one is an error. Required.
	Key string `json:"key,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (RFC9421Scheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.rfc9421",
		New: func() caddy.Module { return new(RFC9421Scheme) },
	}
}

// Provision sets up s.
func (s *RFC9421Scheme) Provision(ctx caddy.Context) error {
	c := s.config()
	for i := range c.Keys {
		k := &c.Keys[i]
		resolve := resolvePEM
		if k.Algorithm == httpsig.HMACSHA256 {
			resolve = resolveSecret
		}
		var err error
		if k.Value, err = resolve(k.Value); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	verifier, err := httpsig.New(c)
	if err != nil {
		return err
	}
	s.httpSignatureVerifier = verifier
	warnAboutSignature(ctx.Logger(), verifier)
	return nil
}

func (s *RFC9421Scheme) config() httpsig.Config {
	c := httpsig.Config{Label: s.Label, Tag: s.Tag, Components: s.Components, MaxAge: time.Duration(s.MaxAge)}
	for _, k := range s.Keys {
		c.Keys = append(c.Keys, httpsig.Key{ID: k.ID, Algorithm: k.Algorithm, Value: k.Key})
	}
	return c
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	rfc9421 {
//		key        <keyid> <algorithm> <key>
//		label      <label>
//		tag        <tag>
//		components <component>...
//		max_age    <duration>
//	}
//
// There may be several lines with a key.
func (s *RFC9421Scheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if d.CountRemainingArgs() > 0 {
		return d.Err("keys are given in the block, with their ids and algorithms") // ArgErr would show one
	}
	for d.NextBlock(0) {
		if err := s.unmarshalOption(d); err != nil {
			return err
		}
	}
	d.Reset()
	d.Next() // what follows is about the scheme as a whole
	if err := s.config().Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (s *RFC9421Scheme) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "key":
		return s.unmarshalKey(d)
	case "label":
		return parseVerifyOption(d, &s.Label)
	case "tag":
		return parseVerifyOption(d, &s.Tag)
	case "components":
		if s.Components != nil {
			return d.Err("components is already set")
		}
		if s.Components = d.RemainingArgs(); len(s.Components) == 0 {
			return d.ArgErr()
		}
		return nil
	case "max_age":
		if s.MaxAge != 0 {
			return d.Err("max_age is already set")
		}
		var text string
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		return parseDuration(d, text, &s.MaxAge)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

func (s *RFC9421Scheme) unmarshalKey(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 3 {
		return d.Err("expected a key id, an algorithm, and a key") // ArgErr would show the last argument
	}
	k := RFC9421Key{ID: args[0], Algorithm: httpsig.Algorithm(args[1]), Key: args[2]}
	if err := k.Algorithm.Validate(); err != nil {
		return d.WrapErr(err)
	}
	if k.ID == "" || k.Key == "" {
		return d.Err("empty key or key id")
	}
	s.Keys = append(s.Keys, k)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*RFC9421Scheme)(nil)
	_ caddyfile.Unmarshaler = (*RFC9421Scheme)(nil)
	_ verify.Verifier       = (*RFC9421Scheme)(nil)
	_ verify.Signer         = (*RFC9421Scheme)(nil)
)
