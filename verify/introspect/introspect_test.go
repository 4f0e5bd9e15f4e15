package introspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/introspect"
	"github.com/caddy-relay/caddy-relay/verify/token"
	"github.com/caddy-relay/caddy-relay/verify/verifytest"
)

var now = time.Unix(1700000000, 0)

func request(text string) *verify.Request {
	return &verify.Request{Header: http.Header{"Authorization": {"Bearer " + text}}}
}

// server answers questions, and counts them.
type server struct {
	answer func(w http.ResponseWriter, form string)
	asked  atomic.Int32
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	body, _ := io.ReadAll(r.Body)
	s.answer(w, string(body))
}

// RoundTrip answers without a network.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func says(text string) *server {
	return &server{answer: func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, text) }}
}

func newVerifier(t testing.TB, s *server, change func(*introspect.Config)) *introspect.Verifier {
	c := introspect.Config{
		Endpoint: "https://idp.example.com/introspect",
		Client:   &fetch.Client{HTTP: &http.Client{Transport: s}},
	}
	if change != nil {
		change(&c)
	}
	v, err := introspect.New(c)
	require.NoError(t, err)
	return v
}

func requireUndecided(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	require.False(t, errors.As(err, new(*verify.Error)), "%v must not be a refusal", err)
}

func TestVectors(t *testing.T) {
	var vectors []struct {
		ID, Expect, Why string
		Headers         [][2]string
		Now             int64
		Config          struct {
			Response json.RawMessage
			Status   int
			Scope    string
		}
	}
	verifytest.Vectors(t, "../testdata/verify.json", &vectors, "introspection")
	reasons := map[string]verify.Reason{
		"introspection/inactive":      verify.ReasonCredentials,
		"introspection/active-string": verify.ReasonCredentials,
		"introspection/expired":       verify.ReasonExpired,
		"introspection/scope":         verify.ReasonClaim,
	}
	for _, vector := range vectors {
		t.Run(vector.ID, func(t *testing.T) {
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(vector.Config.Status)
				_, _ = w.Write(vector.Config.Response)
			}))
			defer s.Close()
			v, err := introspect.New(introspect.Config{
				Endpoint: s.URL, Client: &fetch.Client{HTTP: s.Client()}, Scopes: []string{vector.Config.Scope},
			})
			require.NoError(t, err)
			r := &verify.Request{Header: make(http.Header)}
			for _, h := range vector.Headers {
				r.Header.Add(h[0], h[1])
			}
			for range 2 { // the second time, what is remembered counts
				identity, err := v.Verify(t.Context(), r, time.Unix(vector.Now, 0))
				if vector.Expect == "valid" {
					require.NoError(t, err, vector.Why)
					require.Equal(t, "introspection", identity.Scheme)
					require.Equal(t, "Z5O3upPC88QrAjx00dis", identity.Subject)
					require.Equal(t, "https://server.example.com/", identity.Claims["iss"])
					_, ok := identity.ReplayKey()
					require.False(t, ok, "a token may be used for many messages")
					continue
				}
				require.Zero(t, identity)
				if reason, ok := reasons[vector.ID]; ok {
					var rejection *verify.Error
					require.ErrorAs(t, err, &rejection, vector.Why)
					require.Equal(t, reason, rejection.Reason)
				} else {
					requireUndecided(t, err)
				}
			}
		})
	}
}

// TestQuestion checks what the server is asked.
func TestQuestion(t *testing.T) {
	var asked *http.Request
	var form string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		body, _ := io.ReadAll(r.Body)
		form = string(body)
		_, _ = io.WriteString(w, `{"active":true,"client_id":"partner"}`)
	}))
	defer s.Close()
	v, err := introspect.New(introspect.Config{
		Endpoint: s.URL + "/introspect?a=b", Client: &fetch.Client{HTTP: s.Client()}, ClientID: "a:b", ClientSecret: "c d",
	})
	require.NoError(t, err)
	identity, err := v.Verify(t.Context(), request("a+/b=="), now)
	require.NoError(t, err)
	require.Equal(t, "partner", identity.Subject)
	require.Equal(t, http.MethodPost, asked.Method)
	require.Equal(t, "/introspect?a=b", asked.RequestURI)
	require.Equal(t, "application/x-www-form-urlencoded", asked.Header.Get("Content-Type"))
	require.Equal(t, "token=a%2B%2Fb%3D%3D&token_type_hint=access_token", form)
	id, secret, ok := asked.BasicAuth()
	require.True(t, ok)
	require.Equal(t, "a%3Ab c+d", id+" "+secret, "both are escaped (RFC 6749, section 2.3.1)")
}

