package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/introspect"
)

func init() {
	caddy.RegisterModule(IntrospectionScheme{})
}

// IntrospectionScheme verifies access tokens in the Authorization header field
// by asking the server that issued them (RFC 7662).
//
// It is asked at most once for a token in the time that answers are remembered
// for, and at most 100 times a second. If it can't be asked, requests are
// answered with 503. That a token is not active is remembered for 10 seconds.
//
// The subject is the member `sub` of the answer, or else `client_id`; all
// members are in `{verify.claims.*}`.
type IntrospectionScheme struct {
	// The https URL of the introspection endpoint. Required.
	Endpoint string `json:"endpoint,omitempty"`

	// Whether the endpoint may be at a private address, and at an http URL.
	// Default: false.
	AllowPrivate bool `json:"allow_private,omitempty"`

	// The name that we authenticate with at the endpoint. Placeholders such as
	// `{env.NAME}` and `{file.PATH}` are resolved when the config is loaded, and
	// an unset or empty one is an error. Default: we don't authenticate.
	ClientID string `json:"client_id,omitempty"`

	// The password that goes with the client_id. Placeholders are resolved as
	// in it.
	ClientSecret string `json:"client_secret,omitempty"`

	// The scopes that must all be granted to a token. Placeholders are resolved
	// as in the client_id. Default: none.
	Scopes []string `json:"scopes,omitempty"`

	TokenRules

	// How long the answer for an active token is remembered, though never
	// beyond the token's expiration. A token that is revoked stays valid for as
	// long. Default: `1m`.
	Cache caddy.Duration `json:"cache,omitempty"`

	*introspectionVerifier `json:"-"`

	client *fetch.Client
}

type introspectionVerifier = introspect.Verifier

// CaddyModule returns the Caddy module information.
func (IntrospectionScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.introspection",
		New: func() caddy.Module { return new(IntrospectionScheme) },
	}
}

// Provision sets up s.
func (s *IntrospectionScheme) Provision(caddy.Context) error {
	c := introspect.Config{CacheFor: time.Duration(s.Cache)}
	for _, option := range []struct {
		name, text string
		resolved   *string
	}{
		{"endpoint", s.Endpoint, &c.Endpoint},
		{"client_id", s.ClientID, &c.ClientID},
		{"client_secret", s.ClientSecret, &c.ClientSecret},
	} {
		if option.text == "" && option.name != "endpoint" {
			continue
		}
		var err error
		if *option.resolved, err = resolveSecret(option.text); err != nil {
			return fmt.Errorf("%s: %w", option.name, err)
		}
	}
	var err error
	if c.Scopes, err = resolveValues("scope", s.Scopes); err != nil {
		return err
	}
	if c.Rules, err = resolveRules(s.rules()); err != nil {
		return err
	}
	if s.client, err = newTokenClient(c.Endpoint, s.AllowPrivate); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	c.Client = s.client
	s.introspectionVerifier, err = introspect.New(c)
	return err
}

// Cleanup closes the connections to the server.
func (s *IntrospectionScheme) Cleanup() error {
	if s.client != nil {
		s.client.HTTP.CloseIdleConnections()
	}
	return nil
}

// NeedsBody returns false: a token says nothing of the body.
func (*IntrospectionScheme) NeedsBody() bool { return false }

// KnowsRepeats returns false: a token may be used for many messages.
func (*IntrospectionScheme) KnowsRepeats() bool { return false }

// WWWAuthenticate returns the challenge of RFC 6750, section 3.
func (*IntrospectionScheme) WWWAuthenticate() string { return "Bearer" }

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	introspection {
//		endpoint      <url>
//		allow_private
//		client_id     <id>
//		client_secret <secret>
//		scope         <scope>...
//		issuer        <issuer>...
//		audience      <audience>...
//		claim         <name> <value>...
//		cache         <duration>
//	}
func (s *IntrospectionScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if d.NextArg() {
		return d.ArgErr()
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
	switch {
	case s.Endpoint == "":
		return d.Err("no endpoint")
	case (s.ClientID == "") != (s.ClientSecret == ""):
		return d.Err("client_id and client_secret need each other")
	}
	if err := checkTokenURL(s.Endpoint, s.AllowPrivate); err != nil {
		return d.WrapErr(fmt.Errorf("endpoint: %w", err))
	}
	return nil
}

func (s *IntrospectionScheme) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "endpoint":
		return parseVerifyOption(d, &s.Endpoint)
	case "allow_private":
		return parseVerifyFlag(d, &s.AllowPrivate)
	case "client_id":
		return parseVerifyOption(d, &s.ClientID)
	case "client_secret":
		return s.unmarshalClientSecret(d)
	case "scope":
		return parseVerifyList(d, &s.Scopes)
	case "cache":
		return s.unmarshalCache(d)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

func (s *IntrospectionScheme) unmarshalClientSecret(d *caddyfile.Dispenser) error {
	if s.ClientSecret != "" {
		return d.Err("client_secret is already set")
	}
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Err("expected one client_secret") // ArgErr would show the last argument
	}
	s.ClientSecret = args[0]
	return nil
}

func (s *IntrospectionScheme) unmarshalCache(d *caddyfile.Dispenser) error {
	if s.Cache != 0 {
		return d.Err("cache is already set")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return parseDuration(d, text, &s.Cache)
}

// Interface guards
var (
	_ caddy.Provisioner     = (*IntrospectionScheme)(nil)
	_ caddy.CleanerUpper    = (*IntrospectionScheme)(nil)
	_ caddyfile.Unmarshaler = (*IntrospectionScheme)(nil)
	_ verify.Verifier       = (*IntrospectionScheme)(nil)
	_ challenger            = (*IntrospectionScheme)(nil)
	_ bodyUser              = (*IntrospectionScheme)(nil)
	_ repeatKnower          = (*IntrospectionScheme)(nil)
)
