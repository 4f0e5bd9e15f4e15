package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	jwt [<secret>...] {
//		secret          <secret>...
//		key_encoding    raw|base64|hex
//		key             <pem>...
//		jwks            <url>
//		allow_private
//		algorithms      <algorithm>...
//		header          <name>
//		issuer          <issuer>...
//		audience        <audience>...
//		claim           <name> <value>...
//		require_exp     off
//		leeway          <duration>
//		body_hash_claim <claim> [hex|base64] [unless_empty]
//		url_hash_claim  <claim> [hex|base64]
//	}
//
// Secrets, key and jwks exclude each other.
func (s *JWTScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Secrets); err != nil {
		return err
	}
	for d.NextBlock(0) {
		known, err := s.TokenRules.unmarshalOption(d)
		if !known && err == nil {
			err = s.unmarshalOption(d)
		}
		if err != nil {
			return err
		}
	}
	d.Reset()
	d.Next() // what follows is about the scheme as a whole
	if err := s.check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// check returns an error if s can't be right whatever the placeholders.
func (s *JWTScheme) check() error {
	if err := s.checkKeys(); err != nil {
		return err
	}
	c := s.config()
	if s.JWKS != "" {
		if err := checkTokenURL(s.JWKS, s.AllowPrivate); err != nil {
			return fmt.Errorf("jwks: %w", err)
		}
		c.Keys = new(jwt.Remote)
	}
	return c.Validate()
}

func (s *JWTScheme) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "secret":
		return parseVerifySecretLine(d, &s.Secrets)
	case "key_encoding":
		return parseVerifyChoice(d, &s.KeyEncoding)
	case "key":
		return parseVerifySecretLine(d, &s.Keys)
	case "jwks":
		return parseVerifyOption(d, &s.JWKS)
	case "allow_private":
		return parseVerifyFlag(d, &s.AllowPrivate)
	case "algorithms":
		return parseVerifyList(d, &s.Algorithms)
	case "header":
		return parseVerifyOption(d, &s.Header)
	case "require_exp":
		return s.unmarshalRequireExp(d)
	case "leeway":
		return s.unmarshalLeeway(d)
	case "body_hash_claim":
		if s.BodyHash != nil {
			return d.Err("body_hash_claim is already set")
		}
		s.BodyHash = new(jwt.BodyHash)
		return unmarshalHashClaim(d, &s.BodyHash.Hash, &s.BodyHash.UnlessEmpty)
	case "url_hash_claim":
		if s.URLHash != nil {
			return d.Err("url_hash_claim is already set")
		}
		s.URLHash = new(jwt.Hash)
		return unmarshalHashClaim(d, s.URLHash, nil)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

func (s *JWTScheme) unmarshalRequireExp(d *caddyfile.Dispenser) error {
	if s.ExpirationOptional {
		return d.Err("require_exp is already set")
	}
	var arg string
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	if arg != "off" {
		return d.Errf("'%s' must be off; it is on by default", arg)
	}
	s.ExpirationOptional = true
	return nil
}

// unmarshalLeeway parses a duration that may be zero.
func (s *JWTScheme) unmarshalLeeway(d *caddyfile.Dispenser) error {
	if s.Leeway != nil {
		return d.Err("leeway is already set")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	leeway, err := caddy.ParseDuration(text)
	if err != nil || leeway < 0 {
		return d.Errf("'%s' is not a duration such as 0s, 30s or 1m", text)
	}
	s.Leeway = new(caddy.Duration)
	*s.Leeway = caddy.Duration(leeway)
	return nil
}

// unmarshalHashClaim parses a claim that has a hash. unlessEmpty is nil if that
// makes no sense.
func unmarshalHashClaim(d *caddyfile.Dispenser, h *jwt.Hash, unlessEmpty *bool) error {
	args := d.RemainingArgs()
	if len(args) == 0 || args[0] == "" {
		return d.ArgErr()
	}
	h.Claim, args = args[0], args[1:]
	if last := len(args) - 1; last >= 0 && args[last] == "unless_empty" && unlessEmpty != nil {
		*unlessEmpty, args = true, args[:last]
	}
	switch len(args) {
	case 0:
		return nil
	case 1:
		if h.Encoding = verify.Encoding(args[0]); h.Encoding.Validate() != nil {
			return d.Errf("'%s' is not hex or base64", args[0])
		}
		return nil
	default:
		return d.ArgErr()
	}
}

// unmarshalOption parses an option that is about what a token states. known is
// false if it is another one.
func (r *TokenRules) unmarshalOption(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "issuer":
		return true, parseVerifyList(d, &r.Issuers)
	case "audience":
		return true, parseVerifyList(d, &r.Audiences)
	case "claim":
		return true, r.unmarshalClaim(d)
	default:
		return false, nil
	}
}

func (r *TokenRules) unmarshalClaim(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("expected the name of a claim and at least one value")
	}
	r.Claims = append(r.Claims, token.Claim{Name: args[0], Values: args[1:]})
	rules := r.rules()
	if err := rules.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// parseVerifyList parses an option with at least one argument that may be given
// once.
func parseVerifyList[T ~string](d *caddyfile.Dispenser, list *[]T) error {
	name := d.Val()
	if len(*list) > 0 {
		return d.Errf("%s is already set", name)
	}
	if d.CountRemainingArgs() == 0 {
		return d.ArgErr()
	}
	for d.NextArg() {
		if d.Val() == "" {
			return d.Errf("empty %s", name)
		}
		*list = append(*list, T(d.Val()))
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*JWTScheme)(nil)
