package caddymodule

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// loadWebhook does what the app does with the JSON of a destination.
func loadWebhook(t *testing.T, config string) (*Webhook, relay.Destination, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	mod, err := ctx.LoadModuleByID("relay.destinations.webhook", json.RawMessage(config))
	if err != nil {
		return nil, nil, err
	}
	w := mod.(*Webhook)
	dest, err := w.Destination(4)
	return w, dest, err
}

func webhookDelivery() *relay.Delivery {
	return &relay.Delivery{
		ID:      "d1",
		Attempt: 1,
		Event:   &relay.Event{ID: "evt_1", Body: []byte(`{"a":"b"}`)},
	}
}

// webhookReceiver is a server of this machine, and the header of its last
// request.
func webhookReceiver(t *testing.T) (url string, header *http.Header) {
	t.Helper()
	header = new(http.Header)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { *header = r.Header }))
	t.Cleanup(s.Close)
	return s.URL, header
}

func TestWebhookResolvesPlaceholders(t *testing.T) {
	url, header := webhookReceiver(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("t0ken\n"), 0o600))
	t.Setenv("HOOK_URL", url)
	// What comes from the environment is not looked at again.
	t.Setenv("TENANT", "{event.id}{env.HOOK_URL}")
	t.Setenv("SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	_, dest, err := loadWebhook(t, `{
		"url": "{env.HOOK_URL}/in",
		"allow_private": true,
		"bearer": "{file.`+file+`}",
		"sign": {"scheme": "standard_webhooks", "secrets": ["{env.SIGNING}"]},
		"headers": {"X-Tenant": ["{env.TENANT}/{event.id}/\\{event.id\\}"]}
	}`)
	require.NoError(t, err)
	got := dest.Deliver(t.Context(), webhookDelivery())
	require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
	require.Equal(t, "Bearer t0ken", header.Get("Authorization"))
	require.Equal(t, "{event.id}{env.HOOK_URL}/evt_1/{event.id}", header.Get("X-Tenant"))
	require.Regexp(t, `^v1,[A-Za-z0-9+/]{43}=$`, header.Get("Webhook-Signature"))
}

func TestWebhookRefusesConfig(t *testing.T) {
	t.Setenv("EMPTY", "")
	t.Setenv("PRIVATE_URL", "http://10.0.0.1/")
	t.Setenv("NOT_BASE64", "s3cret!")
	tests := []struct{ config, want string }{
		{`{}`, "url: empty"},
		{`{"url": "{env.EMPTY}"}`, "url: {env.EMPTY} is unset, unreadable, or empty"},
		{`{"url": "{env.PRIVATE_URL}"}`, "10.0.0.1 is a private address; add allow_private or allow <cidr>"},
		{`{"url": "https://example.com/{event.id}"}`, "url: it has a placeholder that is unknown"},
		{`{"url": "https://example.com", "bearer": "{env.EMPTY}"}`, "bearer: {env.EMPTY} is unset"},
		{`{"url": "https://example.com", "bearer": "{event.id}"}`, "bearer: it has a placeholder that is unknown"},
		{`{"url": "https://example.com", "basic_auth": {"username": "me"}}`, "basic_auth: password: empty"},
		{`{"url": "https://example.com", "basic_auth": {"password": "p"}}`, "basic_auth: user name: empty"},
		{`{"url": "https://example.com", "basic_auth": {"username": "u", "password": "p"}, "bearer": "t"}`, "a bearer token and basic authentication exclude each other"},
		{`{"url": "https://example.com", "sign": {"secrets": ["{env.SIGNING}"]}}`, "sign: needs the scheme standard_webhooks"},
		{`{"url": "https://example.com", "sign": {"scheme": "standard_webhooks"}}`, "sign: needs the scheme standard_webhooks and at least one secret"},
		{`{"url": "https://example.com", "sign": {"scheme": "standard_webhooks", "secrets": ["{env.EMPTY}"]}}`, "sign: secret 1: {env.EMPTY} is unset"},
		{`{"url": "https://example.com", "sign": {"scheme": "standard_webhooks", "secrets": ["{env.NOT_BASE64}"]}}`, "a signing secret must be base64"},
		{`{"url": "https://example.com", "headers": {"X-A": ["{env.EMPTY}"]}}`, "header X-A: placeholder {env.EMPTY}: unset, unreadable, or empty"},
		{`{"url": "https://example.com", "headers": {"X-A": ["abc{s3cret}"]}}`, "header X-A: placeholder at byte 4: no such placeholder"},
		{`{"url": "https://example.com", "headers": {"X-A": ["ab{s3cret"]}}`, "header X-A: the placeholder at byte 3 is not closed"},
		{`{"url": "https://example.com", "headers": {"Host": ["x"]}}`, "the header field Host is set by the relay itself"},
		{`{"url": "https://example.com", "allow": ["internal"]}`, `allow: "internal" is neither an address nor a prefix`},
		{`{"url": "https://example.com", "permanent": ["2xx"]}`, `"2xx" is neither a status`},
		{`{"url": "https://example.com", "timeout": -1}`, "timeout and concurrency must not be negative"},
		{`{"url": "https://example.com", "follow": true}`, "unknown field"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "nope": 1}}`, "unknown field"},
		{`{"url": "https://example.com", "transport": {"protocol": "fastcgi"}}`, "transport: only http is supported"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "versions": ["3"]}}`, "transport: HTTP/3 is not supported"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "proxy_protocol": "v2"}}`, "transport: proxy_protocol is not supported"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "tls": {"except_ports": ["80"]}}}`, "transport: tls_except_ports is not supported"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "tls": {"server_name": "{http.request.host}"}}}`, "transport: tls_server_name must not have placeholders"},
		{`{"url": "HTTP://example.com", "transport": {"protocol": "http", "tls": {}}}`, "transport: there are options for TLS, but the url begins with http://"},
		{`{"url": "https://example.com", "transport": {"protocol": "http", "network_proxy": {"from": "url", "url": "http://proxy:3128"}}}`, "a proxy connects to addresses that can't be checked here"},
	}
	for _, tt := range tests {
		t.Run(tt.config, func(t *testing.T) {
			_, _, err := loadWebhook(t, tt.config)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestWebhookTransport(t *testing.T) {
	url, header := webhookReceiver(t)
	w, dest, err := loadWebhook(t, `{"url": "`+url+`", "allow": ["127.0.0.1"], "transport": {"protocol": "http"}}`)
	require.NoError(t, err)
	// The module's default is the environment's proxy, which would look up
	// names itself, past the guard.
	require.Nil(t, w.config.Transport.Proxy)
	require.Equal(t, 4, w.config.Transport.MaxIdleConnsPerHost)
	got := dest.Deliver(t.Context(), webhookDelivery())
	require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
	require.Equal(t, "d1", header.Get("Webhook-Id"))
	require.NotContains(t, *header, "Accept-Encoding")

	w, _, err = loadWebhook(t, `{"url": "`+url+`", "allow_private": true,
		"transport": {"protocol": "http", "keep_alive": {"max_idle_conns_per_host": 32}}}`)
	require.NoError(t, err)
	require.Equal(t, 32, w.config.Transport.MaxIdleConnsPerHost)
}

// Nothing listens at the configured resolver, so names can't be looked up. If
// the guard asked another one, the failure would not name this one.
func TestWebhookTransportResolver(t *testing.T) {
	_, dest, err := loadWebhook(t, `{"url": "http://hooks.example.com/",
		"transport": {"protocol": "http", "resolver": {"addresses": ["tcp/127.0.0.1:1"]}}}`)
	require.NoError(t, err)
	got := dest.Deliver(t.Context(), webhookDelivery())
	require.Equal(t, relay.ReasonDNS, got.Reason)
	require.Contains(t, got.Detail, "dial tcp 127.0.0.1:1")
}

func TestWebhookProxy(t *testing.T) {
	var target string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { target = r.RequestURI }))
	defer proxy.Close()
	_, dest, err := loadWebhook(t, `{"url": "http://hooks.example.com/in", "allow_private": true,
		"transport": {"protocol": "http", "network_proxy": {"from": "url", "url": "`+proxy.URL+`"}}}`)
	require.NoError(t, err)
	got := dest.Deliver(t.Context(), webhookDelivery())
	require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
	require.Equal(t, "http://hooks.example.com/in", target)
}
