package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(TokenScheme{})
}

// TokenScheme verifies a fixed secret that the sender puts into a header field
// of any name, into the query of the URL, or into the body, as it is. A query
// parameter is removed from requests that pass.
type TokenScheme struct {
	// The tokens, any of which may match. Placeholders such as `{env.NAME}`
	// and `{file.PATH}` are resolved when the config is loaded, and an unset or
	// empty one is an error. Required; at most 16.
	Tokens []string `json:"tokens,omitempty"`

	// Where the token is. Required.
	Place verify.Selector `json:"place,omitzero"`

	*tokenVerifier `json:"-"`
}

type tokenVerifier = verify.Token

// CaddyModule returns the Caddy module information.
func (TokenScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.token",
		New: func() caddy.Module { return new(TokenScheme) },
	}
}

// Provision sets up s.
func (s *TokenScheme) Provision(caddy.Context) error {
	tokens, err := resolveSecrets(s.Tokens)
	if err != nil {
		return err
	}
	s.tokenVerifier, err = verify.NewToken(s.Place, tokens...)
	return err
}

// NeedsBody reports whether the token is in the body.
func (s *TokenScheme) NeedsBody() bool { return s.InBody() }

// Scrub removes the query parameter that has the token, so that it is neither
// kept with an event nor sent on.
func (s *TokenScheme) Scrub(r *http.Request) { removeQueryParam(r, s.Place.Query) }

// SecretHeaders returns the fields that may have the token.
func (s *TokenScheme) SecretHeaders() []string { return s.tokenVerifier.Place().Headers }

// KnowsRepeats returns false: a token is the same in each request.
func (s *TokenScheme) KnowsRepeats() bool { return false }

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	token [<token>...] {
//		secret <token>...
//		header <name>...
//		query  <parameter>
//		form   <parameter>
//		json   <pointer>
//		prefix <text>
//	}
//
// One of header, query, form, and json is required.
func (s *TokenScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Tokens); err != nil {
		return err
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "secret":
			err = parseVerifySecretLine(d, &s.Tokens)
		case "header", "query", "form", "json":
			err = parsePlaceNames(d, &s.Place)
		case "prefix":
			err = parseVerifyOption(d, &s.Place.Prefix)
		default:
			err = d.Errf("unrecognized option '%s'", d.Val())
		}
		if err != nil {
			return err
		}
	}
	if err := requireVerifySecrets(d, len(s.Tokens)); err != nil {
		return err
	}
	if err := s.Place.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*TokenScheme)(nil)
	_ caddyfile.Unmarshaler = (*TokenScheme)(nil)
	_ verify.Verifier       = (*TokenScheme)(nil)
	_ bodyUser              = (*TokenScheme)(nil)
	_ scrubber              = (*TokenScheme)(nil)
	_ secretCarrier         = (*TokenScheme)(nil)
	_ repeatKnower          = (*TokenScheme)(nil)
)
