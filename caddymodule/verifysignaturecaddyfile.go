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
//		algorithm    md5|sha1|sha256|sha512
//		key_encoding raw|base64|hex
//		<options of all signatures>
//	}
//
// The options of all signatures are:
//
//	key_prefix <text>
//	header     <name>...
//	signature  <place> {
//		<options of places>
//	}
//	any_header
//	split       <separator>
//	prefix      <text>
//	fold_prefix
//	encoding    hex|base64
//	signed      <template>
//	timestamp   <place> [unix|unix_ms|rfc3339] {
//		<options of places>
//	}
//	tolerance <duration>
//	id        <place> {
//		<options of places>
//	}
//	nonce     <place> {
//		<options of places>
//	}
//
// A place is one of
//
//	header <name>...
//	query  <parameter>
//	form   <parameter>
//	json   <pointer>
//
// and its options are any_header, split, prefix, and fold_prefix. Those outside
// of a block belong to the signature, and header <name>... is short for
// signature header <name>....
func (s *HMACScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return s.unmarshal(d, func(option string) (bool, error) {
		return unmarshalKeys(d, option, &s.Algorithm, hmacAlgorithms, &s.KeyEncoding)
	}, s.config)
}

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	signature [<key>...] {
//		secret       <key>...
//		algorithm    ed25519|ecdsa-p256|sha256-prefix
//		key_encoding raw|base64|hex|spki
//		<options of all signatures>
//	}
//
// The options of all signatures are those of hmac.
func (s *SignatureScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return s.unmarshal(d, func(option string) (bool, error) {
		return unmarshalKeys(d, option, &s.Algorithm, otherAlgorithms, &s.KeyEncoding)
	}, s.config)
}

// unmarshalKeys parses the options that differ, and reports whether option is
// one of them.
func unmarshalKeys(
	d *caddyfile.Dispenser, option string, algorithm *verify.Algorithm, algorithms []verify.Algorithm, encoding *verify.KeyEncoding,
) (bool, error) {
	switch option {
	case "algorithm":
		if err := parseVerifyOption(d, algorithm); err != nil {
			return true, err
		}
		if err := checkAlgorithm(*algorithm, algorithms); err != nil {
			return true, d.WrapErr(err)
		}
		return true, nil
	case "key_encoding":
		return true, parseVerifyChoice(d, encoding)
	default:
		return false, nil
	}
}

func (o *SignatureOptions) unmarshal(
	d *caddyfile.Dispenser, unmarshalKeys func(option string) (bool, error), config func() (verify.SignatureConfig, error),
) error {
	d.Next() // consume scheme name
	if err := parseVerifySecrets(d, &o.Secrets); err != nil {
		return err
	}
	var tolerance caddy.Duration
	for d.NextBlock(0) {
		known, err := unmarshalKeys(d.Val())
		if !known {
			err = o.unmarshalOption(d, &tolerance)
		}
		if err != nil {
			return err
		}
	}
	if err := requireVerifySecrets(d, len(o.Secrets)); err != nil {
		return err
	}
	d.Reset()
	d.Next() // what follows is about the scheme as a whole
	if tolerance != 0 {
		if o.Timestamp == nil {
			return d.Err("tolerance without timestamp")
		}
		o.Timestamp.Tolerance = tolerance
	}
	if _, err := config(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (o *SignatureOptions) unmarshalOption(d *caddyfile.Dispenser, tolerance *caddy.Duration) error {
	switch d.Val() {
	case "secret":
		return parseVerifySecretLine(d, &o.Secrets)
	case "key_prefix":
		return parseVerifyOption(d, &o.KeyPrefix)
	case "header":
		return parsePlaceNames(d, &o.Signature)
	case "signature":
		return parsePlace(d, &o.Signature)
	case "any_header", "split", "prefix", "fold_prefix":
		return parsePlaceOption(d, &o.Signature)
	case "encoding":
		return parseVerifyChoice(d, &o.Encoding)
	case "signed":
		return o.unmarshalSigned(d)
	case "timestamp":
		return o.unmarshalTimestamp(d)
	case "tolerance":
		return parseVerifyTolerance(d, tolerance)
	case "id":
		return parseOptionalPlace(d, &o.ID)
	case "nonce":
		return parseOptionalPlace(d, &o.Nonce)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// unmarshalSigned undoes what the Caddyfile adapter did to the template: some
// of its variables are also shorthands of request placeholders.
func (o *SignatureOptions) unmarshalSigned(d *caddyfile.Dispenser) error {
	if err := parseVerifyOption(d, &o.Signed); err != nil {
		return err
	}
	o.Signed = verify.Template(longPlaceholders.Replace(string(o.Signed)))
	if err := o.Signed.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

var longPlaceholders = strings.NewReplacer(
	"{http.request.method}", "{method}",
	"{http.request.uri.path}", "{path}",
	"{http.request.header.", "{header.",
	"{http.request.uri.query.sorted}", "{query.sorted}",
)

func (o *SignatureOptions) unmarshalTimestamp(d *caddyfile.Dispenser) error {
	if o.Timestamp != nil {
		return d.Err("timestamp is already set")
	}
	o.Timestamp = new(SignatureTimestamp)
	place := &o.Timestamp.Selector
	if !d.NextArg() {
		return d.ArgErr()
	}
	kind := d.Val()
	names := d.RemainingArgs()
	// The format stands behind the names, and is none itself.
	if last := len(names) - 1; last > 0 {
		format := verify.TimestampFormat(names[last])
		switch err := format.Validate(); {
		case err == nil:
			names, o.Timestamp.Format = slices.Clip(names[:last]), format
		case isMisspelledFormat(names[last]):
			return d.WrapErr(err)
		}
	}
	if err := setPlace(d, place, kind, names); err != nil {
		return err
	}
	return parsePlaceBlock(d, place)
}

// isMisspelledFormat reports whether a word is hardly the name of another header,
// but a format of timestamps with a mistake in it.
func isMisspelledFormat(word string) bool {
	return word == strings.ToLower(word) &&
		(!strings.Contains(word, "-") || strings.HasPrefix(word, "unix") || strings.HasPrefix(word, "rfc"))
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

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*HMACScheme)(nil)
	_ caddyfile.Unmarshaler = (*SignatureScheme)(nil)
)
