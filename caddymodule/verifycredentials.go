package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(BearerScheme{})
	caddy.RegisterModule(BasicScheme{})
}

// BearerScheme verifies static bearer tokens (RFC 6750) in the Authorization
// header field.
type BearerScheme struct {
	// The tokens, any of which may match. Placeholders such as `{env.NAME}`
	// and `{file.PATH}` are resolved when the config is loaded, and an unset or
	// empty one is an error. Required; at most 16.
	Tokens []string `json:"tokens,omitempty"`

	// The query parameter that may hold the token instead, for senders that
	// can send no header field. It is removed from requests that pass. URLs
	// tend to end up in logs. Default: none.
	Query string `json:"query,omitempty"`

	verify.Verifier `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (BearerScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.bearer",
		New: func() caddy.Module { return new(BearerScheme) },
	}
}

// Provision sets up s.
func (s *BearerScheme) Provision(caddy.Context) error {
	tokens, err := resolveSecrets(s.Tokens)
	if err != nil {
		return err
	}
	s.Verifier, err = verify.NewBearer(s.Query, tokens...)
	return err
}

// WWWAuthenticate returns the challenge of RFC 6750, section 3.
func (*BearerScheme) WWWAuthenticate() string { return "Bearer" }

// NeedsBody returns false: a token says nothing of the body.
func (*BearerScheme) NeedsBody() bool { return false }

// KnowsRepeats returns false: a token says nothing of the message.
func (*BearerScheme) KnowsRepeats() bool { return false }

// Scrub removes the query parameter that may hold the token, so that it is
// neither kept with an event nor sent on.
func (s *BearerScheme) Scrub(r *http.Request) { removeQueryParam(r, s.Query) }

// removeQueryParam removes all parameters of a name from the query of r, if
// there is a name. The rest of the query stays as it is written.
func removeQueryParam(r *http.Request, param string) {
	if param == "" {
		return
	}
	pairs := strings.Split(r.URL.RawQuery, "&")
	kept := slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		unescaped, err := url.QueryUnescape(name)
		return err == nil && unescaped == param
	})
	if len(kept) < len(pairs) {
		r.URL.RawQuery = strings.Join(kept, "&")
		r.RequestURI = r.URL.RequestURI() // Caddy keeps the two in step, too
	}
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	bearer [<token>...] {
//		secret <token>...
//		query  <parameter>
//	}
func (s *BearerScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Tokens); err != nil {
		return err
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "secret":
			err = parseVerifySecretLine(d, &s.Tokens)
		case "query":
			err = parseVerifyOption(d, &s.Query)
		default:
			err = d.Errf("unrecognized option '%s'", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return requireVerifySecrets(d, len(s.Tokens))
}

// BasicScheme verifies HTTP Basic authentication (RFC 7617) against passwords
// in clear, which is what senders of events are given. For people, and for
// hashed passwords, use Caddy's own basic_auth.
type BasicScheme struct {
	// The credentials, any of which may match. Required; at most 16.
	Credentials []BasicCredential `json:"credentials,omitempty"`

	verify.Verifier `json:"-"`
}

// BasicCredential is a user with a password. For rotation a user may be listed
// with several.
type BasicCredential struct {
	// The name of the user. Placeholders are resolved as in the password.
	Username string `json:"username,omitempty"`

	// The password. Placeholders such as `{env.NAME}` and `{file.PATH}` are
	// resolved when the config is loaded, and an unset or empty one is an error.
	Password string `json:"password,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (BasicScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.basic",
		New: func() caddy.Module { return new(BasicScheme) },
	}
}

// Provision sets up s.
func (s *BasicScheme) Provision(caddy.Context) error {
	credentials := make([]verify.Credential, len(s.Credentials))
	for i, c := range s.Credentials {
		resolved, err := resolveSecrets([]string{c.Username, c.Password})
		if err != nil {
			return fmt.Errorf("credential %d: %w", i+1, err)
		}
		credentials[i] = verify.Credential{Username: resolved[0], Password: resolved[1]}
	}
	var err error
	s.Verifier, err = verify.NewBasic(credentials...)
	return err
}

// WWWAuthenticate returns the challenge of RFC 7617, section 2.
func (*BasicScheme) WWWAuthenticate() string { return `Basic realm="restricted", charset="UTF-8"` }

// NeedsBody returns false: a password says nothing of the body.
func (*BasicScheme) NeedsBody() bool { return false }

// KnowsRepeats returns false: a password says nothing of the message.
func (*BasicScheme) KnowsRepeats() bool { return false }

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	basic [<username> <password>...] {
//		secret <username> <password>...
//	}
func (s *BasicScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if d.CountRemainingArgs() > 0 {
		if err := s.unmarshalCredentials(d); err != nil {
			return err
		}
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "secret":
			if err := s.unmarshalCredentials(d); err != nil {
				return err
			}
		default:
			return d.Errf("unrecognized option '%s'", d.Val())
		}
	}
	return requireVerifySecrets(d, len(s.Credentials))
}

func (s *BasicScheme) unmarshalCredentials(d *caddyfile.Dispenser) error {
	var args []string
	if err := parseVerifySecrets(d, &args); err != nil {
		return err
	}
	if len(args) < 2 {
		return d.Err("expected a username and at least one password") // ArgErr would show the last argument
	}
	for _, password := range args[1:] {
		s.Credentials = append(s.Credentials, BasicCredential{Username: args[0], Password: password})
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*BearerScheme)(nil)
	_ caddyfile.Unmarshaler = (*BearerScheme)(nil)
	_ verify.Verifier       = (*BearerScheme)(nil)
	_ challenger            = (*BearerScheme)(nil)
	_ bodyUser              = (*BearerScheme)(nil)
	_ repeatKnower          = (*BearerScheme)(nil)
	_ scrubber              = (*BearerScheme)(nil)

	_ caddy.Provisioner     = (*BasicScheme)(nil)
	_ caddyfile.Unmarshaler = (*BasicScheme)(nil)
	_ verify.Verifier       = (*BasicScheme)(nil)
	_ challenger            = (*BasicScheme)(nil)
	_ bodyUser              = (*BasicScheme)(nil)
	_ repeatKnower          = (*BasicScheme)(nil)
)
