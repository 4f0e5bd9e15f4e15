package caddymodule

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

func pemBlock(t testing.TB, kind string, der []byte, err error) string {
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func writeFile(t testing.TB, content string) (placeholder string) {
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return "{file." + path + "}"
}

func marshal(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// rfc9421Config returns the configuration of a handler with one key.
func rfc9421Config(t testing.TB, algorithm httpsig.Algorithm, key string, options ...any) string {
	scheme := map[string]any{
		"name": "rfc9421",
		"keys": []any{map[string]any{"id": "partner", "algorithm": algorithm, "key": key}},
	}
	for i := 0; i < len(options); i += 2 {
		scheme[options[i].(string)] = options[i+1]
	}
	return marshal(t, map[string]any{"scheme": scheme})
}

// TestRFC9421OverHTTP signs what a client sends, and verifies what a server
// receives: some fields change their place on that way.
func TestRFC9421OverHTTP(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	publicPEM := pemBlock(t, "PUBLIC KEY", publicDER, err)
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	privatePEM := pemBlock(t, "PRIVATE KEY", privateDER, err)

	components := []string{
		"@method", "@authority", "@scheme", "@path", "@query", "@request-target", "@target-uri", "host", "content-length",
		"content-digest", "content-type", "cookie", "user-agent",
	}
	signer, err := httpsig.New(httpsig.Config{
		Keys:       []httpsig.Key{{ID: "partner", Algorithm: httpsig.Ed25519, Value: privatePEM}},
		Components: components,
	})
	require.NoError(t, err)
	h := newVerify(t, rfc9421Config(t, httpsig.Ed25519, writeFile(t, publicPEM), "components", components))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
		arrived, err := serve(w, r, h)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, expand(arrived, "{verify.scheme} {http.auth.user.id} {verify.key}"))
	}))
	defer server.Close()

	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		body   io.Reader
		status int
	}{
		"announced length": {strings.NewReader("hello"), http.StatusOK},
		"chunks":           {io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")), http.StatusOK},
		"other body":       {strings.NewReader("hellO"), http.StatusUnauthorized},
		"other length":     {strings.NewReader("hello "), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/in/a%2Fb?x=1&x=2", test.body)
			require.NoError(t, err)
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("Cookie", "a=b; c=d")
			r.Header.Set("User-Agent", "test")
			require.NoError(t, signer.Sign(&verify.Request{
				Method: r.Method, Scheme: "http", Host: base.Host, Target: r.URL.RequestURI(), Header: r.Header, Body: []byte("hello"),
			}, time.Now()))
			response, err := server.Client().Do(r)
			require.NoError(t, err)
			defer func() { require.NoError(t, response.Body.Close()) }()
			require.Equal(t, test.status, response.StatusCode)
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			if test.status == http.StatusOK {
				require.Equal(t, "rfc9421 partner 1", string(answer))
			}
		})
	}
}

func TestRFC9421Defaults(t *testing.T) {
	t.Setenv("VERIFY_TEST_SECRET", "c2VjcmV0")
	h := newVerify(t, rfc9421Config(t, httpsig.HMACSHA256, "{env.VERIFY_TEST_SECRET}"))
	signer, ok := h.verifier.(verify.Signer)
	require.True(t, ok)
	signed := func(body string) *http.Request {
		r := newRequest(http.MethodPost, "https://example.com/in?a=b", strings.NewReader(body))
		request := verifyRequest(r, []byte(body))
		require.NoError(t, signer.Sign(&request, time.Now()))
		return r
	}
	arrived, err := serve(httptest.NewRecorder(), signed("hello"), h)
	require.NoError(t, err)
	require.NotNil(t, arrived)
	require.Len(t, expand(arrived, "{verify.id}"), 26)

	r := signed("hello")
	r.Body = io.NopCloser(strings.NewReader("hellO"))
	_, err = serve(httptest.NewRecorder(), r, h)
	requireStatus(t, http.StatusUnauthorized, err)

	r = signed("") // and so without a digest
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("hello")), 5
	_, err = serve(httptest.NewRecorder(), r, h)
	requireStatus(t, http.StatusUnauthorized, err)
}

