package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/provider"
)

// application is a server behind verify, which keeps the bodies that it gets.
type application struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string]string // by path
}

func newApplication(t *testing.T) *application {
	a := &application{bodies: make(map[string]string)}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *application) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies[r.URL.Path] = string(body)
}

func (a *application) got(path string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bodies[path]
}

// signable returns a verifier of each provider that signs with a shared secret
// or sends one, with the arguments of its directive.
func signable(t *testing.T) map[string]*provider.Verifier {
	verifiers := make(map[string]*provider.Verifier)
	for _, p := range provider.Profiles() {
		s := provider.Settings{Secrets: []string{"Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy"}, Options: map[string][]string{}}
		switch {
		case p.Secret == "" || p.Name == "adyen" || p.Name == "ms_graph":
			continue // They have certificates, or a form of body of their own.
		case p.Signature != nil && !p.Signature.Algorithm.Symmetric():
			continue
		case strings.HasPrefix(p.Secret, "username"):
			s.Secrets = []string{"user", "pass"}
		case p.Signature != nil && p.Signature.KeyEncoding == verify.KeyHex:
			s.Secrets = []string{"00112233"}
		}
		for _, o := range p.Options {
			if o.Required {
				s.Options[o.Name] = []string{"value"}
			}
		}
		v, err := p.New(s)
		require.NoError(t, err, p.Name)
		verifiers[directive(p.Name, s)] = v
	}
	return verifiers
}

func directive(name string, s provider.Settings) string {
	text := "verify " + name + " " + strings.Join(s.Secrets, " ") + " {\n"
	for option, values := range s.Options {
		text += option + " " + strings.Join(values, " ") + "\n"
	}
	return text + "}"
}

// TestProviders has an event of each provider verified in front of an
// application, which must get the body as it was sent, and no other.
func TestProviders(t *testing.T) {
	c, app := newCaddy(t), newApplication(t)
	verifiers := signable(t)
	require.Greater(t, len(verifiers), 70)
	var site strings.Builder
	for text, v := range verifiers {
		fmt.Fprintf(&site, "route /%s {\n%s\nreverse_proxy %s\n}\n", v.Profile().Name, text, app.URL)
	}
	c.configure(t, "", site.String())
	c.start(t)
	for _, v := range verifiers {
		name := v.Profile().Name
		t.Run(name, func(t *testing.T) {
			path := "/" + name
			sender := &verify.Request{
				Method: http.MethodPost, Scheme: "http", Host: c.site, Target: path,
				Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":"e1","text":"å\r\n"}`),
			}
			if name == "plivo" || name == "vonage_legacy" {
				sender.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				sender.Body = []byte("id=e1&text=%C3%A5")
			}
			require.NoError(t, v.Sign(sender, time.Now()))
			require.Equal(t, http.StatusOK, post(t, sender).status)
			require.Equal(t, string(sender.Body), app.got(path))

			unsigned := *sender
			unsigned.Header, unsigned.Target = http.Header{"Content-Type": sender.Header["Content-Type"]}, path
			unsigned.Body = []byte(`{"id":"other"}`)
			require.Equal(t, http.StatusUnauthorized, post(t, &unsigned).status)
			require.Equal(t, string(sender.Body), app.got(path))
			if s, ok := v.Verifier.(*verify.Signature); ok && s.CoversBody() {
				changed := *sender
				changed.Body = bytes.Replace(sender.Body, []byte("e1"), []byte("e2"), 1)
				require.Equal(t, http.StatusUnauthorized, post(t, &changed).status)
				require.Equal(t, string(sender.Body), app.got(path))
			}
		})
	}
	c.stop(t)
}

func post(t *testing.T, r *verify.Request) answer {
	t.Helper()
	req, err := http.NewRequest(r.Method, r.URL(), bytes.NewReader(r.Body))
	require.NoError(t, err)
	req.Header = r.Header.Clone()
	a, err := do(client, req)
	require.NoError(t, err)
	return a
}

// publishedVector is one of those that verify is tested with.
type publishedVector struct {
	ID, Scheme, Method, URL, Body, Expect, Why string
	Secret                                     any
	Headers                                    [][2]string
	Config                                     any
}

// TestVectors sends published requests whose signatures do not age to the built
// binary, byte by byte.
func TestVectors(t *testing.T) {
	content, err := os.ReadFile("../../verify/testdata/verify.json")
	require.NoError(t, err)
	var vectors []publishedVector
	require.NoError(t, json.Unmarshal(content, &vectors))
	var timeless []publishedVector
	var site strings.Builder
	for _, v := range vectors {
		p := provider.Lookup(strings.ReplaceAll(v.Scheme, "-", "_"))
		secret, ok := v.Secret.(string)
		if !ok || secret == "" || strings.Contains(secret, "`") || v.Config != nil ||
			p == nil || (p.Name != "twilio" && (p.Signature == nil || p.Signature.Timestamp != nil)) {
			continue
		}
		fmt.Fprintf(&site, "route /%d {\nverify %s `%s` {\npublic_url `%s`\n}\nrespond 204\n}\n", len(timeless), p.Name, secret, v.URL)
		timeless = append(timeless, v)
	}
	require.Greater(t, len(timeless), 50)
	c := newCaddy(t)
	c.configure(t, "", site.String())
	c.start(t)
	for i, v := range timeless {
		t.Run(v.ID, func(t *testing.T) {
			want := map[string]int{"valid": http.StatusNoContent, "invalid": http.StatusUnauthorized}[v.Expect]
			require.Equal(t, want, sendRaw(t, c.site, fmt.Sprintf("/%d", i), v), v.Why)
		})
	}
	c.stop(t)
}

