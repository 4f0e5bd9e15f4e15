package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	hmac [<secret>...] {
//		secret       <secret>...
//		algorithm    sha1|sha256|sha512
//		key_encoding raw|base64|hex
//		key_prefix   <text>
//		header       <name>...
//		split        <separator>
//		prefix       <text>
//		encoding     hex|base64
//		signed       <template>
//		timestamp    header <name>... [unix|unix_ms|rfc3339] {
//			split  <separator>
//			prefix <text>
//		}
//		tolerance    <duration>
//		id           header <name>... {
//			split  <separator>
//			prefix <text>
//		}
//	}
func (s *HMACScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &s.Secrets); err != nil {
		return err
	}
	var tolerance caddy.Duration
	for d.NextBlock(0) {
		if err := s.unmarshalOption(d, &tolerance); err != nil {
			return err
		}
	}
	if err := requireVerifySecrets(d, len(s.Secrets)); err != nil {
		return err
	}
	d.Reset()
	d.Next() // what follows is about the scheme as a whole
	if tolerance != 0 {
		if s.Timestamp == nil {
			return d.Err("tolerance without timestamp")
		}
		s.Timestamp.Tolerance = tolerance
	}
	if err := s.config().Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (s *HMACScheme) unmarshalOption(d *caddyfile.Dispenser, tolerance *caddy.Duration) error {
	switch d.Val() {
	case "secret":
		return parseVerifySecretLine(d, &s.Secrets)
	case "algorithm":
		return parseVerifyChoice(d, &s.Algorithm)
	case "key_encoding":
		return parseVerifyChoice(d, &s.KeyEncoding)
	case "key_prefix":
		return parseVerifyOption(d, &s.KeyPrefix)
	case "header":
		return parseVerifyHeaders(d, &s.Signature)
	case "split":
		return parseVerifyOption(d, &s.Signature.Split)
	case "prefix":
		return parseVerifyOption(d, &s.Signature.Prefix)
	case "encoding":
		return parseVerifyChoice(d, &s.Encoding)
	case "signed":
		return s.unmarshalSigned(d)
	case "timestamp":
		return s.unmarshalTimestamp(d)
	case "tolerance":
		return parseVerifyTolerance(d, tolerance)
	case "id":
		if s.ID != nil {
			return d.Err("id is already set")
		}
		s.ID = new(verify.Selector)
		return parseVerifySelector(d, s.ID)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// unmarshalSigned undoes what the Caddyfile adapter did to the template: some
// of its variables are also shorthands of request placeholders.
func (s *HMACScheme) unmarshalSigned(d *caddyfile.Dispenser) error {
	if err := parseVerifyOption(d, &s.Signed); err != nil {
		return err
	}
	s.Signed = verify.Template(longPlaceholders.Replace(string(s.Signed)))
	if err := s.Signed.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

var longPlaceholders = strings.NewReplacer(
	"{http.request.method}", "{method}",
	"{http.request.uri.path}", "{path}",
	"{http.request.header.", "{header.",
)

func (s *HMACScheme) unmarshalTimestamp(d *caddyfile.Dispenser) error {
	if s.Timestamp != nil {
		return d.Err("timestamp is already set")
	}
	s.Timestamp = new(HMACTimestamp)
	if err := parseVerifySelector(d, &s.Timestamp.Selector); err != nil {
		return err
	}
	// The format stands behind the names, and is none itself.
	names := s.Timestamp.Headers
	if last := len(names) - 1; last > 0 {
		if format := verify.TimestampFormat(names[last]); format.Validate() == nil {
			s.Timestamp.Headers, s.Timestamp.Format = slices.Clip(names[:last]), format
		}
	}
	return nil
}

func parseVerifyTolerance(d *caddyfile.Dispenser, tolerance *caddy.Duration) error {
	if *tolerance != 0 {
		return d.Err("tolerance is already set")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return parseDuration(d, text, tolerance)
}

// parseVerifySelector parses "header <name>..." with its block.
func parseVerifySelector(d *caddyfile.Dispenser, s *verify.Selector) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	if d.Val() != "header" {
		return d.Errf("unrecognized place '%s', must be header", d.Val())
	}
	if err := parseVerifyHeaders(d, s); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "split":
			err = parseVerifyOption(d, &s.Split)
		case "prefix":
			err = parseVerifyOption(d, &s.Prefix)
		default:
			err = d.Errf("unrecognized option '%s'", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseVerifyHeaders(d *caddyfile.Dispenser, s *verify.Selector) error {
	if len(s.Headers) > 0 {
		return d.Err("header is already set")
	}
	if s.Headers = d.RemainingArgs(); len(s.Headers) == 0 {
		return d.ArgErr()
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*HMACScheme)(nil)