func TestAnswers(t *testing.T) {
	rules := token.Rules{Issuers: []string{"i"}, Audiences: []string{"a"}, Claims: []token.Claim{{Name: "c", Values: []string{"x"}}}}
	for answer, verdict := range map[string]string{
		`{"active":true,"iss":"i","aud":["a"],"c":"x","exp":1700000001}`: "",
		`{"active":true,"iss":"j","aud":"a","c":"x"}`:                    "wrong_claim: iss",
		`{"active":true,"iss":"i","aud":"b","c":"x"}`:                    "wrong_claim: aud",
		`{"active":true,"iss":"i","aud":"a","c":"y"}`:                    "wrong_claim: c",
		`{"active":true,"iss":"i","aud":"a","c":"x","exp":"never"}`:      "malformed_field: exp",
		`{"active":true,"iss":"i","aud":"a","c":"x","nbf":1700000001}`:   "future_timestamp: nbf",
		`{"active":true,"iss":"i","aud":"a","c":"x","sub":7}`:            "malformed_field: sub",
		`{"active":1}`:                   "wrong_credentials: Authorization",
		`{"active":null}`:                "wrong_credentials: Authorization",
		`{"active":false,"active":true}`: "undecided",
		`{"error":"sEcReT"}`:             "undecided",
		`[{"active":true}]`:              "undecided",
		``:                               "undecided",
		`<html>sEcReT`:                   "undecided",
		`{"active":true}` + strings.Repeat(" ", 32<<10): "undecided",
	} {
		v := newVerifier(t, says(answer), func(c *introspect.Config) { c.Rules = rules })
		_, err := v.Verify(t.Context(), request("t"), now)
		switch verdict {
		case "":
			require.NoError(t, err)
		case "undecided":
			requireUndecided(t, err)
			require.NotContains(t, err.Error(), "sEcReT")
		default:
			require.EqualError(t, err, verdict, answer)
		}
	}
	// Nobody is asked about what can't be a token.
	s := says(`{"active":true}`)
	v := newVerifier(t, s, nil)
	for _, h := range []http.Header{
		{},
		{"Authorization": {"Basic dTpw"}},
		{"Authorization": {"Bearer a b"}},
		{"Authorization": {"Bearer a", "Bearer a"}},
		{"Authorization": {"Bearer " + strings.Repeat("a", 16<<10)}},
	} {
		_, err := v.Verify(t.Context(), &verify.Request{Header: h}, now)
		require.ErrorAs(t, err, new(*verify.Error))
	}
	require.Zero(t, s.asked.Load())
}

func TestCache(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   string
		cacheFor time.Duration
		asked    map[time.Duration]int32 // at which time, how often until then
	}{
		"active":       {`{"active":true}`, 0, map[time.Duration]int32{59 * time.Second: 1, time.Minute: 2}},
		"configured":   {`{"active":true}`, time.Hour, map[time.Duration]int32{59 * time.Minute: 1, time.Hour: 2}},
		"till expired": {`{"active":true,"exp":1700000005}`, 0, map[time.Duration]int32{4 * time.Second: 1, 5 * time.Second: 2}},
		"inactive":     {`{"active":false}`, 0, map[time.Duration]int32{9 * time.Second: 1, 10 * time.Second: 2}},
		"no answer":    {``, 0, map[time.Duration]int32{0: 2, 1: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := says(tt.answer)
			v := newVerifier(t, s, func(c *introspect.Config) { c.CacheFor = tt.cacheFor })
			_, first := v.Verify(t.Context(), request("t"), now)
			times := slices.Sorted(maps.Keys(tt.asked))
			for _, at := range times {
				_, err := v.Verify(t.Context(), request("t"), now.Add(at))
				if at != 5*time.Second { // when it is expired
					require.Equal(t, fmt.Sprint(first), fmt.Sprint(err))
				}
				require.Equal(t, tt.asked[at], s.asked.Load(), at)
			}
			_, _ = v.Verify(t.Context(), request("T"), now)
			require.Greater(t, s.asked.Load(), tt.asked[times[1]], "another token is another question")
		})
	}
}

