package caddymodule

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-relay/caddy-relay/verify"
)

func sign(secret, content string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return hex.EncodeToString(h.Sum(nil))
}

// loadVerify provisions a handler from its JSON as Caddy does it.
func loadVerify(t testing.TB, config string) (*Verify, error) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	mod, err := ctx.LoadModuleByID("http.handlers.verify", json.RawMessage(config))
	if err != nil {
		return nil, err
	}
	return mod.(*Verify), nil
}

func newVerify(t testing.TB, config string) *Verify {
	h, err := loadVerify(t, config)
	require.NoError(t, err)
	return h
}

const githubConfig = `{"scheme":{"name":"github","secrets":["old","secret"]},"max_body":100}`

// newRequest returns a request as handlers get it from the server.
func newRequest(method, target string, body io.Reader, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), &caddyhttp.Server{})
}

func githubRequest(body string) *http.Request {
	return newRequest(http.MethodPost, "https://example.com/in?a=b", strings.NewReader(body),
		"X-Hub-Signature-256", "sha256="+sign("secret", body), "X-GitHub-Delivery", "72d3162e")
}

// serve runs a request through handlers, and returns the request that reached
// the end, if any did. A 503, which the handler writes itself, is returned like
// the errors that it leaves to others.
func serve(w http.ResponseWriter, r *http.Request, handlers ...caddyhttp.MiddlewareHandler) (arrived *http.Request, err error) {
	next := caddyhttp.Handler(caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		arrived = r
		return nil
	}))
	for _, handler := range slices.Backward(handlers) {
		after := next
		next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return handler.ServeHTTP(w, r, after)
		})
	}
	err = next.ServeHTTP(w, r)
	if recorder, ok := w.(*httptest.ResponseRecorder); ok && err == nil && recorder.Code == http.StatusServiceUnavailable {
		err = caddyhttp.Error(recorder.Code, nil)
	}
	return arrived, err
}

func expand(r *http.Request, s string) string {
	return r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).ReplaceAll(s, "")
}

func requireStatus(t testing.TB, status int, err error) {
	t.Helper()
	var he caddyhttp.HandlerError
	require.ErrorAs(t, err, &he)
	require.Equal(t, status, he.StatusCode)
}

func rejections(t testing.TB, reason verify.Reason) float64 {
	return counted(t, rejectedTotal.WithLabelValues(string(reason)))
}

func counted(t testing.TB, counter prometheus.Counter) float64 {
	var m dto.Metric
	require.NoError(t, counter.Write(&m))
	return m.GetCounter().GetValue()
}

func TestVerifyPasses(t *testing.T) {
	r, err := serve(httptest.NewRecorder(), githubRequest("hello"), newVerify(t, githubConfig))
	require.NoError(t, err)
	identity, ok := verifiedIdentity(r)
	require.True(t, ok)
	digest, err := hex.DecodeString(sign("secret", "hello"))
	require.NoError(t, err)
	require.Equal(t, verify.Identity{Scheme: "github", ID: "72d3162e", Key: 2, Digest: [sha256.Size]byte(digest)}, identity)
	require.Equal(t, "github 72d3162e 2 || []",
		expand(r, "{verify.scheme} {verify.id} {verify.key} |{verify.timestamp}{verify.subject}| [{verify.claims.sub}{verify.nope}]"))
	require.Empty(t, expand(r, "{http.auth.user.id}"))
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
	require.EqualValues(t, 5, r.ContentLength)
}

