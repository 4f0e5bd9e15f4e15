package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

func init() {
	caddy.RegisterModule(JWTScheme{})
}

// defaultLeeway is as much as clocks differ that are set now and then.
const defaultLeeway = 30 * time.Second

// JWTScheme verifies JSON Web Tokens (RFC 7519) that are signed, with shared
// secrets, public keys, or a key set (RFC 7517) that is fetched.
//
// A token is never asked how to verify it: only the algorithms given here are
// used, each only with its kind of key, and keys or URLs in the token's header
// are ignored. `exp` is required and compared, `nbf` and `iat` are compared if
// they are there. Tokens have at most 16 KiB.
//
// The id is the claim `jti`, the subject `sub`, and the timestamp `iat`; all
// claims are in `{verify.claims.*}`.
//
// A key set is fetched when the first token comes, again before it is too old,
// and when a token names a key that is not in it, but at most every 15 seconds.
// How long it is good for is what its server says in `Cache-Control`, at least
// five minutes and at most a day, or else an hour. If it can't be fetched it is
// used for another day at most, and after that requests are answered with 503.
type JWTScheme struct {
	// The shared secrets, any of which may match, for the algorithms that begin
	// with `HS`. Placeholders such as `{env.NAME}` and `{file.PATH}` are
	// resolved when the config is loaded, and an unset or empty one is an error.
	// At most 16.
	Secrets []string `json:"secrets,omitempty"`

	// The public keys, any of which may match, for the other algorithms: PEM
	// files with a public key or a certificate, mostly as placeholder
	// `{file.PATH}`. RSA keys have at least 2048 bits. At most 16.
	Keys []string `json:"keys,omitempty"`

	// How the secrets are written: `raw`, `base64`, or `hex`. Default: `raw`,
	// the text itself is the key.
	KeyEncoding verify.KeyEncoding `json:"key_encoding,omitempty"`

	// The https URL of the key set. Either this, secrets, or keys are required.
	JWKS string `json:"jwks,omitempty"`

	// Whether the key set may be at a private address, and at an http URL.
	// Default: false.
	AllowPrivate bool `json:"allow_private,omitempty"`

	// The algorithms that tokens may be signed with, of HS256, HS384, HS512,
	// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, and EdDSA.
	// Required.
	Algorithms []jwt.Algorithm `json:"algorithms,omitempty"`

	// The header field that the token is in. Default: `Authorization`, where
	// `Bearer` comes before it.
	Header string `json:"header,omitempty"`

	TokenRules

	// Whether tokens without `exp` are accepted, which are valid for ever.
	// Default: false.
	ExpirationOptional bool `json:"expiration_optional,omitempty"`

	// How far the sender's clock may be from ours when times are compared.
	// Default: `30s`.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// The claim with the SHA-256 of the body. Default: none, so that whoever
	// sees a request can send another body with its token.
	BodyHash *jwt.BodyHash `json:"body_hash,omitempty"`

	// The claim with the SHA-256 of the URL. Default: none.
	URLHash *jwt.Hash `json:"url_hash,omitempty"`

	*jwtVerifier `json:"-"`

	keySet *pooledKeySet
}

type jwtVerifier = jwt.Verifier

