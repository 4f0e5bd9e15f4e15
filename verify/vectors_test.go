package verify_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// vector is a request with the verdict it must get. Many are published by the
// providers themselves; "source" and "why" in the file tell.
type vector struct {
	ID      string          `json:"id"`
	Scheme  string          `json:"scheme"`
	Secret  json.RawMessage `json:"secret"`
	Method  string          `json:"method"`
	URL     string          `json:"url"`
	Headers [][2]string     `json:"headers"`
	Body    string          `json:"body"`
	BodyB64 []byte          `json:"body_b64"`
	Now     int64           `json:"now"`
	Expect  string          `json:"expect"`
	Why     string          `json:"why"`
	Config  struct {
		Query string `json:"query"`
	} `json:"config"`
}

// scheme is how a provider signs, as the vectors' authors write it down.
type scheme struct {
	Alg             string    `json:"alg"`
	Key             string    `json:"key"`
	KeyPrefix       string    `json:"key_prefix"`
	Signature       selector  `json:"signature"`
	Encoding        string    `json:"encoding"`
	Timestamp       *selector `json:"timestamp"`
	TimestampFormat string    `json:"timestamp_format"`
	ID              *selector `json:"id"`
	Content         string    `json:"content"`
	Tolerance       int       `json:"tolerance"`
}

type selector struct {
	Header names  `json:"header"`
	Split  string `json:"split"`
	Prefix string `json:"prefix"`
}

// names is one name or a list of them.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*n = make(names, 1)
		return json.Unmarshal(b, &(*n)[0])
	}
	return json.Unmarshal(b, (*[]string)(n))
}

func (s *selector) config() *verify.Selector {
	if s == nil {
		return nil
	}
	return &verify.Selector{Headers: s.Header, Split: s.Split, Prefix: s.Prefix}
}

func (s *scheme) config(name string) verify.HMACConfig {
	c := verify.HMACConfig{
		Scheme:      name,
		Algorithm:   verify.Algorithm(s.Alg[len("hmac-"):]),
		KeyEncoding: verify.KeyEncoding(s.Key),
		KeyPrefix:   s.KeyPrefix,
		Signature:   *s.Signature.config(),
		Encoding:    verify.Encoding(s.Encoding),
		Signed:      verify.Template(s.Content),
		ID:          s.ID.config(),
	}
	if s.Timestamp != nil {
		c.Timestamp = &verify.TimestampConfig{
			Selector:  *s.Timestamp.config(),
			Format:    verify.TimestampFormat(s.TimestampFormat),
			Tolerance: time.Duration(s.Tolerance) * time.Second,
		}
	}
	return c
}

func (v *vector) request(t testing.TB) *verify.Request {
	u, err := url.Parse(v.URL)
	require.NoError(t, err)
	r := &verify.Request{
		Method: v.Method,
		Scheme: u.Scheme,
		Host:   u.Host,
		Target: u.RequestURI(),
		Header: make(http.Header),
		Body:   []byte(v.Body),
	}
	if v.BodyB64 != nil {
		r.Body = v.BodyB64
	}
	for _, h := range v.Headers {
		r.Header.Add(h[0], h[1])
	}
	return r
}

func (v *vector) secrets(t testing.TB) []string {
	var many []string
	if json.Unmarshal(v.Secret, &many) == nil {
		return many
	}
	var one string
	require.NoError(t, json.Unmarshal(v.Secret, &one))
	return []string{one}
}

// verifier returns the verifiers that must give the verdict: one that is made
// of the scheme's parameters, and the preset, where there is one.
func (v *vector) verifiers(t testing.TB, schemes map[string]*scheme) (all []verify.Verifier, err error) {
	switch v.Scheme {
	case "basic":
		var c struct{ Username, Password string }
		require.NoError(t, json.Unmarshal(v.Secret, &c))
		basic, err := verify.NewBasic(verify.Credential{Username: c.Username, Password: c.Password})
		return []verify.Verifier{basic}, err
	case "bearer-static":
		bearer, err := verify.NewBearer(v.Config.Query, v.secrets(t)...)
		return []verify.Verifier{bearer}, err
	}
	configs := []verify.HMACConfig{schemes[v.Scheme].config(v.Scheme)}
	presets := map[string]string{"github": "github", "standard-webhooks": "standard_webhooks"}
	if c, ok := verify.Preset(presets[v.Scheme]); ok {
		configs = append(configs, c)
	}
	for _, c := range configs {
		h, err := verify.NewHMAC(c, v.secrets(t)...)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func readJSON(t testing.TB, name string, v any) {
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

func TestVectors(t *testing.T) {
	var vectors []vector
	readJSON(t, "verify.json", &vectors)
	schemes := make(map[string]*scheme)
	readJSON(t, "schemes.json", &schemes)
	require.NotEmpty(t, vectors)
	// A configuration that can't be safe is refused before any request.
	refused := map[string]bool{
		"standard-webhooks/empty-secret": true,
		"sinch-webhook/empty-secret":     true,
		"basic/empty-creds":              true,
		"bearer-static/empty":            true,
		"bearer-static/two-tokens":       true,
	}
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			verifiers, err := v.verifiers(t, schemes)
			if refused[v.ID] {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			for _, verifier := range verifiers {
				identity, err := verifier.Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
				if v.Expect == "valid" {
					require.NoError(t, err, v.Why)
					require.NotEmpty(t, identity.Scheme)
					require.Positive(t, identity.Key)
					continue
				}
				require.ErrorAs(t, err, new(*verify.Error), v.Why)
				require.Zero(t, identity)
			}
		})
	}
}

func TestVectorIdentity(t *testing.T) {
	var vectors []vector
	readJSON(t, "verify.json", &vectors)
	want := map[string]verify.Identity{
		"standard-webhooks/rotated-secret": {
			Scheme: "standard_webhooks", ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp: time.Unix(1614265330, 0), Key: 2,
		},
		"standard-webhooks/svix-doc-example": {
			Scheme: "standard_webhooks", ID: "msg_loFOjxBNrRLzqYUf", Timestamp: time.Unix(1731705121, 0), Key: 1,
		},
		"basic/rfc7617-utf8":          {Scheme: "basic", Key: 1, Subject: "test"},
		"bearer-static/rfc6750":       {Scheme: "bearer", Key: 1},
		"bearer-static/query-enabled": {Scheme: "bearer", Key: 1},
		"github/docs":                 {Scheme: "github", Key: 1},
	}
	schemes := make(map[string]*scheme)
	readJSON(t, "schemes.json", &schemes)
	found := 0
	for _, v := range vectors {
		identity, ok := want[v.ID]
		if !ok {
			continue
		}
		found++
		verifiers, err := v.verifiers(t, schemes)
		require.NoError(t, err)
		got, err := verifiers[len(verifiers)-1].Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
		require.NoError(t, err)
		require.Equal(t, identity, got, v.ID)
	}
	require.Equal(t, len(want), found)
}

// TestSchemesCompile makes a verifier of every scheme that the parameters can
// express, whether there are vectors of it or not.
func TestSchemesCompile(t *testing.T) {
	schemes := make(map[string]*scheme)
	readJSON(t, "schemes.json", &schemes)
	secrets := map[string]string{"base64": "c2VjcmV0", "hex": "736563726574", "": "secret"}
	for name, s := range schemes {
		_, err := verify.NewHMAC(s.config(name), secrets[s.Key])
		require.NoError(t, err, name)
	}
}
