package httpsig_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

// vector is a request with the verdict it must get. They are made of those of
// RFC 9421, appendix B.2.
type vector struct {
	ID       string       `json:"id"`
	Method   string       `json:"method"`
	URL      string       `json:"url"`
	Headers  [][2]string  `json:"headers"`
	Body     string       `json:"body"`
	Now      int64        `json:"now"`
	Expect   string       `json:"expect"`
	Why      string       `json:"why"`
	Label    string       `json:"label"`
	Required []string     `json:"required"`
	MaxAge   int          `json:"max_age"`
	Keys     vectorKeyset `json:"keys"`
}

type vectorKeyset map[string]struct {
	Algorithm httpsig.Algorithm `json:"alg"`
	PEM       string            `json:"pem"`
	Secret    string            `json:"secret_b64"`
}

func (s vectorKeyset) keys() []httpsig.Key {
	var keys []httpsig.Key
	for _, id := range slices.Sorted(maps.Keys(s)) {
		keys = append(keys, httpsig.Key{ID: id, Algorithm: s[id].Algorithm, Value: s[id].PEM + s[id].Secret})
	}
	return keys
}

func (v *vector) config() httpsig.Config {
	return httpsig.Config{
		Keys: v.Keys.keys(), Label: v.Label, Components: v.Required, MaxAge: time.Duration(v.MaxAge) * time.Second,
	}
}

func (v *vector) request(t testing.TB) *verify.Request {
	u, err := url.Parse(v.URL)
	require.NoError(t, err)
	r := &verify.Request{
		Method: v.Method, Scheme: u.Scheme, Host: u.Host, Target: u.RequestURI(),
		Header: make(http.Header), Body: []byte(v.Body),
	}
	for _, field := range v.Headers {
		r.Header.Add(field[0], field[1])
	}
	return r
}

func readVectors(t testing.TB) map[string]vector {
	content, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var list []vector
	require.NoError(t, json.Unmarshal(content, &list))
	vectors := make(map[string]vector)
	for _, v := range list {
		vectors[v.ID] = v
	}
	require.Len(t, vectors, 17)
	return vectors
}

func TestVectors(t *testing.T) {
	reasons := map[string]verify.Reason{
		"b21-minimal-with-policy":      verify.ReasonCoverage,
		"b23-body-changed":             verify.ReasonDigest,
		"b26-body-changed-not-covered": verify.ReasonCoverage,
		"b25-date-changed":             verify.ReasonMismatch,
		"b26-created-old":              verify.ReasonStale,
		"b26-created-future":           verify.ReasonFuture,
		"b26-wrong-label":              verify.ReasonMissing,
		"b26-unknown-keyid":            verify.ReasonKey,
		"b25-key-alg-mismatch":         verify.ReasonMismatch,
		"b26-param-added":              verify.ReasonMismatch,
		"b26-duplicate-covered-header": verify.ReasonMismatch,
		"b26-sig-bytes-truncated":      verify.ReasonMismatch,
	}
	for id, vector := range readVectors(t) {
		t.Run(id, func(t *testing.T) {
			v, err := httpsig.New(vector.config())
			require.NoError(t, err)
			identity, err := v.Verify(t.Context(), vector.request(t), time.Unix(vector.Now, 0))
			if vector.Expect == "valid" {
				require.NoError(t, err, vector.Why)
				require.Equal(t, "rfc9421", identity.Scheme)
				require.Positive(t, identity.Key)
				require.Equal(t, time.Unix(1618884473, 0), identity.Timestamp)
				return
			}
			var e *verify.Error
			require.ErrorAs(t, err, &e, vector.Why)
			require.Equal(t, reasons[id[len("rfc9421/"):]], e.Reason, vector.Why)
			require.Zero(t, identity)
		})
	}
}

// TestPeer verifies what another implementation signed: http-message-signatures
// 1.0.4 from npm. It uses the longest salt for RSA-PSS.
func TestPeer(t *testing.T) {
	content, err := os.ReadFile("testdata/peer.json")
	require.NoError(t, err)
	var peer struct {
		Keys    vectorKeyset
		Vectors []vector
	}
	require.NoError(t, json.Unmarshal(content, &peer))
	require.Len(t, peer.Vectors, 14)
	for _, vector := range peer.Vectors {
		t.Run(vector.ID, func(t *testing.T) {
			vector.Keys = peer.Keys
			config := vector.config()
			config.Tag = "peer"
			v, err := httpsig.New(config)
			require.NoError(t, err)
			r := vector.request(t)
			identity, err := v.Verify(t.Context(), r, time.Unix(vector.Now, 0))
			require.NoError(t, err)
			require.Equal(t, `n"1`, identity.ID)
			if len(vector.Required) > 0 {
				r.Method, r.Host, r.Target = "PUT", "example.org", "/?name=e&e=x"
				for name := range r.Header {
					if !strings.HasPrefix(name, "Signature") {
						r.Header[name] = []string{"u=2, a=2, b=3, c=4, d=5"}
					}
				}
				_, err = v.Verify(t.Context(), r, time.Unix(vector.Now, 0))
				require.ErrorContains(t, err, "signature_mismatch")
			}
		})
	}
}

// TestRFCAppendixB4 is the request that the RFC transforms in ways that a
// signature survives, and in ways that it must not.
func TestRFCAppendixB4(t *testing.T) {
	const signature = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:"
	vectors := readVectors(t)
	v, err := httpsig.New(httpsig.Config{
		Keys: vectors["rfc9421/b26-ed25519"].Keys.keys(), Components: []string{"@method", "@path", "@authority", "accept"},
	})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		method, host, target string
		header               []string
		reason               verify.Reason
	}{
		"original":           {"GET", "example.org", "/demo?name1=Value1&Name2=value2", []string{"application/json", "*/*"}, ""},
		"more query":         {"GET", "example.org", "/demo?name1=Value1&Name2=value2&param=added", []string{"application/json", "*/*"}, ""},
		"one line":           {"GET", "example.org", "/demo", []string{"application/json, */*"}, ""},
		"default port":       {"GET", "example.org:443", "/demo", []string{"application/json", "*/*"}, ""},
		"upper-case host":    {"GET", "EXAMPLE.org", "/demo", []string{"application/json", "*/*"}, ""},
		"other order":        {"GET", "example.org", "/demo", []string{"*/*", "application/json"}, verify.ReasonMismatch},
		"other method":       {"POST", "example.org", "/demo", []string{"application/json", "*/*"}, verify.ReasonMismatch},
		"other host":         {"GET", "example.com", "/demo", []string{"application/json", "*/*"}, verify.ReasonMismatch},
		"port":               {"GET", "example.org:8443", "/demo", []string{"application/json", "*/*"}, verify.ReasonMismatch},
		"other path":         {"GET", "example.org", "/demo/", []string{"application/json", "*/*"}, verify.ReasonMismatch},
		"one header missing": {"GET", "example.org", "/demo", nil, verify.ReasonMissing},
	} {
		t.Run(name, func(t *testing.T) {
			r := &verify.Request{
				Method: test.method, Scheme: "https", Host: test.host, Target: test.target,
				Header: http.Header{
					"Signature-Input": {`transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"`},
					"Signature":       {signature},
				},
			}
			if test.header != nil {
				r.Header["Accept"] = test.header
			}
			_, err := v.Verify(t.Context(), r, time.Unix(1618884480, 0))
			if test.reason == "" {
				require.NoError(t, err)
				return
			}
			var e *verify.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.reason, e.Reason)
		})
	}
}
