package caddymodule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(HMACScheme{})
	caddy.RegisterModule(SignatureScheme{})
}

// HMACScheme verifies signatures that are made with a shared secret, for
// senders that there is no scheme of their own for. It expects the HMAC-SHA-256
// of the body in hexadecimal, unless told otherwise.
//
// Some things can't be configured: a header field or parameter must be there
// exactly once, a signature must have its full length and one canonical
// spelling, a timestamp must be signed, and at most 8 signatures are looked at.
type HMACScheme struct {
	// The hash function: `md5`, `sha1`, `sha256`, or `sha512`. Default:
	// `sha256`.
	Algorithm verify.Algorithm `json:"algorithm,omitempty"`

	// How the secrets are written: `raw`, `base64`, or `hex`. Default: `raw`,
	// the text itself is the key.
	KeyEncoding verify.KeyEncoding `json:"key_encoding,omitempty"`

	SignatureOptions
}

// SignatureScheme verifies signatures that are made with the private half of a
// key pair, or are a plain hash of the secret and the content, for senders that
// there is no scheme of their own for.
//
// What can't be configured is what can't with `hmac`.
type SignatureScheme struct {
	// How signatures are made: `ed25519` (RFC 8032), `ecdsa-p256` (ECDSA with
	// the curve P-256 and SHA-256, in DER), or `sha256-prefix` (the SHA-256 of
	// content that has the secret in it, which is weaker than an HMAC).
	// Required.
	Algorithm verify.Algorithm `json:"algorithm,omitempty"`

	// How the secrets are written: `raw`, `base64`, `hex`, or `spki` (a public
	// key as in certificates: DER in base64, or PEM). Default: `raw`, and
	// `spki` with `ed25519` and `ecdsa-p256`.
	KeyEncoding verify.KeyEncoding `json:"key_encoding,omitempty"`

	SignatureOptions
}

// SignatureOptions are those that all signatures have in common.
type SignatureOptions struct {
	// The secrets, or public keys, any of which may match. Placeholders such as
	// `{env.NAME}` and `{file.PATH}` are resolved when the config is loaded, and
	// an unset or empty one is an error. Required; at most 16.
	Secrets []string `json:"secrets,omitempty"`

	// The text that a secret may begin with and that is no part of the key,
	// such as `whsec_`. Default: none.
	KeyPrefix string `json:"key_prefix,omitempty"`

	// Where the signatures are. Any of them may match. Required.
	Signature verify.Selector `json:"signature,omitzero"`

	// How a signature is written: `hex` or `base64`. Default: `hex`.
	Encoding verify.Encoding `json:"encoding,omitempty"`

	// What is signed: text with the variables `{body}`, `{timestamp}`, `{id}`,
	// `{nonce}`, `{method}`, `{url}`, `{url.noquery}`, `{path}`,
	// `{query.sorted}`, `{header.<name>}`, the digests `{body.md5.hex}`,
	// `{body.md5.base64}`, `{body.sha256.hex}` and `{body.sha256.raw}`, and, with
	// `sha256-prefix`, `{secret}`. The URL is the one of the request before any
	// rewrite, or the `public_url`. Default: `{body}`.
	Signed verify.Template `json:"signed,omitempty"`

	// Where the time of sending is, which must be part of what is signed.
	// Default: the sender signs none, and a request stays valid for ever.
	Timestamp *SignatureTimestamp `json:"timestamp,omitempty"`

	// Where the id of the message is. If it is part of what is signed it must
	// be there, and have no dot. Default: the sender gives none.
	ID *verify.Selector `json:"id,omitempty"`

	// Where the nonce is, which must be part of what is signed. Default: the
	// sender gives none.
	Nonce *verify.Selector `json:"nonce,omitempty"`

	*signatureVerifier `json:"-"`
}

type signatureVerifier = verify.Signature

// SignatureTimestamp says where the time of sending is, and how old it may be.
type SignatureTimestamp struct {
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

// CaddyModule returns the Caddy module information.
func (SignatureScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.signature",
		New: func() caddy.Module { return new(SignatureScheme) },
	}
}

