package provider

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/verifytest"
)

// vector is a request with the verdict it must get. Many are published by the
// providers themselves; "source" and "why" in the file tell.
type vector struct {
	ID      string      `json:"id"`
	Scheme  string      `json:"scheme"`
	Secret  string      `json:"secret"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Now     int64       `json:"now"`
	Expect  string      `json:"expect"`
	Why     string      `json:"why"`
	Config  struct {
		PublicURL string            `json:"public_url"`
		Method    string            `json:"method"`
		Certs     map[string]string `json:"certs"`
		Topics    []string          `json:"topics"`
	} `json:"config"`
}

func (v *vector) verifier(t testing.TB) verify.Verifier {
	var verifier verify.Verifier
	var err error
	switch v.Scheme {
	case "twilio":
		verifier, err = newTwilio(v.Scheme, "X-Twilio-Signature", v.Secret)
	case "vonage-legacy":
		verifier, err = newLegacyVonage(v.Scheme, v.Config.Method, v.Secret)
	case "aws-sns":
		verifier, err = newSNS(v.Scheme, documents(v.Config.Certs), v.Config.Topics...)
	default:
		t.Fatalf("no verifier of %s", v.Scheme)
	}
	require.NoError(t, err)
	return verifier
}

// documents gets what it has by URL, and fails for all else.
type documents map[string]string

func (d documents) Get(_ context.Context, url string, limit int64) ([]byte, error) {
	document, ok := d[url]
	if !ok || int64(len(document)) > limit {
		return nil, errors.New("answered with status 404, not 200")
	}
	return []byte(document), nil
}

// newRequest returns a request with header fields in pairs of name and value.
func newRequest(t testing.TB, method, rawURL, body string, fields ...string) *verify.Request {
	u, err := url.Parse(rawURL)
	require.NoError(t, err)
	r := &verify.Request{
		Method: method, Scheme: u.Scheme, Host: u.Host, Target: u.RequestURI(),
		Header: make(http.Header), Body: []byte(body),
	}
	if u.User != nil {
		r.Host = u.User.String() + "@" + r.Host
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func TestOwnVectors(t *testing.T) {
	var vectors []vector
	verifytest.Vectors(t, "../testdata/verify.json", &vectors, "twilio", "vonage-legacy", "aws-sns")
	require.Len(t, vectors, 41)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			rawURL := v.URL
			if v.Config.PublicURL != "" {
				rawURL = v.Config.PublicURL
			}
			r := newRequest(t, v.Method, rawURL, v.Body)
			for _, field := range v.Headers {
				r.Header.Add(field[0], field[1])
			}
			identity, err := v.verifier(t).Verify(t.Context(), r, time.Unix(v.Now, 0))
			if v.Expect == "valid" {
				require.NoError(t, err, v.Why)
				require.Equal(t, v.Scheme, identity.Scheme)
				require.Equal(t, 1, identity.Key)
				_, ok := identity.ReplayKey()
				require.True(t, ok)
				return
			}
			require.ErrorAs(t, err, new(*verify.Error), v.Why)
			require.Zero(t, identity)
		})
	}
}

// requireRefused asserts that v refuses r for a reason.
func requireRefused(t testing.TB, v verify.Verifier, r *verify.Request, now time.Time, reason verify.Reason, field string) {
	t.Helper()
	identity, err := v.Verify(t.Context(), r, now)
	require.Equal(t, &verify.Error{Reason: reason, Field: field}, err)
	require.Zero(t, identity)
}

// clone returns a copy of r that can be changed.
func clone(r *verify.Request) *verify.Request {
	c := *r
	c.Header, c.Body = r.Header.Clone(), bytes.Clone(r.Body)
	return &c
}

// signer is what all verifiers in TestSigners are.
type signer interface {
	verify.Verifier
	verify.Signer
}

// signers are verifiers, with the request they are to sign.
func signers(t testing.TB) map[string]struct {
	signer
	request *verify.Request
} {
	must := func(v signer, err error) signer {
		require.NoError(t, err)
		return v
	}
	twilio := func() signer {
		v, err := newTwilio("twilio", "X-Twilio-Signature", "first", "second")
		return must(v, err)
	}
	plivo := func() signer {
		v, err := newPlivoV3("plivo", "X-Plivo-Signature-V3", "first", "second")
		return must(v, err)
	}
	vonage := func(method string) signer {
		v, err := newLegacyVonage("vonage_sms", method, "first", "second")
		return must(v, err)
	}
	adyen, err := newAdyen("adyen", "f1", "f2")
	require.NoError(t, err)
	betstack, err := newBetstack("betstack", "first", "second")
	require.NoError(t, err)
	graph, err := newGraph("ms_graph", "first", "second")
	require.NoError(t, err)
	const form = "application/x-www-form-urlencoded"
	formRequest := func() *verify.Request {
		return newRequest(t, http.MethodPost, "https://example.com/in?x=1", "From=%2B1415&Body=a+b%26c&To=1", "Content-Type", form)
	}
	return map[string]struct {
		signer
		request *verify.Request
	}{
		"twilio form":  {twilio(), formRequest()},
		"twilio get":   {twilio(), newRequest(t, http.MethodGet, "https://example.com/in?From=1", "")},
		"twilio json":  {twilio(), newRequest(t, http.MethodPost, "https://example.com/in?x=1", `{"a":1}`, "Content-Type", "application/json")},
		"plivo form":   {plivo(), formRequest()},
		"plivo get":    {plivo(), newRequest(t, http.MethodGet, "https://example.com/in?b=2&a=1", "")},
		"vonage form":  {vonage("sha256"), formRequest()},
		"vonage query": {vonage("md5hash"), newRequest(t, http.MethodGet, "https://example.com/in?to=1&text=a%26b", "")},
		"adyen": {adyen, newRequest(t, http.MethodPost, "https://example.com/", `{"notificationItems":[{"NotificationRequestItem":{
			"pspReference":"7914073381342284","merchantReference":"a:b","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true"}}]}`)},
		"betstack": {betstack, newRequest(t, http.MethodPost, "https://example.com/", `{"action": "x"}`)},
		"graph":    {graph, newRequest(t, http.MethodPost, "https://example.com/", `{"value":[{"a":1},{"clientState":"x"}]}`)},
	}
}

func TestSign(t *testing.T) {
	for name, s := range signers(t) {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			_, err := s.Verify(t.Context(), s.request, now)
			require.Error(t, err)
			require.NoError(t, s.Sign(s.request, now))
			identity, err := s.Verify(t.Context(), s.request, now)
			require.NoError(t, err)
			require.Equal(t, 1, identity.Key)
			// What is signed already is signed again, and not twice.
			require.NoError(t, s.Sign(s.request, now))
			_, err = s.Verify(t.Context(), s.request, now)
			require.NoError(t, err)
		})
	}
}

// TestDuplicateHeaders repeats each header field, with the same value and with
// another one, and leaves it out.
func TestDuplicateHeaders(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, s := range signers(t) {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.Sign(s.request, now))
			for field := range s.request.Header {
				for _, extra := range []string{s.request.Header.Get(field), "x", ""} {
					r := clone(s.request)
					r.Header.Add(field, extra)
					requireRefused(t, s, r, now, verify.ReasonDuplicate, field)
				}
				if field == contentType {
					continue // the body may be signed in another way
				}
				r := clone(s.request)
				r.Header.Del(field)
				_, err := s.Verify(t.Context(), r, now)
				require.ErrorAs(t, err, new(*verify.Error))
			}
		})
	}
}

// TestChangedBit changes each bit of the body, the target, and each header field
// that was not there before signing. What is accepted all the same must mean the
// same.
func TestChangedBit(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, s := range signers(t) {
		if name == "graph" {
			continue // nothing is signed
		}
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.Sign(s.request, now))
			meaning := meaningOf(name, s.request)
			try := func(r *verify.Request) {
				if _, err := s.Verify(t.Context(), r, now); err == nil {
					require.Equal(t, meaning, meaningOf(name, r), "%s %q %q", r.Target, r.Body, r.Header)
				}
			}
			for i := range s.request.Body {
				for bit := range 8 {
					r := clone(s.request)
					r.Body[i] ^= 1 << bit
					try(r)
				}
			}
			for i := range s.request.Target {
				for bit := range 8 {
					r := clone(s.request)
					target := []byte(r.Target)
					target[i] ^= 1 << bit
					r.Target = string(target)
					try(r)
				}
			}
			for field, values := range s.request.Header {
				for i := range values[0] {
					for bit := range 8 {
						r := clone(s.request)
						value := []byte(values[0])
						value[i] ^= 1 << bit
						r.Header[field] = []string{string(value)}
						try(r)
					}
				}
			}
		})
	}
}

// meaningOf returns what a receiver sees of what is signed.
func meaningOf(name string, r *verify.Request) any {
	if name == "adyen" {
		events, err := adyenEvents(r.Body)
		if err != nil {
			return err
		}
		return events[0].signed
	}
	if name == "betstack" {
		return string(bytes.Join(bytes.Fields(r.Body), nil))
	}
	query, _ := url.ParseQuery(r.Query())
	body := any(string(r.Body))
	if is, _ := isForm(r); is {
		body, _ = url.ParseQuery(string(r.Body))
	}
	delete(query, "sig")
	if values, ok := body.(url.Values); ok {
		delete(values, "sig")
	}
	if name == "vonage form" {
		query = nil // not signed
	}
	if hash := query["bodySHA256"]; hash != nil {
		query.Del("bodySHA256")
	}
	path := r.Path()
	if name == "vonage form" || name == "vonage query" || name == "adyen" {
		path = "" // not signed
	}
	return []any{path, query, body}
}

func TestSecrets(t *testing.T) {
	many := make([]string, 17)
	for i := range many {
		many[i] = "61"
	}
	for name, build := range map[string]func(...string) (any, error){
		"twilio":   func(s ...string) (any, error) { return newTwilio("", "X-Twilio-Signature", s...) },
		"plivo":    func(s ...string) (any, error) { return newPlivoV3("", "X-Plivo-Signature-V3", s...) },
		"vonage":   func(s ...string) (any, error) { return newLegacyVonage("", "md5", s...) },
		"md5hash":  func(s ...string) (any, error) { return newLegacyVonage("", "md5hash", s...) },
		"adyen":    func(s ...string) (any, error) { return newAdyen("", s...) },
		"betstack": func(s ...string) (any, error) { return newBetstack("", s...) },
		"graph":    func(s ...string) (any, error) { return newGraph("", s...) },
		"paypal":   func(s ...string) (any, error) { return newPayPal("", nil, nil, s...) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, secrets := range [][]string{nil, {""}, {"61", ""}, many} {
				_, err := build(secrets...)
				require.Error(t, err)
			}
			_, err := build(many[:16]...)
			require.NoError(t, err)
		})
	}
}