// TokenRules say what a token must state. Placeholders such as `{env.NAME}` are
// resolved in all values when the config is loaded.
type TokenRules struct {
	// The issuers that are accepted. Default: any.
	Issuers []string `json:"issuers,omitempty"`

	// The audiences that a token may be meant for, one of which it must name.
	// Default: any. An issuer that also issues tokens for others should never be
	// trusted without one.
	Audiences []string `json:"audiences,omitempty"`

	// The claims that are required, each with the values that are accepted. If
	// the claim is a list, one of them must be in it; of `scope` and `scp` all
	// are required. The values `true` and `false` are the boolean ones.
	Claims []token.Claim `json:"claims,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (JWTScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.jwt",
		New: func() caddy.Module { return new(JWTScheme) },
	}
}

// Provision sets up s.
func (s *JWTScheme) Provision(ctx caddy.Context) error {
	if err := s.checkKeys(); err != nil {
		return err
	}
	c := s.config()
	var err error
	if c.Rules, err = resolveRules(c.Rules); err != nil {
		return err
	}
	var keys []string
	if s.JWKS != "" {
		if err := s.provisionKeySet(); err != nil {
			return fmt.Errorf("jwks: %w", err)
		}
		c.Keys = s.keySet.Remote
		if len(s.Audiences) == 0 && len(s.Claims) == 0 {
			ctx.Logger().Warn("no audience and no claim is required: tokens that were issued for others are accepted, too",
				zap.String("jwks", s.JWKS))
		}
	} else if keys, err = s.resolveKeys(); err != nil {
		return err
	}
	s.jwtVerifier, err = jwt.New(c, keys...)
	return err
}

// resolveKeys returns the secrets or public keys. Unlike a secret, a PEM file
// has line breaks.
func (s *JWTScheme) resolveKeys() ([]string, error) {
	keys, err := resolveSecrets(s.Secrets)
	if err != nil {
		return nil, err
	}
	for i, text := range s.Keys {
		key, err := resolvePEM(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// checkKeys returns an error if it is not clear where keys come from.
func (s *JWTScheme) checkKeys() error {
	kinds := 0
	for _, given := range []bool{len(s.Secrets) > 0, len(s.Keys) > 0, s.JWKS != ""} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return errors.New("no secret, key, or jwks")
	case kinds > 1:
		return errors.New("secret, key, and jwks exclude each other")
	case s.AllowPrivate && s.JWKS == "":
		return errors.New("allow_private without jwks")
	}
	return nil
}

// config returns what s says, with placeholders, and without keys.
func (s *JWTScheme) config() jwt.Config {
	c := jwt.Config{
		Algorithms:  s.Algorithms,
		KeyEncoding: s.KeyEncoding,
		Header:      s.Header,
		Rules:       s.rules(),
		BodyHash:    s.BodyHash,
		URLHash:     s.URLHash,
	}
	c.Rules.ExpirationOptional = s.ExpirationOptional
	c.Rules.Leeway = defaultLeeway
	if s.Leeway != nil {
		c.Rules.Leeway = time.Duration(*s.Leeway)
	}
	return c
}

func (r *TokenRules) rules() token.Rules {
	return token.Rules{Issuers: r.Issuers, Audiences: r.Audiences, Claims: r.Claims}
}

// resolveRules replaces the placeholders in the values of rules.
func resolveRules(rules token.Rules) (token.Rules, error) {
	var err error
	if rules.Issuers, err = resolveValues("issuer", rules.Issuers); err != nil {
		return rules, err
	}
	if rules.Audiences, err = resolveValues("audience", rules.Audiences); err != nil {
		return rules, err
	}
	claims := make([]token.Claim, len(rules.Claims))
	for i, c := range rules.Claims {
		claims[i].Name = c.Name
		if claims[i].Values, err = resolveValues("claim "+c.Name, c.Values); err != nil {
			return rules, err
		}
	}
	rules.Claims = claims
	return rules, nil
}

// resolveValues replaces the placeholders in the values of an option, as in
// secrets.
func resolveValues(option string, values []string) ([]string, error) {
	resolved := make([]string, len(values))
	for i, value := range values {
		var err error
		if resolved[i], err = resolveSecret(value); err != nil {
			return nil, fmt.Errorf("%s: %w", option, err)
		}
	}
	return resolved, nil
}

// Cleanup lets go of the key set.
func (s *JWTScheme) Cleanup() error { return s.keySet.release() }

// NeedsBody reports whether a hash of the body is compared.
func (s *JWTScheme) NeedsBody() bool { return s.BodyHash != nil }

// WWWAuthenticate returns the challenge of RFC 6750, section 3, if the token is
// where that says.
func (s *JWTScheme) WWWAuthenticate() string {
	if s.Header != "" {
		return ""
	}
	return "Bearer"
}

// Interface guards
var (
	_ caddy.Provisioner  = (*JWTScheme)(nil)
	_ caddy.CleanerUpper = (*JWTScheme)(nil)
	_ verify.Verifier    = (*JWTScheme)(nil)
	_ verify.Signer      = (*JWTScheme)(nil)
	_ challenger         = (*JWTScheme)(nil)
	_ bodyUser           = (*JWTScheme)(nil)
	_ secretCarrier      = (*JWTScheme)(nil)
)
