package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/verifytest"
)

// verifyDirective loads a handler from a directive. The error is that of the
// Caddyfile or of loading.
func verifyDirective(t testing.TB, directive string) (*Verify, error) {
	var h Verify
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(h)
	require.NoError(t, err)
	return loadVerify(t, string(raw))
}

func newVerifyDirective(t testing.TB, directive string) *Verify {
	h, err := verifyDirective(t, directive)
	require.NoError(t, err)
	return h
}

func signJWT(t testing.TB, secret string, claims gojwt.MapClaims) string {
	text, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	require.NoError(t, err)
	return text
}

// unreadable is a body that must not be read.
type unreadable struct{ t testing.TB }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestJWT(t *testing.T) {
	h := newVerifyDirective(t, `verify jwt old secret {
		algorithms HS256
	}`)
	soon := time.Now().Add(time.Minute).Unix()
	text := signJWT(t, "secret", gojwt.MapClaims{"exp": soon, "sub": "relay", "jti": "id", "big": uint64(1 << 63), "groups": []string{"a"}})
	r := newRequest(http.MethodPost, "/in", unreadable{t}, "Authorization", "Bearer "+text)
	r, err := serve(httptest.NewRecorder(), r, h)
	require.NoError(t, err)
	require.Equal(t, "jwt id 2 relay relay 9223372036854775808 [a]", expand(r,
		"{verify.scheme} {verify.id} {verify.key} {verify.subject} {http.auth.user.id} {verify.claims.big} {verify.claims.groups}"))

	w := httptest.NewRecorder()
	_, err = serve(w, newRequest(http.MethodPost, "/in", unreadable{t}, "Authorization", "Bearer "+text[:len(text)-4]), h)
	requireStatus(t, http.StatusUnauthorized, err)
	require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
	require.NotContains(t, err.Error(), "signature")

	h = newVerifyDirective(t, `verify jwt secret {
		algorithms HS256
		header X-Token
		body_hash_claim hash
		leeway 1h
	}`)
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	text = signJWT(t, "secret", gojwt.MapClaims{"exp": soon - 1800, "hash": hash})
	r, err = serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/in", strings.NewReader("hello"), "X-Token", text), h)
	require.NoError(t, err)
	require.Equal(t, "["+hash+"]", expand(r, "[{verify.claims.hash}]"))
	w = httptest.NewRecorder()
	_, err = serve(w, newRequest(http.MethodPost, "/in", strings.NewReader("hullo"), "X-Token", text), h)
	requireStatus(t, http.StatusUnauthorized, err)
	require.Empty(t, w.Header(), "a header field of its own is no HTTP authentication")
}

// TestJWTVectors sends the vectors of tokens through handlers that are
// configured as the documentation shows, with a server for the key sets.
func TestJWTVectors(t *testing.T) {
	var vectors []struct {
		ID, Method, URL, Body, Expect, Secret string
		Headers                               [][2]string
		Now                                   int64
		Config                                struct {
			Algs       []string
			Token      string
			JWKS       json.RawMessage
			Leeway     *int
			Iss, Aud   string
			Claims     map[string]any
			RequireExp *bool                             `json:"require_exp"`
			BodyHash   *struct{ Claim, Encoding string } `json:"body_hash_claim"`
		}
	}
	verifytest.Vectors(t, "../verify/testdata/verify.json", &vectors, "jwt", "jwt-jwks")
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(v.Config.JWKS) }))
			defer s.Close()
			lines := []string{"algorithms " + strings.Join(v.Config.Algs, " ")}
			if v.Config.JWKS != nil {
				lines = append(lines, "jwks "+s.URL, "allow_private")
			} else {
				lines = append(lines, "secret "+v.Secret)
			}
			if name, ok := strings.CutPrefix(v.Config.Token, "header:"); ok {
				lines = append(lines, "header "+name)
			}
			if v.Config.Leeway != nil {
				lines = append(lines, fmt.Sprintf("leeway %ds", *v.Config.Leeway))
			}
			if v.Config.Iss != "" {
				lines = append(lines, "issuer "+v.Config.Iss)
			}
			if v.Config.Aud != "" {
				lines = append(lines, "audience "+v.Config.Aud)
			}
			for name, value := range v.Config.Claims {
				lines = append(lines, fmt.Sprintf("claim %s %v", name, value))
			}
			if v.Config.RequireExp != nil && !*v.Config.RequireExp {
				lines = append(lines, "require_exp off")
			}
			if b := v.Config.BodyHash; b != nil {
				lines = append(lines, "body_hash_claim "+b.Claim+" "+b.Encoding)
			}
			h := newVerifyDirective(t, "verify jwt {\n"+strings.Join(lines, "\n")+"\n}")
			h.now = func() time.Time { return time.Unix(v.Now, 0) }
			r := newRequest(v.Method, v.URL, strings.NewReader(v.Body))
			for _, field := range v.Headers {
				r.Header.Add(field[0], field[1])
			}
			arrived, err := serve(httptest.NewRecorder(), r, h)
			if v.Expect == "valid" {
				require.NoError(t, err)
				require.NotNil(t, arrived)
				return
			}
			requireStatus(t, http.StatusUnauthorized, err)
			require.Nil(t, arrived)
		})
	}
}