func TestVerifyPlaceholders(t *testing.T) {
	h := newVerify(t, `{"scheme":{"name":"basic","credentials":[{"username":"relay","password":"p"}]}}`)
	r := newRequest(http.MethodPost, "/", nil)
	r.SetBasicAuth("relay", "p")
	r, err := serve(httptest.NewRecorder(), r, h)
	require.NoError(t, err)
	require.Equal(t, "basic 1 relay relay", expand(r, "{verify.scheme} {verify.key} {verify.subject} {http.auth.user.id}"))
	require.Equal(t, "basic", expand(r, "{http.vars.relay.verification}"), "the request must not be printable")

	v := verification{identity: verify.Identity{Timestamp: time.Unix(1700000000, 5), Claims: map[string]any{"sub": "x", "a.b": 1}}}
	for key, want := range map[string]any{
		"verify.timestamp": "1700000000", "verify.key": "", "verify.claims.sub": "x", "verify.claims.a.b": 1, "verify.claims.c": nil,
	} {
		got, ok := v.placeholder(key)
		require.True(t, ok)
		require.Equal(t, want, got, key)
	}
	_, ok := v.placeholder("http.verify.id")
	require.False(t, ok)
}

func TestVerifyRejects(t *testing.T) {
	core, logs := zapobserver.New(zap.InfoLevel)
	h := newVerify(t, githubConfig)
	h.logger = zap.New(core)
	r := githubRequest("hello")
	r.Body = io.NopCloser(strings.NewReader("hullo"))
	signature := r.Header.Get("X-Hub-Signature-256")
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
	before := rejections(t, verify.ReasonMismatch)
	w := httptest.NewRecorder()
	arrived, err := serve(w, r, h)
	require.Nil(t, arrived)
	requireStatus(t, http.StatusUnauthorized, err)
	require.NotContains(t, err.Error(), "mismatch", "the client must not learn the reason")
	require.Empty(t, w.Header())
	_, ok := verifiedIdentity(r)
	require.False(t, ok)

	require.Equal(t, before+1, rejections(t, verify.ReasonMismatch))
	require.Equal(t, 1, logs.Len())
	fields := logs.All()[0].ContextMap()
	require.Contains(t, fields["hint"], "matches none of the secrets")
	delete(fields, "hint")
	require.Equal(t, map[string]any{
		"scheme": "github", "reason": "signature_mismatch", "client_ip": "192.0.2.1", "host": "example.com", "path": "/in", "cause": "wrong_secret",
	}, fields)
	require.NotContains(t, fields, signature)
}

// TestRejectedRequestInLog shows which request it was, without what may be
// secret or endless.
func TestRejectedRequestInLog(t *testing.T) {
	core, logs := zapobserver.New(zap.InfoLevel)
	h := newVerify(t, `{"max_body":2,"scheme":{"name":"github","secrets":["s"]}}`)
	h.logger = zap.New(core)
	long := "/" + strings.Repeat("x", 1000)
	for path, want := range map[string]string{"/hooks?key=sEcReT": "/hooks", long: long[:512]} {
		r := newRequest(http.MethodPost, path, strings.NewReader("body"))
		_, err := serve(httptest.NewRecorder(), r, h)
		requireStatus(t, http.StatusRequestEntityTooLarge, err)
		require.Equal(t, map[string]any{
			"scheme": "github", "reason": "body_too_large", "client_ip": "192.0.2.1", "host": "example.com", "path": want,
			"error": "http: request body too large",
		}, logs.TakeAll()[0].ContextMap())
	}
}

// TestHintsAreRare sees to it that nobody can make the server explain more than
// one refusal a second.
func TestHintsAreRare(t *testing.T) {
	core, logs := zapobserver.New(zap.InfoLevel)
	h := newVerify(t, githubConfig)
	h.logger = zap.New(core)
	clock := time.Unix(1700000000, 0)
	h.now = func() time.Time { return clock }
	for i, explained := range []bool{true, false, false, true} {
		if i == 3 {
			clock = clock.Add(hintInterval)
		}
		_, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/", strings.NewReader("x")), h)
		requireStatus(t, http.StatusUnauthorized, err)
		_, ok := logs.All()[i].ContextMap()["hint"]
		require.Equal(t, explained, ok, i)
	}
	clock = clock.Add(hintInterval)
	h.MaxBody = 2 * maxHintBody
	_, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", maxHintBody+1))), h)
	requireStatus(t, http.StatusUnauthorized, err)
	require.NotContains(t, logs.All()[4].ContextMap(), "hint")
}

