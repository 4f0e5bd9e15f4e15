package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

// parsePlace parses where in a request a value is: "header <name>...",
// "query <parameter>", "form <parameter>", or "json <pointer>", with its block.
func parsePlace(d *caddyfile.Dispenser, s *verify.Selector) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	if err := setPlace(d, s, d.Val(), d.RemainingArgs()); err != nil {
		return err
	}
	return parsePlaceBlock(d, s)
}

func parseOptionalPlace(d *caddyfile.Dispenser, s **verify.Selector) error {
	if *s != nil {
		return d.Errf("%s is already set", d.Val())
	}
	*s = new(verify.Selector)
	return parsePlace(d, *s)
}

// parsePlaceNames parses "header <name>...", "query <parameter>",
// "form <parameter>", or "json <pointer>", where the first is the option.
func parsePlaceNames(d *caddyfile.Dispenser, s *verify.Selector) error {
	return setPlace(d, s, d.Val(), d.RemainingArgs())
}

func setPlace(d *caddyfile.Dispenser, s *verify.Selector, kind string, names []string) error {
	if len(s.Headers) > 0 || s.Query != "" || s.Form != "" || s.JSON != "" {
		return d.Errf("%s: where the value is was already said", kind)
	}
	if len(names) == 0 {
		return d.ArgErr()
	}
	if kind == "header" {
		s.Headers = names
		return nil
	}
	if len(names) > 1 {
		return d.Errf("%s takes one name", kind)
	}
	if names[0] == "" {
		return d.Errf("%s is empty", kind)
	}
	switch kind {
	case "query":
		s.Query = names[0]
	case "form":
		s.Form = names[0]
	case "json":
		s.JSON = names[0]
	default:
		return d.Errf("unrecognized place '%s', must be header, query, form, or json", kind)
	}
	return nil
}

func parsePlaceBlock(d *caddyfile.Dispenser, s *verify.Selector) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := parsePlaceOption(d, s); err != nil {
			return err
		}
	}
	return nil
}

func parsePlaceOption(d *caddyfile.Dispenser, s *verify.Selector) error {
	switch d.Val() {
	case "split":
		return parseVerifyOption(d, &s.Split)
	case "prefix":
		return parseVerifyOption(d, &s.Prefix)
	case "any_header":
		return parseVerifyFlag(d, &s.AnyHeader)
	case "fold_prefix":
		return parseVerifyFlag(d, &s.FoldPrefix)
	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// parseVerifyFlag parses an option without arguments that may be given once.
func parseVerifyFlag(d *caddyfile.Dispenser, flag *bool) error {
	if *flag {
		return d.Errf("%s is already set", d.Val())
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*flag = true
	return nil
}
