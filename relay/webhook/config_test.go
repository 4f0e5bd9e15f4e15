package webhook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func TestNewRefusesConfig(t *testing.T) {
	headers := func(pairs ...string) map[string][]*relay.Template {
		h := make(map[string][]*relay.Template)
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = []*relay.Template{template(t, pairs[i+1])}
		}
		return h
	}
	tests := []struct {
		want   string
		change func(*Config)
	}{
		{"the url has no host", func(c *Config) { c.URL = "http://" }},
		{"127.0.0.1 is a loopback address; add allow_private or allow <cidr>", func(c *Config) { c.URL = "http://127.0.0.1/" }},
		{"timeout and concurrency must not be negative", func(c *Config) { c.Timeout = -time.Second }},
		{"timeout and concurrency must not be negative", func(c *Config) { c.Concurrency = -1 }},
		{"a bearer token and basic authentication exclude each other", func(c *Config) { c.BearerToken, c.Password = "t", "p" }},
		{"the user name of basic authentication must not contain a colon", func(c *Config) { c.Username = "a:b" }},
		{"the value of the header field Authorization has a line break or another control character", func(c *Config) { c.BearerToken = "s3cret\n" }},
		{"the header field Authorization is configured twice", func(c *Config) { c.BearerToken, c.Headers = "t", headers("authorization", "x") }},
		{"the header field X-A is configured in two spellings", func(c *Config) { c.Headers = headers("x-a", "1", "X-A", "2") }},
		{"the value of the header field X-A has a line break or another control character", func(c *Config) { c.Headers = headers("x-a", "s3cret\r\n") }},
		{"the header field Host is set by the relay itself", func(c *Config) { c.Headers = headers("host", "x") }},
		{`a signing secret must be base64, with or without "whsec_" before it`, func(c *Config) { c.SigningSecrets = []string{""} }},
		{`"200" is neither a status from 300 to 599 nor one of 3xx, 4xx and 5xx`, func(c *Config) { c.Permanent = []string{"404", "200"} }},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			cfg := Config{URL: "https://example.com/"}
			tt.change(&cfg)
			require.EqualError(t, cfg.Validate(), tt.want)
			_, err := New(cfg)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestCheckHeaderName(t *testing.T) {
	for _, name := range []string{"X-A", "x-a", "Authorization", "Content-Type", "User-Agent", "Accept", "traceparent", "X_Y.z~"} {
		require.NoError(t, CheckHeaderName(name), name)
	}
	for _, name := range []string{
		"webhook-id", "Webhook-Signature", "WEBHOOK-X", "content-length", "Host", "connection", "Transfer-Encoding", "TE",
		"Trailer", "Upgrade", "Expect", "Idempotency-Key", "Content-Encoding", "Keep-Alive", "proxy-connection", "Proxy-Authorization",
	} {
		require.ErrorContains(t, CheckHeaderName(name), "is set by the relay itself", name)
	}
	for _, name := range []string{"", "a b", "a:", "é", "a\n"} {
		require.ErrorContains(t, CheckHeaderName(name), "is not the name of a header field", name)
	}
}

func TestCheckStatus(t *testing.T) {
	for _, s := range []string{"300", "404", "599", "3xx", "4xx", "5xx"} {
		require.NoError(t, CheckStatus(s), s)
	}
	for _, s := range []string{"", "2xx", "6xx", "4XX", "200", "299", "600", "0404", "+404", "-404", "40", "abc", "4x4"} {
		require.ErrorContains(t, CheckStatus(s), "is neither a status from 300 to 599", s)
	}
}
