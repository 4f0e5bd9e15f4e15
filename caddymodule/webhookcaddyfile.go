package caddymodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/webhook"
)

// UnmarshalCaddyfile sets up the destination from Caddyfile tokens. Syntax:
//
//	webhook <url> {
//		timeout <duration>
//		header <name> <value>
//		bearer <token>
//		basic_auth <user> <password>
//		sign standard_webhooks <secret>...
//		permanent <status|class>...
//		allow_private
//		allow <cidr>...
//		transport http {
//			...
//		}
//	}
//
// Only header can be repeated.
func (w *Webhook) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	// Where an argument may be a secret, ArgErr is no use: it would quote one.
	d.Next() // consume the type
	if !d.AllArgs(&w.URL) {
		return d.Err("expected one argument, the url")
	}
	here := caddyfile.NewDispenser([]caddyfile.Token{d.Token()}) // for errors found later
	here.Next()
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "header" {
			return d.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := w.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	if seen["bearer"] && seen["basic_auth"] {
		return here.Err("bearer and basic_auth exclude each other")
	}
	return w.checkURL(here)
}

// checkURL checks the URL as far as it is known before placeholders are.
func (w *Webhook) checkURL(d *caddyfile.Dispenser) error {
	if strings.Contains(w.URL, "{event.") {
		return d.Err("the url is the same for all events, so it can't have their placeholders")
	}
	if strings.Contains(w.URL, "{") {
		return nil
	}
	guard, err := w.guard()
	if err != nil {
		return d.WrapErr(err)
	}
	if err = webhook.CheckURL(w.URL, guard); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (w *Webhook) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case "timeout":
		var text string
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		return parseDuration(d, text, &w.Timeout)
	case "header":
		return w.unmarshalHeader(d)
	case "bearer":
		if !d.AllArgs(&w.Bearer) {
			return d.Err("expected one argument, the token")
		}
		if w.Bearer == "" {
			return d.Err("the token must not be empty")
		}
		return nil
	case "basic_auth":
		w.BasicAuth = new(WebhookBasicAuth)
		if !d.AllArgs(&w.BasicAuth.Username, &w.BasicAuth.Password) {
			return d.Err("expected two arguments, user name and password")
		}
		if w.BasicAuth.Username == "" || w.BasicAuth.Password == "" {
			return d.Err("neither user name nor password must be empty")
		}
		return nil
	case "sign":
		return w.unmarshalSign(d)
	case "permanent":
		w.Permanent = d.RemainingArgs()
		return checkEach(d, w.Permanent, webhook.CheckStatus)
	case "allow_private":
		w.AllowPrivate = true
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	case "allow":
		w.Allow = d.RemainingArgs()
		return checkEach(d, w.Allow, func(s string) error {
			_, err := webhook.ParsePrefix(s)
			return err
		})
	case "transport":
		return w.unmarshalTransport(d)
	default:
		return d.Errf("unrecognized option '%s'", option)
	}
}

func (w *Webhook) unmarshalHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.AllArgs(&name, &value) {
		return d.Err("expected two arguments, name and value of the field; quote a value with spaces")
	}
	if err := webhook.CheckHeaderName(name); err != nil {
		return d.WrapErr(err)
	}
	// Only the placeholders of events are checked here: the others may differ
	// where the config is loaded.
	anything := func(string) (string, error) { return "", nil }
	if _, err := relay.ParseTemplate(value, anything); err != nil {
		return d.WrapErr(err)
	}
	if w.Headers == nil {
		w.Headers = make(http.Header)
	}
	w.Headers.Add(name, value)
	return nil
}

func (w *Webhook) unmarshalSign(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	w.Sign = &WebhookSign{Scheme: d.Val()}
	if w.Sign.Scheme != "standard_webhooks" {
		return d.Errf("unknown scheme '%s': only standard_webhooks is supported", w.Sign.Scheme)
	}
	w.Sign.Secrets = d.RemainingArgs()
	return checkEach(d, w.Sign.Secrets, func(secret string) error {
		if secret == "" {
			return errors.New("a secret must not be empty")
		}
		return nil
	})
}

func (w *Webhook) unmarshalTransport(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if name != "http" {
		return d.Errf("unknown transport '%s': only http is supported", name)
	}
	mod, err := caddyfile.UnmarshalModule(d, "http.reverse_proxy.transport."+name)
	if err != nil {
		return err
	}
	w.TransportRaw = caddyconfig.JSONModuleObject(mod, "protocol", name, nil)
	return nil
}

// checkEach requires at least one argument, and that all pass the check.
func checkEach(d *caddyfile.Dispenser, args []string, check func(string) error) error {
	if len(args) == 0 {
		return d.ArgErr()
	}
	for _, arg := range args {
		if err := check(arg); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Webhook)(nil)
