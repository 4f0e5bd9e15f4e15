package jwt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
)

// provider serves a key set, and says how.
type provider struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	status  int
	header  map[string]string
	fetches int
}

func (p *provider) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches++
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	_, _ = w.Write(document(p.keys...))
}

// document returns a key set.
func document(keys ...jose.JSONWebKey) []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, keys...)})
	if err != nil {
		panic(err)
	}
	return b
}

// set changes what is served.
func (p *provider) set(status int, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.keys = status, keys
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// issuer signs tokens and publishes the keys for them.
type issuer struct{ pairs map[string]pair }

func (i issuer) key(kid, name string) jose.JSONWebKey {
	private := i.pairs[name].private
	k := jose.JSONWebKey{Key: private, KeyID: kid}
	return k.Public()
}

func (i issuer) token(kid, name string) *verify.Request {
	return bearer(raw(gojwt.SigningMethodES256, i.pairs[name].private,
		fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid), `{"exp":1800000000}`))
}

// keyPairs are made once, since RSA keys take long.
var keyPairs = sync.OnceValue(func() map[string]pair {
	pairs := newPairs()
	pairs["other"] = newPairs()["p256"]
	return pairs
})

func newIssuer() issuer { return issuer{keyPairs()} }

func newRemote(t testing.TB, url string, client *http.Client, failed func(error)) *jwt.Verifier {
	remote, err := jwt.NewRemote(jwt.RemoteConfig{URL: url, Client: &fetch.Client{HTTP: client}, Failed: failed})
	require.NoError(t, err)
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"ES256"}, Keys: remote})
	require.NoError(t, err)
	return v
}

// serve returns a verifier whose keys p serves.
func serve(t testing.TB, p http.Handler) *jwt.Verifier {
	s := httptest.NewTLSServer(p)
	t.Cleanup(s.Close)
	return newRemote(t, s.URL, s.Client(), nil)
}

func requireUndecided(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	require.False(t, errors.As(err, new(*verify.Error)), "%v must not be a refusal", err)
}

func TestRemoteRotation(t *testing.T) {
	i := newIssuer()
	p := &provider{keys: []jose.JSONWebKey{i.key("one", "p256")}}
	v := serve(t, p)
	require.Zero(t, p.count(), "nothing is fetched before it is needed")
	check := func(at time.Duration, r *verify.Request) error {
		_, err := v.Verify(t.Context(), r, now.Add(at))
		return err
	}
	for range 3 {
		require.NoError(t, check(0, i.token("one", "p256")))
	}
	require.Equal(t, 1, p.count())

	// The next key is taken over as soon as a token names it, and the old one
	// is gone then.
	p.set(0, i.key("two", "other"))
	require.NoError(t, check(15*time.Second, i.token("two", "other")))
	require.Equal(t, 2, p.count())
	requireReason(t, verify.ReasonKey, "kid", check(16*time.Second, i.token("one", "p256")))
	require.Equal(t, 2, p.count())
	requireReason(t, verify.ReasonMismatch, "", check(16*time.Second, i.token("two", "p256")))

	// All keys withdrawn.
	p.set(0)
	require.NoError(t, check(16*time.Second, i.token("two", "other")))
	requireReason(t, verify.ReasonKey, "kid", check(2*time.Hour, i.token("two", "other")))
}

// TestRemoteUnknownKeys checks that tokens that name keys that don't exist
// can't make us bother the server.
func TestRemoteUnknownKeys(t *testing.T) {
	i := newIssuer()
	p := &provider{keys: []jose.JSONWebKey{i.key("one", "p256"), i.key("two", "other")}}
	v := serve(t, p)
	for n := range 100 {
		_, err := v.Verify(t.Context(), i.token(fmt.Sprint("random", n), "p256"), now.Add(time.Duration(n)*time.Second/10))
		requireReason(t, verify.ReasonKey, "kid", err)
	}
	require.Equal(t, 1, p.count())
	for n := range 60 {
		_, err := v.Verify(t.Context(), i.token(fmt.Sprint("random", n), "p256"), now.Add(time.Duration(n)*time.Second))
		requireReason(t, verify.ReasonKey, "kid", err)
	}
	require.Equal(t, 4, p.count())
	for range 10 { // without a name there is nothing to look for
		_, err := v.Verify(t.Context(), i.token("", "p256"), now.Add(time.Hour/2))
		requireReason(t, verify.ReasonKey, "kid", err)
	}
	require.Equal(t, 4, p.count())
}

