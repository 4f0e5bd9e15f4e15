package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// provisionTransport loads the transport module and takes its [http.Transport]
// for the destination. What the module does outside of that would be lost, and
// is refused.
func (w *Webhook) provisionTransport(ctx caddy.Context) error {
	var asked reverseproxy.HTTPTransport
	if err := json.Unmarshal(w.TransportRaw, &asked); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	if err := w.checkTransport(&asked); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	mod, err := ctx.LoadModule(w, "TransportRaw")
	if err != nil {
		return fmt.Errorf("loading the transport: %w", err)
	}
	module, ok := mod.(*reverseproxy.HTTPTransport)
	if !ok {
		return fmt.Errorf("transport: only http is supported, not %T", mod)
	}
	t := module.Transport
	if module.ForwardProxyURL == "" && len(asked.NetworkProxyRaw) == 0 {
		// Otherwise this is the environment's proxy, which would look up names
		// itself, past the guard.
		t.Proxy = nil
	}
	if asked.KeepAlive == nil || asked.KeepAlive.MaxIdleConnsPerHost == 0 {
		t.MaxIdleConnsPerHost = 0 // as many as the concurrency
	}
	w.config.Transport = t
	w.config.Resolver = resolver(module.Resolver)
	return nil
}

func (w *Webhook) checkTransport(t *reverseproxy.HTTPTransport) error {
	switch {
	case slices.Contains(t.Versions, "3"):
		return errors.New("HTTP/3 is not supported")
	case t.ProxyProtocol != "":
		return errors.New("proxy_protocol is not supported, since a delivery has no client")
	case t.TLS == nil:
		return nil
	case len(t.TLS.ExceptPorts) > 0:
		return errors.New("tls_except_ports is not supported; the url says whether TLS is used")
	case strings.Contains(t.TLS.ServerName, "{"):
		return errors.New("tls_server_name must not have placeholders")
	case strings.HasPrefix(strings.ToLower(w.config.URL), "http:"):
		return errors.New("there are options for TLS, but the url begins with http://")
	default:
		return nil
	}
}

// resolver returns what looks up names with the configured servers, one chosen
// at random for each question as the module does; nil if there are none. The
// module has checked the addresses.
func resolver(u *reverseproxy.UpstreamResolver) *net.Resolver {
	if u == nil || len(u.Addresses) == 0 {
		return nil
	}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			server := u.Addresses[rand.IntN(len(u.Addresses))] //nolint:gosec // Chance is all that is needed.
			addr, err := caddy.ParseNetworkAddressWithDefaults(server, "udp", 53)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, addr.Network, addr.JoinHostPort(0))
		},
	}
}