// Provision sets up s.
func (s *HMACScheme) Provision(ctx caddy.Context) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	secrets, err := resolveSecrets(s.Secrets)
	if err != nil {
		return err
	}
	return s.provision(ctx, c, secrets)
}

// Provision sets up s.
func (s *SignatureScheme) Provision(ctx caddy.Context) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	resolve := resolveSecret
	if c.KeyEncoding == verify.KeySPKI {
		resolve = resolvePEM
	}
	secrets := make([]string, len(s.Secrets))
	for i, secret := range s.Secrets {
		if secrets[i], err = resolve(secret); err != nil {
			return fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	return s.provision(ctx, c, secrets)
}

func (o *SignatureOptions) provision(ctx caddy.Context, c verify.SignatureConfig, secrets []string) error {
	verifier, err := verify.NewSignature(c, secrets...)
	if err != nil {
		return err
	}
	o.signatureVerifier = verifier
	warnAboutSignature(ctx.Logger(), verifier)
	return nil
}

// These are the algorithms of the two schemes.
var (
	hmacAlgorithms  = []verify.Algorithm{verify.MD5, verify.SHA1, verify.SHA256, verify.SHA512}
	otherAlgorithms = []verify.Algorithm{verify.Ed25519, verify.ECDSAP256, verify.PlainSHA256}
)

func checkAlgorithm(a verify.Algorithm, algorithms []verify.Algorithm) error {
	if slices.Contains(algorithms, a) {
		return nil
	}
	names := make([]string, len(algorithms))
	for i, known := range algorithms {
		names[i] = string(known)
	}
	return fmt.Errorf("algorithm %q is not one of %s", string(a), strings.Join(names, ", "))
}

// config returns how requests are signed.
func (s *HMACScheme) config() (verify.SignatureConfig, error) {
	c := s.SignatureOptions.config("hmac", cmp.Or(s.Algorithm, verify.SHA256), s.KeyEncoding)
	if err := checkAlgorithm(c.Algorithm, hmacAlgorithms); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// config returns how requests are signed.
func (s *SignatureScheme) config() (verify.SignatureConfig, error) {
	c := s.SignatureOptions.config("signature", s.Algorithm, s.KeyEncoding)
	if err := checkAlgorithm(c.Algorithm, otherAlgorithms); err != nil {
		return c, err
	}
	if !c.Algorithm.Symmetric() {
		c.KeyEncoding = cmp.Or(c.KeyEncoding, verify.KeySPKI)
	}
	return c, c.Validate()
}

func (o *SignatureOptions) config(scheme string, a verify.Algorithm, e verify.KeyEncoding) verify.SignatureConfig {
	c := verify.SignatureConfig{
		Scheme:      scheme,
		Algorithm:   a,
		KeyEncoding: e,
		KeyPrefix:   o.KeyPrefix,
		Signature:   o.Signature,
		Encoding:    o.Encoding,
		Signed:      o.Signed,
		ID:          o.ID,
		Nonce:       o.Nonce,
	}
	if o.Timestamp != nil {
		c.Timestamp = &verify.TimestampConfig{
			Selector:  o.Timestamp.Selector,
			Format:    o.Timestamp.Format,
			Tolerance: time.Duration(o.Timestamp.Tolerance),
		}
	}
	return c
}

// signedParts is implemented by verifiers of signatures that can cover one
// thing or another.
type signedParts interface {
	HeaderNames() []string
	CoversBody() bool
}

// warnAboutSignature logs what is odd, but can be right.
func warnAboutSignature(logger *zap.Logger, v signedParts) {
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

// Interface guards
var (
	_ caddy.Provisioner = (*HMACScheme)(nil)
	_ verify.Verifier   = (*HMACScheme)(nil)
	_ caddy.Provisioner = (*SignatureScheme)(nil)
	_ verify.Verifier   = (*SignatureScheme)(nil)
)