func TestRemoteFailures(t *testing.T) {
	i := newIssuer()
	p := &provider{status: http.StatusInternalServerError}
	v := serve(t, p)
	check := func(at time.Duration, kid string) error {
		_, err := v.Verify(t.Context(), i.token(kid, "p256"), now.Add(at))
		return err
	}
	for range 3 {
		requireUndecided(t, check(0, "one"))
	}
	require.Equal(t, 1, p.count(), "a failure is remembered, too")
	p.set(0, i.key("one", "p256"))
	require.NoError(t, check(15*time.Second, "one"))
	require.Equal(t, 2, p.count())

	p.set(http.StatusInternalServerError)
	requireUndecided(t, check(time.Minute, "unknown"))
	require.Equal(t, 3, p.count())
	requireUndecided(t, check(time.Minute, "unknown"))
	require.NoError(t, check(time.Minute, "one"), "what is known stays")
	require.NoError(t, check(15*time.Second+time.Hour, "one"))
	require.NoError(t, check(14*time.Second+25*time.Hour, "one"))
	requireUndecided(t, check(15*time.Second+25*time.Hour, "one"))
}

func TestRemoteAnswers(t *testing.T) {
	i := newIssuer()
	good := document(i.key("one", "p256"))
	many := `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`
	for name, tt := range map[string]struct {
		answer  func(http.ResponseWriter, *http.Request)
		message string
	}{
		"good": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }, ""},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			_, _ = w.Write(good)
		}, "status 302"},
		"too large": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(bytes.Repeat([]byte(" "), 256<<10), good...))
		}, "larger than"},
		"too many": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, many) }, "101 keys"},
		"no JSON":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>sEcReT") }, "not a JSON Web Key Set"},
		"no keys":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }, "not a JSON Web Key Set"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(http.HandlerFunc(tt.answer))
			defer s.Close()
			var failure error
			v := newRemote(t, s.URL+"/", s.Client(), func(err error) { failure = err })
			_, err := v.Verify(t.Context(), i.token("one", "p256"), now)
			if tt.message == "" {
				require.NoError(t, err)
				require.NoError(t, failure)
				return
			}
			requireUndecided(t, err)
			require.ErrorContains(t, err, tt.message)
			require.ErrorContains(t, failure, tt.message)
			require.NotContains(t, err.Error(), "sEcReT")
		})
	}
	_, err := jwt.NewRemote(jwt.RemoteConfig{URL: "http://example.com/", Client: new(fetch.Client)})
	require.ErrorContains(t, err, "https://")
}

// TestRemoteLifetime checks when a set is fetched again, for each thing that a
// server can say of how long it is good for.
func TestRemoteLifetime(t *testing.T) {
	for cacheControl, lifetime := range map[string]time.Duration{
		"":                               time.Hour,
		"public, max-age=7200":           2 * time.Hour,
		`Max-Age="7200", x`:              2 * time.Hour,
		"max-age=1":                      5 * time.Minute,
		"max-age=99999999":               24 * time.Hour,
		"max-age=99999999999999999999":   time.Hour,
		"max-age=-1":                     time.Hour,
		"no-cache, max-age=7200":         5 * time.Minute,
		"no-store":                       5 * time.Minute,
		"max-age=7200; Age: 3600":        time.Hour, // see below
		"max-age=7200; Age: 99999":       5 * time.Minute,
		"max-age=7200; Age: nonsense":    2 * time.Hour,
		"s-maxage=1, max-age = nonsense": time.Hour,
	} {
		t.Run(cacheControl, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				control, age, _ := strings.Cut(cacheControl, "; Age: ")
				p := &provider{
					keys:   []jose.JSONWebKey{i.key("one", "p256")},
					header: map[string]string{"Cache-Control": control, "Age": age},
				}
				v := newRemote(t, "https://idp.example.com/", &http.Client{Transport: transport{p}}, nil)
				check := func(at time.Duration) {
					_, err := v.Verify(t.Context(), i.token("one", "p256"), now.Add(at))
					require.NoError(t, err)
					synctest.Wait()
				}
				check(0)
				check(lifetime/5*4 - 1)
				require.Equal(t, 1, p.count())
				check(lifetime / 5 * 4)
				require.Equal(t, 2, p.count())
			})
		})
	}
}

// transport answers without a network.
type transport struct{ http.Handler }

func (s transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// slow is a provider that takes its time.
type slow struct {
	*provider
	delay time.Duration
}

func (s slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(s.delay):
		s.provider.ServeHTTP(w, r)
	case <-r.Context().Done():
		w.WriteHeader(http.StatusGatewayTimeout)
	}
}

// TestRemoteSingleFlight sends many requests at once. They share a fetch, but
// none waits for longer than it can.
func TestRemoteSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		p := &provider{keys: []jose.JSONWebKey{i.key("one", "p256")}}
		v := newRemote(t, "https://idp.example.com/", &http.Client{Transport: transport{slow{p, 5 * time.Second}}}, nil)
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
				_, err := v.Verify(ctx, i.token("one", "p256"), now)
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
		require.Equal(t, 1, p.count())

		// A set that is to be refreshed is used without waiting for that.
		_, err := v.Verify(t.Context(), i.token("one", "p256"), now.Add(50*time.Minute))
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(start))
		synctest.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, p.count())
	})
}

