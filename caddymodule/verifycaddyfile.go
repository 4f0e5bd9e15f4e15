package caddymodule

import (
	"math"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("verify", parseVerify)
	httpcaddyfile.RegisterDirectiveOrder("verify", httpcaddyfile.Before, "basic_auth")
}

func parseVerify(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	v := new(Verify)
	return v, v.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	verify [<matcher>] <scheme> [<secret>...] {
//		max_body <size>
//		secret   <secret>...
//		<options of the scheme>
//	}
//
// The scheme gets everything but max_body.
func (h *Verify) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	moduleID := "verify.schemes." + name
	if _, err := caddy.GetModule(moduleID); err != nil {
		return d.Errf("unrecognized scheme '%s'", name)
	}
	scheme, err := h.schemeTokens(d)
	if err != nil {
		return err
	}
	sd := caddyfile.NewDispenser(scheme)
	sd.Next()
	unm, err := caddyfile.UnmarshalModule(sd, moduleID)
	if err != nil {
		return err
	}
	h.SchemeRaw = caddyconfig.JSONModuleObject(unm, "name", name, nil)
	return nil
}

// schemeTokens parses the options of the handler itself, and returns all the
// other tokens as a segment of the scheme's own.
func (h *Verify) schemeTokens(d *caddyfile.Dispenser) ([]caddyfile.Token, error) {
	tokens := []caddyfile.Token{d.Token()}
	for d.NextArg() {
		tokens = append(tokens, d.Token())
	}
	block := false
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if !block {
			d.Prev()
			tokens = append(tokens, d.Token()) // the opening brace
			d.Next()
			block = true
		}
		switch d.Val() {
		case "max_body":
			if err := h.parseMaxBody(d); err != nil {
				return nil, err
			}
		default:
			tokens = append(tokens, d.NextSegment()...)
		}
	}
	if block {
		tokens = append(tokens, d.Token()) // the closing brace
	}
	return tokens, nil
}

func (h *Verify) parseMaxBody(d *caddyfile.Dispenser) error {
	if h.MaxBody != 0 {
		return d.Err("max_body is given twice")
	}
	var arg string
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	size, err := humanize.ParseBytes(arg)
	if err != nil {
		return d.Errf("invalid size '%s'", arg)
	}
	if size == 0 || size > math.MaxInt64 {
		return d.Errf("size '%s' is out of range", arg)
	}
	h.MaxBody = int64(size)
	return nil
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
		return d.Errf("%s is given twice", name)
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
