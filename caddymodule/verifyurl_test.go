package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ public, target, want string }{
		{"", "/a%2Fb?c=%20", "http://internal:8080/a%2Fb?c=%20"},
		{"https://example.com", "/a%2Fb?c=%20", "https://example.com/a%2Fb?c=%20"},
		{"https://example.com/", "/in", "https://example.com/in"},
		{"http://example.com:8443", "/", "http://example.com:8443/"},
		{"HTTPS://user:pa%20ss@Example.com", "/in?a", "https://user:pa%20ss@Example.com/in?a"},
		{"https://example.com/hooks/%7Etwilio", "/in", "https://example.com/hooks/%7Etwilio"},
		{"https://example.com/hooks", "/in?a=%2f&a", "https://example.com/hooks?a=%2f&a"},
		{"https://example.com/hooks", "/in?", "https://example.com/hooks?"},
		{"https://example.com/hooks?b=1", "/in?a=2", "https://example.com/hooks?a=2"},
		{"https://example.com/hooks?b=1", "/in", "https://example.com/hooks"},
		{"https://example.com?b=1/2", "/in?a=2", "https://example.com/in?a=2"},
		{"https://[2001:db8::1]:8443/x", "/in", "https://[2001:db8::1]:8443/x"},
	} {
		r := verify.Request{Scheme: "http", Host: "internal:8080", Target: tt.target}
		if tt.public != "" {
			p, err := parsePublicURL(tt.public)
			require.NoError(t, err, tt.public)
			p.apply(&r)
		}
		require.Equal(t, tt.want, r.URL(), tt.public)
	}
}

func TestRefusedPublicURLs(t *testing.T) {
	for _, text := range []string{
		"", "example.com", "/in", "//example.com", "ftp://example.com", "https:example.com", "https://", "https:///in", "https://user:sEcReT@/in",
		"https://:443/", "https://example.com:sEcReT/", "https://example.com/#", "https://example.com/in#top", "https://example.com/a b",
		"https://example.com/ü", "https://exämple.com", "https://example.com/\x7f", "https://u:sEcReT@exa mple.com", "https://example.com/%zz",
	} {
		_, err := parsePublicURL(text)
		require.ErrorIs(t, err, errPublicURL, text)
		require.NotContains(t, err.Error(), "sEcReT")
	}
	for config, message := range map[string]string{
		`"public_url":"{env.PUBLIC_URL_TEST_UNSET}"`: "public_url: {env.PUBLIC_URL_TEST_UNSET} is unset",
		`"public_url":"https://{http.request.host}"`: "public_url: it has a placeholder",
		`"public_url":"https://u:sEcReT@"`:           "public_url: it must be",
	} {
		_, err := loadVerify(t, `{"scheme":{"name":"github","secrets":["s"]},`+config+`}`)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

// TestVerifyPublicURL checks that the URL is what was configured, and that
// nothing that proxies say makes a difference.
func TestVerifyPublicURL(t *testing.T) {
	t.Setenv("PUBLIC_URL_TEST_PASSWORD", "p")
	h := newVerify(t, `{"scheme":{"name":"hmac","secrets":["secret"],"signature":{"headers":["X-Sig"]},"signed":"{url}{body}"},
		"public_url":"https://me:{env.PUBLIC_URL_TEST_PASSWORD}@example.com/hooks"}`)
	for url, status := range map[string]int{
		"https://me:p@example.com/hooks?a=%20b":   0,
		"http://10.0.0.1:8080/in?a=%20b":          http.StatusUnauthorized,
		"https://forwarded.example.com/in?a=%20b": http.StatusUnauthorized,
	} {
		r := newRequest(http.MethodPost, "http://10.0.0.1:8080/in?a=%20b", strings.NewReader("hello"),
			"X-Sig", sign("secret", url+"hello"), "X-Forwarded-Host", "forwarded.example.com", "X-Forwarded-Proto", "https", "Forwarded", "host=forwarded.example.com;proto=https")
		arrived, err := serve(httptest.NewRecorder(), r, h)
		if status != 0 {
			requireStatus(t, status, err)
			continue
		}
		require.NoError(t, err, url)
		require.Equal(t, "/in?a=%20b", arrived.URL.RequestURI(), "the request itself stays as it is")
		require.Equal(t, "10.0.0.1:8080", arrived.Host)
	}
}

// TestPublicURLProvesNothing gives the URL as the sender got it, with the token
// that the sender must have.
func TestPublicURLProvesNothing(t *testing.T) {
	for _, scheme := range []string{
		`{"name":"46elks","secrets":["t"]}`,
		`{"name":"bearer","tokens":["t"],"query":"key"}`,
		`{"name":"token","tokens":["t"],"place":{"query":"key"}}`,
		`{"name":"hmac","secrets":["s"],"signature":{"query":"key"},"encoding":"hex"}`,
	} {
		h := newVerify(t, `{"scheme":`+scheme+`,"public_url":"https://example.com/in?key=t"}`)
		for _, target := range []string{"/in", "/in?key=x"} {
			_, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, target, strings.NewReader("hello")), h)
			requireStatus(t, http.StatusUnauthorized, err)
		}
	}
}

func FuzzPublicURL(f *testing.F) {
	for _, s := range []string{"https://example.com", "https://u:p@example.com:8443/a%2Fb?c=d", "http://[::1]?x", "https://example.com/?"} {
		f.Add(s, "/in?a=b")
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		p, err := parsePublicURL(text)
		if err != nil {
			return
		}
		r := verify.Request{Scheme: "http", Host: "internal", Target: "/" + target}
		p.apply(&r)
		require.True(t, strings.HasPrefix(r.Target, "/"), r.Target)
		require.NotEmpty(t, r.Host)
		require.NotContains(t, r.Host, "/")
		require.NotContains(t, r.Host, "?")
		require.Contains(t, []string{"http", "https"}, r.Scheme)
	})
}