func TestVerifyChallenges(t *testing.T) {
	for config, challenge := range map[string]string{
		`{"scheme":{"name":"basic","credentials":[{"username":"u","password":"p"}]}}`: `Basic realm="restricted", charset="UTF-8"`,
		`{"scheme":{"name":"bearer","tokens":["t"]}}`:                                 "Bearer",
	} {
		w := httptest.NewRecorder()
		_, err := serve(w, newRequest(http.MethodPost, "/", nil), newVerify(t, config))
		requireStatus(t, http.StatusUnauthorized, err)
		require.Equal(t, challenge, w.Header().Get("WWW-Authenticate"))
	}
}

func TestVerifyBearerQuery(t *testing.T) {
	h := newVerify(t, `{"scheme":{"name":"bearer","tokens":["t"],"query":"key"}}`)
	for query, kept := range map[string]string{
		"key=t":               "",
		"a=%7e&key=t&b=+&a=c": "a=%7e&b=+&a=c",
		"k%65y=t&&keys=t":     "&keys=t",
	} {
		r, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/in?"+query, nil), h, h)
		require.NoError(t, err, query)
		require.Equal(t, kept, r.URL.RawQuery, "the token must not be kept or sent on")
		require.Equal(t, r.URL.RequestURI(), r.RequestURI)
		require.NotContains(t, r.RequestURI, "key=")
		require.Equal(t, "", expand(r, "{http.request.uri.query.key}"))
	}
	r, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/in?a=%7e", nil, "Authorization", "Bearer t"), h)
	require.NoError(t, err)
	require.Equal(t, "/in?a=%7e", r.RequestURI)
	require.Equal(t, "a=%7e", r.URL.RawQuery)
	_, err = serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/?key=u", nil), h)
	requireStatus(t, http.StatusUnauthorized, err)
}

// TestVerifyTwice checks that all of several verifiers must accept, and that
// nothing remains of one that did if another did not.
func TestVerifyTwice(t *testing.T) {
	github := newVerify(t, githubConfig)
	basic := newVerify(t, `{"scheme":{"name":"basic","credentials":[{"username":"relay","password":"p"}]}}`)
	r := githubRequest("hello")
	arrived, err := serve(httptest.NewRecorder(), r, github, basic)
	requireStatus(t, http.StatusUnauthorized, err)
	require.Nil(t, arrived)
	_, ok := verifiedIdentity(r)
	require.False(t, ok)
	require.Equal(t, "|", expand(r, "{verify.scheme}{verify.id}|{http.auth.user.id}"))

	r = githubRequest("hello")
	r.SetBasicAuth("relay", "p")
	arrived, err = serve(httptest.NewRecorder(), r, github, basic)
	require.NoError(t, err)
	identity, ok := verifiedIdentity(arrived)
	require.True(t, ok)
	require.Equal(t, verify.Identity{Scheme: "basic", Key: 1, Subject: "relay"}, identity)
	require.Equal(t, "basic", expand(arrived, "{verify.scheme}"))
	body, err := readBody(arrived, 100)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
}

