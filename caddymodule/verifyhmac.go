package caddymodule

import (
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(HMACScheme{})
}

// HMACScheme verifies signatures that are made with a shared secret, for
// senders that there is no scheme of their own for. It expects the HMAC-SHA-256
// of the body in hexadecimal, unless told otherwise.
//
// Some things can't be configured: a header field must be there exactly once, a
// signature must have its full length and one canonical spelling, a timestamp
// must be signed, and at most 8 signatures are looked at.
type HMACScheme struct {
	// The secrets, any of which may match. Placeholders such as `{env.NAME}`
	// and `{file.PATH}` are resolved when the config is loaded, and an unset or
	// empty one is an error. Required; at most 16.
	Secrets []string `json:"secrets,omitempty"`

	// The hash function: `sha1`, `sha256`, or `sha512`. Default: `sha256`.
	Algorithm verify.Algorithm `json:"algorithm,omitempty"`

	// How the secrets are written: `raw`, `base64`, or `hex`. Default: `raw`,
	// the text itself is the key.
	KeyEncoding verify.KeyEncoding `json:"key_encoding,omitempty"`

	// The text that a secret may begin with and that is no part of the key,
	// such as `whsec_`. Default: none.
	KeyPrefix string `json:"key_prefix,omitempty"`

	// Where the signatures are. Any of them may match. Required.
	Signature verify.Selector `json:"signature,omitzero"`

	// How a signature is written: `hex` or `base64`. Default: `hex`.
	Encoding verify.Encoding `json:"encoding,omitempty"`

	// What is signed: text with the variables `{body}`, `{timestamp}`, `{id}`,
	// `{method}`, `{url}`, `{path}`, and `{header.<name>}`. The URL is the one of
	// the request before any rewrite. Default: `{body}`.
	Signed verify.Template `json:"signed,omitempty"`

	// Where the time of sending is, which must be part of what is signed.
	// Default: the sender signs none, and a request stays valid for ever.
	Timestamp *HMACTimestamp `json:"timestamp,omitempty"`

	// Where the id of the message is. If it is part of what is signed it must
	// be there, and have no dot. Default: the sender gives none.
	ID *verify.Selector `json:"id,omitempty"`

	verify.Verifier `json:"-"`
}

// HMACTimestamp says where the time of sending is, and how old it may be.
type HMACTimestamp struct {
	verify.Selector

	// How the time is written: `unix` (seconds), `unix_ms` (milliseconds), or
	// `rfc3339`. Default: `unix`.
	Format verify.TimestampFormat `json:"format,omitempty"`

	// How far the time may be from ours, in the past and in the future.
	// Default: `5m`.
	Tolerance caddy.Duration `json:"tolerance,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (HMACScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.hmac",
		New: func() caddy.Module { return new(HMACScheme) },
	}
}

// Provision sets up s.
func (s *HMACScheme) Provision(ctx caddy.Context) error {
	secrets, err := resolveSecrets(s.Secrets)
	if err != nil {
		return err
	}
	verifier, err := verify.NewSignature(s.config(), secrets...)
	if err != nil {
		return err
	}
	s.Verifier = verifier
	warnAboutHMAC(ctx.Logger(), verifier)
	return nil
}

// warnAboutHMAC logs what is odd, but can be right.
func warnAboutHMAC(logger *zap.Logger, v *verify.Signature) {
	for _, name := range v.HeaderNames() {
		if strings.ContainsAny(name, "_.") {
			logger.Warn("the server drops header fields with _ or . in their names, unless expected_underscore_headers or expected_dot_headers lists them",
				zap.String("header", name))
		}
	}
	if !v.CoversBody() {
		logger.Warn("the body is not signed: whoever sees a request can send another body under its signature")
	}
}

func (s *HMACScheme) config() verify.SignatureConfig {
	c := verify.SignatureConfig{
		Scheme:      "hmac",
		Algorithm:   s.Algorithm,
		KeyEncoding: s.KeyEncoding,
		KeyPrefix:   s.KeyPrefix,
		Signature:   s.Signature,
		Encoding:    s.Encoding,
		Signed:      s.Signed,
		ID:          s.ID,
	}
	if s.Timestamp != nil {
		c.Timestamp = &verify.TimestampConfig{
			Selector:  s.Timestamp.Selector,
			Format:    s.Timestamp.Format,
			Tolerance: time.Duration(s.Timestamp.Tolerance),
		}
	}
	return c
}

// Interface guards
var (
	_ caddy.Provisioner = (*HMACScheme)(nil)
	_ verify.Verifier   = (*HMACScheme)(nil)
)
