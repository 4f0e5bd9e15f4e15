package caddymodule

import (
	"math"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("verify", parseVerify)
	httpcaddyfile.RegisterDirectiveOrder("verify", httpcaddyfile.Before, "basic_auth")
}

func parseVerify(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	v := new(Verify)
	if err := v.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	v.numberOnce(h)
	return v, nil
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	verify [<matcher>] <scheme> [<secret>...] {
//		max_body   <size>
//		public_url <url>
//		once       <duration>
//		secret     <secret>...
//		<options of the scheme>
//	}
//
// The scheme gets everything but the first three options. Handlers with once and
// the same scheme, secrets and options are numbered, so that they don't take
// each other's messages for repeats.
func (h *Verify) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	if !d.NextArg() {
		return d.ArgErr()
	}
	tokens, err := splitSegment(d, h.unmarshalOption)
	if err != nil {
		return err
	}
	scheme := caddyfile.NewDispenser(tokens)
	scheme.Next()
	h.SchemeRaw, err = unmarshalModule(scheme, "verify.schemes", "name", "scheme")
	return err
}

// unmarshalOption parses an option that does not belong to the scheme.
func (h *Verify) unmarshalOption(d *caddyfile.Dispenser) (bool, error) {
	switch d.Val() {
	case "max_body":
		return true, h.unmarshalMaxBody(d)
	case "public_url":
		return true, h.unmarshalPublicURL(d)
	case "once":
		return true, h.unmarshalOnce(d)
	default:
		return false, nil
	}
}

func (h *Verify) unmarshalMaxBody(d *caddyfile.Dispenser) error {
	if h.MaxBody != 0 {
		return d.Err("max_body is already set")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return parseSize(d, text, math.MaxInt64, &h.MaxBody)
}

// parseVerifySecrets appends the remaining arguments of a line to secrets.
func parseVerifySecrets(d *caddyfile.Dispenser, secrets *[]string) error {
	for d.NextArg() {
		if d.Val() == "" {
			return d.Err("empty secret")
		}
		*secrets = append(*secrets, d.Val())
	}
	return nil
}

// parseVerifySecretLine parses a line that has at least one secret.
func parseVerifySecretLine(d *caddyfile.Dispenser, secrets *[]string) error {
	if d.CountRemainingArgs() == 0 {
		return d.ArgErr()
	}
	return parseVerifySecrets(d, secrets)
}

// requireVerifySecrets fails, where the scheme is named, if there is no secret.
func requireVerifySecrets(d *caddyfile.Dispenser, n int) error {
	if n > 0 {
		return nil
	}
	d.Reset()
	d.Next()
	return d.Err("no secret")
}

// parseVerifyOption parses an option with one argument that is not empty and
// may be given once.
func parseVerifyOption[T ~string](d *caddyfile.Dispenser, field *T) error {
	name := d.Val()
	if *field != "" {
		return d.Errf("%s is already set", name)
	}
	var arg string
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	if arg == "" {
		return d.Errf("%s is empty", name)
	}
	*field = T(arg)
	return nil
}

// parseVerifyChoice parses an option like parseVerifyOption does, whose
// values are from a set.
func parseVerifyChoice[T interface {
	~string
	Validate() error
}](d *caddyfile.Dispenser, field *T,
) error {
	if err := parseVerifyOption(d, field); err != nil {
		return err
	}
	if err := (*field).Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