// TestRFC9421RequiresNothing tells an empty list of components from none.
func TestRFC9421RequiresNothing(t *testing.T) {
	for components, status := range map[string]int{`"components":[],`: 0, "": http.StatusUnauthorized} {
		var s RFC9421Scheme
		config := "{" + components + `"keys":[{"id":"partner","algorithm":"hmac-sha256","key":"c2VjcmV0"}]}`
		require.NoError(t, json.Unmarshal([]byte(config), &s))
		again := marshal(t, s)
		require.Equal(t, strings.Contains(config, "components"), strings.Contains(again, "components"))
		h := newVerify(t, `{"scheme":{"name":"rfc9421",`+again[1:]+"}")

		signer, err := httpsig.New(httpsig.Config{Keys: s.config().Keys, Components: []string{}})
		require.NoError(t, err)
		r := newRequest(http.MethodGet, "https://example.com/", nil)
		request := verifyRequest(r, nil)
		require.NoError(t, signer.Sign(&request, time.Now()))
		_, err = serve(httptest.NewRecorder(), r, h)
		if status == 0 {
			require.NoError(t, err)
		} else {
			requireStatus(t, status, err)
		}
	}
}

func TestRefusedRFC9421Configs(t *testing.T) {
	t.Setenv("VERIFY_TEST_EMPTY", "")
	secret := "sEcReT+sEcReT"
	for _, test := range []struct {
		algorithm httpsig.Algorithm
		key       string
		options   []any
		message   string
	}{
		{httpsig.HMACSHA256, "", nil, "key 1: empty"},
		{httpsig.HMACSHA256, "{env.VERIFY_TEST_EMPTY}", nil, "key 1: {env.VERIFY_TEST_EMPTY} is unset, unreadable, or empty"},
		{httpsig.HMACSHA256, secret, nil, "key 1: not standard base64"},
		{httpsig.HMACSHA256, writeFile(t, "c2VjcmV0\n\n"), nil, "key 1: it has a line break"},
		{httpsig.Ed25519, "{env.VERIFY_TEST_UNSET}", nil, "key 1: {env.VERIFY_TEST_UNSET} is unset"},
		{httpsig.Ed25519, "{file./nonexistent}", nil, "key 1: {file./nonexistent} is unset, unreadable"},
		{httpsig.Ed25519, secret, nil, "key 1: not PEM"},
		{"sEcReT", "c2VjcmV0", nil, "key 1: the algorithm is not one of"},
		{httpsig.HMACSHA256, "c2VjcmV0", []any{"components", []string{"@status"}}, `component "@status"`},
		{httpsig.HMACSHA256, "c2VjcmV0", []any{"max_age", -1}, "negative max age"},
		{httpsig.HMACSHA256, "c2VjcmV0", []any{"keys", nil}, "no key"},
		{httpsig.HMACSHA256, "c2VjcmV0", []any{"max_ages", "1m"}, "max_ages"},
	} {
		_, err := loadVerify(t, rfc9421Config(t, test.algorithm, test.key, test.options...))
		require.ErrorContains(t, err, test.message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func TestRFC9421Warnings(t *testing.T) {
	for _, test := range []struct {
		components []string
		warnings   int
	}{{nil, 0}, {[]string{"content-digest", "x-fine"}, 0}, {[]string{"x_a", "x.b"}, 3}} {
		core, logs := zapobserver.New(zap.WarnLevel)
		v, err := httpsig.New(httpsig.Config{
			Keys:       []httpsig.Key{{ID: "k", Algorithm: httpsig.HMACSHA256, Value: "c2VjcmV0"}},
			Components: test.components,
		})
		require.NoError(t, err)
		warnAboutSignature(zap.New(core), v)
		require.Equal(t, test.warnings, logs.Len())
	}
}