// sendRaw writes a request with the header fields as they are, also where
// net/http would change them, and returns the status of the answer.
func sendRaw(t *testing.T, address, path string, v publishedVector) int {
	t.Helper()
	u, err := url.Parse(v.URL)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", v.Method, path, address, len(v.Body))
	for _, field := range v.Headers {
		request += field[0] + ": " + field[1] + "\r\n"
	}
	_, err = io.WriteString(conn, request+"\r\n"+v.Body)
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	var status int
	_, err = fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
	require.NoError(t, err)
	return status
}

// TestHandshakes has Caddy answer how providers try an endpoint.
func TestHandshakes(t *testing.T) {
	c, app := newCaddy(t), newApplication(t)
	site := ""
	for _, text := range []string{
		"meta secret {\nverify_token meatyhamhock\n}", "dropbox secret", "okta secret", "x secret", "ms_graph state",
		"ringcentral secret", "slack secret", "cloudevents token {\nallow_origin eventemitter.example.com\nrate 100\n}",
	} {
		name, _, _ := strings.Cut(text, " ")
		site += fmt.Sprintf("route /%s {\nverify %s\nreverse_proxy %s\n}\n", name, text, app.URL)
	}
	c.configure(t, "", site)
	c.start(t)
	for _, tt := range []struct {
		method, target, field, value string
		status                       int
		body                         string
	}{
		{"GET", "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", "", "", 200, "1158201444"},
		{"GET", "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meaty", "", "", 403, ""},
		{"GET", "/dropbox?challenge=abc-123", "", "", 200, "abc-123"},
		{"POST", "/ms_graph?validationToken=Validation%3A+Testing", "", "", 200, "Validation: Testing"},
		{"GET", "/x?crc_token=abc", "", "", 200, `{"response_token":"sha256=mUba1OAOkT/Ivo5dP34RCkqegy+D+wnDRShdeGONig4="}`},
		{"GET", "/x?crc_token=%7B%22a%22%3A1%7D", "", "", 400, ""},
		{"OPTIONS", "/cloudevents", "WebHook-Request-Origin", "eventemitter.example.com", 200, ""},
		{"POST", "/ringcentral", "Validation-Token", "8c4ab0f1-95b8-4a2d-9a6d-6c1b2b9d1c11", 200, ""},
		{"POST", "/slack", "Content-Type", "application/json", 401, ""},
	} {
		req, err := http.NewRequest(tt.method, "http://"+c.site+tt.target, http.NoBody)
		require.NoError(t, err)
		if tt.field != "" {
			req.Header.Set(tt.field, tt.value)
		}
		a, err := do(client, req)
		require.NoError(t, err)
		require.Equal(t, tt.status, a.status, tt.target)
		require.Equal(t, tt.body, a.body, tt.target)
		if tt.field == "Validation-Token" {
			require.Equal(t, tt.value, a.header.Get(tt.field))
		}
	}
	require.Empty(t, app.bodies, "handshakes go no further")
	c.stop(t)
}

// TestOtherHandlers puts verify in front of handlers that are neither a relay nor
// a proxy.
func TestOtherHandlers(t *testing.T) {
	c := newCaddy(t)
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "index.php"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "file.txt"), []byte("a file"), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "php got %s", body)
		}))
	}()
	c.configure(t, "", fmt.Sprintf(`route /php/* {
		verify github secret
		php_fastcgi %s {
			root %s
		}
	}
	route /file.txt {
		verify bearer token
		file_server {
			root %s
		}
	}`, listener.Addr(), c.dir, c.dir))
	c.start(t)
	sender := &verify.Request{Method: http.MethodPost, Scheme: "http", Host: c.site, Target: "/php/", Header: http.Header{}, Body: []byte("hello")}
	github, err := provider.Lookup("github").New(provider.Settings{Secrets: []string{"secret"}})
	require.NoError(t, err)
	require.NoError(t, github.Sign(sender, time.Now()))
	require.Equal(t, "php got hello", post(t, sender).body)
	sender.Body = []byte("hullo")
	require.Equal(t, http.StatusUnauthorized, post(t, sender).status)

	file := &verify.Request{Method: http.MethodGet, Scheme: "http", Host: c.site, Target: "/file.txt", Header: http.Header{"Authorization": {"Bearer token"}}}
	require.Equal(t, "a file", post(t, file).body)
	file.Header.Set("Authorization", "Bearer other")
	require.Equal(t, http.StatusUnauthorized, post(t, file).status)
	c.stop(t)
}