func TestRate(t *testing.T) {
	s := says(`{"active":false}`)
	v := newVerifier(t, s, nil)
	undecided := 0
	for n := range 1000 {
		_, err := v.Verify(t.Context(), request(fmt.Sprint(n)), now)
		if !errors.As(err, new(*verify.Error)) {
			undecided++
			require.ErrorContains(t, err, "too many questions")
		}
	}
	require.EqualValues(t, 100, s.asked.Load())
	require.Equal(t, 900, undecided)
	_, err := v.Verify(t.Context(), request("one more"), now.Add(time.Second))
	require.ErrorAs(t, err, new(*verify.Error))
}

// TestSingleFlight sends many requests with one token at once. They share a
// question, but none waits for longer than it can.
func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(w http.ResponseWriter, _ string) {
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, `{"active":true}`)
		}}
		v := newVerifier(t, s, nil)
		start := time.Now()
		results := make(chan error)
		for n := range 100 {
			go func() {
				patience := time.Minute
				if n%2 == 1 {
					patience = time.Second
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := v.Verify(ctx, request("t"), now)
				results <- err
			}()
		}
		for range 50 {
			requireUndecided(t, <-results)
		}
		require.Equal(t, time.Second, time.Since(start))
		for range 50 {
			require.NoError(t, <-results)
		}
		require.Equal(t, 5*time.Second, time.Since(start))
		require.EqualValues(t, 1, s.asked.Load())
	})
}

func TestConfig(t *testing.T) {
	for message, change := range map[string]func(*introspect.Config){
		"https://":      func(c *introspect.Config) { c.Endpoint = "http://example.com/" },
		"no host":       func(c *introspect.Config) { c.Endpoint = "https:///" },
		"client secret": func(c *introspect.Config) { c.ClientID = "sEcReT" },
		"client id":     func(c *introspect.Config) { c.ClientSecret = "sEcReT" },
		"negative time": func(c *introspect.Config) { c.CacheFor = -1 },
		"claim scope":   func(c *introspect.Config) { c.Scopes = []string{""} },
		"there twice": func(c *introspect.Config) {
			c.Scopes, c.Rules.Claims = []string{"a"}, []token.Claim{{Name: "scope", Values: []string{"b"}}}
		},
		"empty audience": func(c *introspect.Config) { c.Rules.Audiences = []string{""} },
	} {
		c := introspect.Config{Endpoint: "https://example.com/", Client: new(fetch.Client)}
		change(&c)
		_, err := introspect.New(c)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"active":true,"scope":"read write","sub":"Z5O3","aud":["a"],"exp":1700000300,"iat":1699999000}`)
	f.Add(`{"active":false}`)
	f.Fuzz(func(t *testing.T, text string) {
		v := newVerifier(t, says(text), func(c *introspect.Config) { c.Scopes = []string{"read"} })
		identity, err := v.Verify(t.Context(), request("t"), now)
		if err != nil {
			require.Zero(t, identity)
			return
		}
		var answer struct {
			Active *bool
			Scope  any
		}
		require.NoError(t, json.Unmarshal([]byte(text), &answer))
		require.Contains(t, text, "read")
	})
}

func BenchmarkCached(b *testing.B) {
	v := newVerifier(b, says(`{"active":true,"scope":"read","sub":"relay"}`), func(c *introspect.Config) { c.Scopes = []string{"read"} })
	r := request("2YotnFZFEjr1zCsicMWpAA")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), r, now); err != nil {
			b.Fatal(err)
		}
	}
}
