package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/webhook"
)

func init() {
	caddy.RegisterModule(Webhook{})
}

// Webhook delivers events to a URL. Each is POSTed with the content type and
// the body that it came in with, byte for byte, and with these header fields:
//
// Field | Value
// ------|------
// `Webhook-Id` | identifies the delivery; the same on every attempt, so that receivers can drop repeats
// `Webhook-Timestamp` | when the attempt was made, in Unix seconds
// `Webhook-Attempt` | the number of the attempt, from 1
// `Webhook-Signature` | one signature per secret of `sign`, if there is any
// `User-Agent` | `caddy-relay`
//
// An answer with a 2xx status means that the receiver has the event. Anything
// else, redirects included, is tried again later, unless the status is listed
// as `permanent` or is 410.
//
// ### Addresses
//
// Only public addresses are called. This is checked after the name was looked
// up, on the address that is then connected to. Proxy variables in the
// environment are not used.
//
// ### Placeholders
//
// Placeholders such as `{env.*}` and `{file.*}` are replaced when the config is
// loaded; one that is unset or empty is an error. The values of `headers` can
// also have the placeholders `{event.*}`, which are replaced in each request.
type Webhook struct {
	// The URL to POST to. Required. Its scheme must be `http` or `https`; it
	// must have neither user name and password nor a fragment.
	URL string `json:"url,omitempty"`

	// How long an attempt may take as a whole, from looking up the name to the
	// end of the answer. Default: `15s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Header fields to add to each request. `Content-Type` and `User-Agent`
	// replace what would be sent otherwise. Fields that the relay must set
	// itself, such as `Webhook-Id`, `Content-Length` and `Host`, are errors.
	Headers http.Header `json:"headers,omitempty"`

	// The token to send as `Authorization: Bearer`. Excludes `basic_auth`.
	Bearer string `json:"bearer,omitempty"`

	// The credentials to send as `Authorization: Basic`. Excludes `bearer`.
	BasicAuth *WebhookBasicAuth `json:"basic_auth,omitempty"`

	// How to sign requests. Default: they are not signed.
	Sign *WebhookSign `json:"sign,omitempty"`

	// Statuses such as `404`, and classes `3xx`, `4xx` and `5xx`, after which a
	// delivery becomes a dead letter at once. 410 is always one of them. `4xx`
	// leaves out 408, 425 and 429, which ask for another attempt.
	Permanent []string `json:"permanent,omitempty"`

	// Whether to call loopback, private, shared (carrier-grade NAT) and
	// link-local addresses too. Those that serve a cloud's metadata are still
	// refused. Default: `false`.
	AllowPrivate bool `json:"allow_private,omitempty"`

	// Addresses, and prefixes such as `10.1.0.0/16`, to call whatever they are.
	Allow []string `json:"allow,omitempty"`

	// How to connect. Only the module `http` is supported, and of its options
	// neither HTTP/3, `proxy_protocol`, `tls_except_ports` nor a placeholder in
	// `tls_server_name`. A proxy needs `allow_private`, since it connects to
	// addresses that can't be checked here.
	TransportRaw json.RawMessage `json:"transport,omitempty" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`

	config webhook.Config
}

// WebhookBasicAuth is a user name and a password (RFC 7617).
type WebhookBasicAuth struct {
	// The user name. Required.
	Username string `json:"username,omitempty"`

	// The password. Required.
	Password string `json:"password,omitempty"`
}

// WebhookSign says how requests are signed.
type WebhookSign struct {
	// The scheme. Only `standard_webhooks` is supported, that is the symmetric
	// signature of the Standard Webhooks specification 1.0. Required.
	Scheme string `json:"scheme,omitempty"`

	// The secrets, in base64, with or without `whsec_` before it. At least one
	// is required; with several, each request has a signature of every one.
	Secrets []string `json:"secrets,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Webhook) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "relay.destinations.webhook",
		New: func() caddy.Module { return new(Webhook) },
	}
}

// Provision resolves the placeholders. It opens no connection.
func (w *Webhook) Provision(ctx caddy.Context) error {
	if w.Timeout == 0 {
		w.Timeout = caddy.Duration(webhook.DefaultTimeout)
	}
	w.config.Timeout = time.Duration(w.Timeout)
	w.config.Permanent = w.Permanent
	var err error
	if w.config.Guard, err = w.guard(); err != nil {
		return err
	}
	if err := w.resolve(); err != nil {
		return err
	}
	if w.TransportRaw == nil {
		return nil
	}
	return w.provisionTransport(ctx)
}

// Validate implements caddy.Validator.
func (w *Webhook) Validate() error {
	return w.config.Validate()
}

// Destination implements [DestinationModule].
func (w *Webhook) Destination(concurrency int) (relay.Destination, error) {
	w.config.Concurrency = concurrency
	return webhook.New(w.config)
}

func (w *Webhook) guard() (webhook.Guard, error) {
	guard := webhook.Guard{AllowPrivate: w.AllowPrivate}
	for _, s := range w.Allow {
		prefix, err := webhook.ParsePrefix(s)
		if err != nil {
			return guard, fmt.Errorf("allow: %w", err)
		}
		guard.Allow = append(guard.Allow, prefix)
	}
	return guard, nil
}

// resolve replaces the placeholders in all that may have some.
func (w *Webhook) resolve() error {
	var err error
	if w.config.URL, err = resolveSecret(w.URL); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if w.Bearer != "" {
		if w.config.BearerToken, err = resolveSecret(w.Bearer); err != nil {
			return fmt.Errorf("bearer: %w", err)
		}
	}
	if w.BasicAuth != nil {
		if w.config.Username, err = resolveSecret(w.BasicAuth.Username); err != nil {
			return fmt.Errorf("basic_auth: user name: %w", err)
		}
		if w.config.Password, err = resolveSecret(w.BasicAuth.Password); err != nil {
			return fmt.Errorf("basic_auth: password: %w", err)
		}
	}
	if w.Sign != nil {
		if w.Sign.Scheme != "standard_webhooks" || len(w.Sign.Secrets) == 0 {
			return errors.New("sign: needs the scheme standard_webhooks and at least one secret")
		}
		if w.config.SigningSecrets, err = resolveSecrets(w.Sign.Secrets); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	return w.resolveHeaders()
}

func (w *Webhook) resolveHeaders() error {
	w.config.Headers = make(map[string][]*relay.Template, len(w.Headers))
	for name, values := range w.Headers {
		for _, value := range values {
			t, err := relay.ParseTemplate(value, resolveAtLoad)
			if err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
			w.config.Headers[name] = append(w.config.Headers[name], t)
		}
	}
	return nil
}

// resolveAtLoad returns the value of a placeholder that is not an event's.
func resolveAtLoad(name string) (string, error) {
	value, known := caddy.NewReplacer().GetString(name)
	switch {
	case !known:
		return "", errors.New("no such placeholder")
	case value == "":
		return "", errors.New("unset, unreadable, or empty")
	default:
		return value, nil
	}
}

// Interface guards
var (
	_ caddy.Provisioner = (*Webhook)(nil)
	_ caddy.Validator   = (*Webhook)(nil)
	_ DestinationModule = (*Webhook)(nil)
)