func TestVerifyUser(t *testing.T) {
	github := newVerify(t, githubConfig)
	basic := newVerify(t, `{"scheme":{"name":"basic","credentials":[{"username":"relay","password":"p"}]}}`)
	for name, tt := range map[string]struct {
		handlers []caddyhttp.MiddlewareHandler
		want     string
	}{
		"a later scheme without users": {[]caddyhttp.MiddlewareHandler{basic, github}, ""},
		"a later scheme with users":    {[]caddyhttp.MiddlewareHandler{github, basic}, "relay"},
		"a user of another handler":    {[]caddyhttp.MiddlewareHandler{setUser("alice"), github}, "alice"},
		"two users":                    {[]caddyhttp.MiddlewareHandler{setUser("alice"), basic}, "relay"},
		"two users, ours first":        {[]caddyhttp.MiddlewareHandler{basic, setUser("alice")}, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			r := githubRequest("hello")
			r.SetBasicAuth("relay", "p")
			arrived, err := serve(httptest.NewRecorder(), r, tt.handlers...)
			require.NoError(t, err)
			require.Equal(t, tt.want, expand(arrived, "{http.auth.user.id}"))
		})
	}
	r := githubRequest("hello")
	r.SetBasicAuth("relay", "p")
	r.Header.Del("X-Hub-Signature-256")
	_, err := serve(httptest.NewRecorder(), r, basic, github)
	requireStatus(t, http.StatusUnauthorized, err)
	require.Empty(t, expand(r, "{http.auth.user.id}"))
}

// setUser does what Caddy's handlers of authentication do.
type setUser string

func (u setUser) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", string(u))
	return next.ServeHTTP(w, r)
}

// TestVerifyURL checks that the URL is what the sender used, not what a
// rewrite made of it.
func TestVerifyURL(t *testing.T) {
	h := newVerify(t, `{"scheme":{"name":"hmac","secrets":["secret"],"signature":{"headers":["X-Sig"]},"signed":"{method} {url} {body}"}}`)
	for target, url := range map[string]string{
		"https://example.com/a%2Fb?c=%20": "https://example.com/a%2Fb?c=%20",
		"http://example.com:8080/":        "http://example.com:8080/",
		"/in":                             "http://example.com/in",
	} {
		r := newRequest(http.MethodPost, target, strings.NewReader("hello"), "X-Sig", sign("secret", "POST "+url+" hello"))
		r.URL.Path, r.RequestURI, r.Method = "/rewritten", "/rewritten", http.MethodPut
		_, err := serve(httptest.NewRecorder(), r, h)
		require.NoError(t, err, target)
	}
}

func TestVerifyUndecided(t *testing.T) {
	h := newVerify(t, githubConfig)
	h.verifier = failing{errors.New("connection refused")}
	arrived, err := serve(httptest.NewRecorder(), githubRequest("hello"), h)
	requireStatus(t, http.StatusServiceUnavailable, err)
	require.NotContains(t, err.Error(), "refused")
	require.Nil(t, arrived)
}

func TestRegisterMetrics(t *testing.T) {
	for range 2 { // each load of a config has its own registry
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registerMetrics(registry, rejectedTotal))
		require.NoError(t, registerMetrics(registry, rejectedTotal))
		other := prometheus.NewCounter(prometheus.CounterOpts{Name: "caddy_relay_rejected_total", Help: "other"})
		require.Error(t, registerMetrics(registry, other))
	}
}

func BenchmarkVerifyHandler(b *testing.B) {
	body := strings.Repeat("x", 1024)
	signature := "sha256=" + sign("secret", body)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	run := func(b *testing.B, handle func(http.ResponseWriter, *http.Request) error) {
		b.ReportAllocs()
		w := httptest.NewRecorder()
		template := httptest.NewRequest(http.MethodPost, "https://example.com/in", nil)
		template.Header.Set("X-Hub-Signature-256", signature)
		template.ContentLength = int64(len(body))
		reader := strings.NewReader(body)
		closer := io.NopCloser(reader)
		for b.Loop() {
			reader.Reset(body)
			template.Body = closer
			r := caddyhttp.PrepareRequest(template, caddy.NewReplacer(), w, &caddyhttp.Server{})
			if err := handle(w, r); err != nil {
				b.Fatal(err)
			}
		}
	}
	// The difference between the two is what the handler costs.
	b.Run("without", func(b *testing.B) { run(b, next) })
	h := newVerify(b, `{"scheme":{"name":"github","secrets":["secret"]}}`)
	b.Run("github", func(b *testing.B) {
		run(b, func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, next) })
	})
}