// TestKeySetOutlivesReload loads a config, and then another one while the key
// set can't be had.
func TestKeySetOutlivesReload(t *testing.T) {
	var fetches atomic.Int32
	var down atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}`)
	}))
	defer s.Close()
	directive := "verify jwt {\n algorithms HS256\n jwks " + s.URL + "/{env.KEY_SET_PATH}\n allow_private\n}"
	t.Setenv("KEY_SET_PATH", "keys")
	text := signJWT(t, "secret", gojwt.MapClaims{"exp": time.Now().Add(time.Minute).Unix()})
	request := func(h *Verify) error {
		_, err := serve(httptest.NewRecorder(), newRequest(http.MethodPost, "/in", nil, "Authorization", "Bearer "+text), h)
		return err
	}
	references := func() int {
		n, _ := keySets.References(keySetPlace{s.URL + "/keys", true})
		return n
	}
	t.Run("load", func(t *testing.T) {
		h := newVerifyDirective(t, directive)
		require.Zero(t, fetches.Load(), "loading a config must not have effects")
		require.NoError(t, request(h))
		require.EqualValues(t, 1, fetches.Load())
		down.Store(true)
		reloaded := newVerifyDirective(t, directive)
		require.Equal(t, 2, references())
		require.NoError(t, request(reloaded))
		require.EqualValues(t, 1, fetches.Load())
	})
	require.Zero(t, references())
	t.Run("load again", func(t *testing.T) {
		h := newVerifyDirective(t, directive)
		requireStatus(t, http.StatusServiceUnavailable, request(h))
	})
	require.Zero(t, references())
}

func TestJWTKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	const key = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`
	require.NoError(t, os.WriteFile(file, []byte(key), 0o600))
	newVerifyDirective(t, "verify jwt {\n algorithms EdDSA\n key {file."+file+"}\n}")
}

func TestRefusedTokenConfigs(t *testing.T) {
	t.Setenv("PRIVATE_URL", "https://127.0.0.1/sEcReT")
	t.Setenv("EMPTY", "")
	for config, message := range map[string]string{
		`{"name":"jwt"}`:                                                                                             "no secret, key, or jwks",
		`{"name":"jwt","secrets":["sEcReT"]}`:                                                                        "no algorithms",
		`{"name":"jwt","secrets":["sEcReT"],"algorithms":["none"]}`:                                                  "none",
		`{"name":"jwt","secrets":["sEcReT"],"algorithms":["RS256"]}`:                                                 "key 1: not PEM",
		`{"name":"jwt","secrets":["-----BEGIN sEcReT"],"algorithms":["HS256"]}`:                                      "no shared secret",
		`{"name":"jwt","secrets":["{env.EMPTY}"],"algorithms":["HS256"]}`:                                            "{env.EMPTY} is unset",
		`{"name":"jwt","keys":["{file./nowhere}"],"algorithms":["ES256"]}`:                                           "key 1: {file./nowhere} is unset, unreadable, or empty",
		`{"name":"jwt","secrets":["s"],"keys":["k"],"algorithms":["HS256"]}`:                                         "exclude each other",
		`{"name":"jwt","jwks":"{env.UNSET_URL}","algorithms":["ES256"]}`:                                             "jwks: {env.UNSET_URL} is unset",
		`{"name":"jwt","jwks":"{env.PRIVATE_URL}","algorithms":["ES256"]}`:                                           "127.0.0.1 is a loopback address",
		`{"name":"jwt","jwks":"http://example.com/sEcReT","algorithms":["ES256"]}`:                                   "https://",
		`{"name":"jwt","jwks":"https://a/","algorithms":["ES256"],"issuers":[""]}`:                                   "issuer",
		`{"name":"jwt","jwks":"https://a/","algorithms":["ES256"],"audiences":["{env.EMPTY}"]}`:                      "audience",
		`{"name":"jwt","jwks":"https://a/","algorithms":["ES256"],"claims":[{"name":"c"}]}`:                          "claim c: no value",
		`{"name":"jwt","jwks":"https://a/","algorithms":["ES256"],"claims":[{"name":"c","values":["{env.EMPTY}"]}]}`: "claim c",
		`{"name":"jwt","jwks":"https://a/","algorithms":["ES256"],"key_encoding":"hex"}`:                             "key encoding",
		`{"name":"introspection"}`:                                                                                   "endpoint: empty",
		`{"name":"introspection","endpoint":"{env.PRIVATE_URL}"}`:                                                    "loopback",
		`{"name":"introspection","endpoint":"https://a/","client_id":"sEcReT"}`:                                      "client",
		`{"name":"introspection","endpoint":"https://a/","client_id":"{env.EMPTY}"}`:                                 "client_id: {env.EMPTY} is unset",
		`{"name":"introspection","endpoint":"https://a/","scopes":["{env.EMPTY}"]}`:                                  "scope",
		`{"name":"introspection","endpoint":"https://a/","audiences":["{env.EMPTY}"]}`:                               "audience",
		`{"name":"introspection","endpoint":"https://a/","cache":-1}`:                                                "negative",
	} {
		_, err := loadVerify(t, `{"scheme":`+config+`}`)
		require.ErrorContains(t, err, message, config)
		require.NotContains(t, err.Error(), "sEcReT")
	}
	n, _ := keySets.References(keySetPlace{"https://a/", false})
	require.Zero(t, n, "what can't be loaded lets go of its key set")
}

// TestFetchGuard checks that no address of the network behind us is called,
// whatever a name stands for.
func TestFetchGuard(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	defer s.Close()
	_, err := newFetchClient(false).Get(t.Context(), s.URL, 10)
	require.ErrorContains(t, err, "is no public address")
}