// TestRemoteHangs checks that a server that never answers costs time just once
// in a while as long as there is a set.
func TestRemoteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		p := &provider{keys: []jose.JSONWebKey{i.key("one", "p256")}}
		s := &slow{provider: p}
		v := newRemote(t, "https://idp.example.com/", &http.Client{Transport: transport{s}}, nil)
		check := func(at time.Duration) (took time.Duration) {
			start := time.Now()
			_, err := v.Verify(t.Context(), i.token("one", "p256"), now.Add(at))
			require.NoError(t, err)
			took = time.Since(start)
			synctest.Wait()
			return took
		}
		check(0)
		s.delay = time.Hour
		require.Equal(t, 10*time.Second, check(2*time.Hour), "a set that is too old is fetched first")
		for n := range 10 {
			require.Zero(t, check(2*time.Hour+time.Duration(n)*time.Minute))
			time.Sleep(time.Minute)
		}
	})
}

func TestKeySetLookup(t *testing.T) {
	i := newIssuer()
	private, err := json.Marshal(jose.JSONWebKey{Key: i.pairs["p256"].private, KeyID: "one"})
	require.NoError(t, err)
	with := func(change func(*jose.JSONWebKey)) jose.JSONWebKey {
		k := i.key("one", "p256")
		change(&k)
		return k
	}
	named, other, unnamed := i.key("one", "p256"), i.key("two", "other"), i.key("", "p256")
	for name, tt := range map[string]struct {
		keys []jose.JSONWebKey
		kid  string
		ok   bool
	}{
		"named":                  {[]jose.JSONWebKey{named, other}, "one", true},
		"another's name":         {[]jose.JSONWebKey{named, other}, "two", false},
		"no name, two keys":      {[]jose.JSONWebKey{named, other}, "", false},
		"no name, one key":       {[]jose.JSONWebKey{named}, "", true},
		"another name, one key":  {[]jose.JSONWebKey{named}, "two", false},
		"one key without name":   {[]jose.JSONWebKey{unnamed}, "one", true},
		"no names at all":        {[]jose.JSONWebKey{unnamed, i.key("", "other")}, "", true},
		"name, two keys without": {[]jose.JSONWebKey{unnamed, i.key("", "other")}, "one", false},
		"same name, other kind":  {[]jose.JSONWebKey{i.key("one", "ed"), named}, "one", true},
		"for encryption":         {[]jose.JSONWebKey{with(func(k *jose.JSONWebKey) { k.Use = "enc" })}, "one", false},
		"for signatures":         {[]jose.JSONWebKey{with(func(k *jose.JSONWebKey) { k.Use = "sig" })}, "one", true},
		"for the algorithm":      {[]jose.JSONWebKey{with(func(k *jose.JSONWebKey) { k.Algorithm = "ES256" })}, "one", true},
		"for another algorithm":  {[]jose.JSONWebKey{with(func(k *jose.JSONWebKey) { k.Algorithm = "ES384" })}, "one", false},
		"another curve":          {[]jose.JSONWebKey{i.key("one", "p384")}, "one", false},
		"another type":           {[]jose.JSONWebKey{i.key("one", "rsa")}, "one", false},
		"shared secret":          {[]jose.JSONWebKey{{Key: []byte("secret"), KeyID: "one"}}, "one", false},
		"nothing":                {nil, "one", false},
	} {
		t.Run(name, func(t *testing.T) {
			requireLookup(t, document(tt.keys...), i.token(tt.kid, "p256"), tt.ok)
		})
	}
	// A key that everybody could sign with, and keys that can't be read, don't
	// spoil the others.
	requireLookup(t, []byte(`{"keys":[`+string(private)+`]}`), i.token("one", "p256"), false)
	good, err := json.Marshal(named)
	require.NoError(t, err)
	requireLookup(t, []byte(`{"keys":[{"kty":"AKP","kid":"new"},7,null,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},`+string(good)+`]}`),
		i.token("one", "p256"), true)
}

func requireLookup(t *testing.T, document []byte, r *verify.Request, ok bool) {
	t.Helper()
	set, err := jwt.ParseKeySet(document)
	require.NoError(t, err)
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"ES256"}, Keys: set})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), r, now)
	if ok {
		require.NoError(t, err)
		return
	}
	require.ErrorAs(t, err, new(*verify.Error))
}

func FuzzParseKeySet(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Config.JWKS != nil {
			f.Add([]byte(v.Config.JWKS))
		}
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		set, err := jwt.ParseKeySet(document)
		if err != nil {
			return
		}
		v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"RS256", "ES256", "EdDSA"}, Keys: set})
		require.NoError(t, err)
		text := raw(gojwt.SigningMethodHS256, []byte("secret"), `{"alg":"RS256","kid":"k1"}`, lasting)
		_, err = v.Verify(t.Context(), bearer(text), now)
		require.ErrorAs(t, err, new(*verify.Error))
	})
}
