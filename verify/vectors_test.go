package verify_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
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
		Query string          `json:"query"`
		Token json.RawMessage `json:"token"`
		KeyID string          `json:"key_id"`
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
	Nonce           *selector `json:"nonce"`
	Content         string    `json:"content"`
	Tolerance       int       `json:"tolerance"`
}

type selector struct {
	Header     names  `json:"header"`
	Query      string `json:"query"`
	JSON       string `json:"json"`
	Any        bool   `json:"any"`
	Split      string `json:"split"`
	Prefix     string `json:"prefix"`
	PrefixFold bool   `json:"prefix_fold"`
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

func (s *selector) config(keyID string) *verify.Selector {
	if s == nil {
		return nil
	}
	return &verify.Selector{
		Headers: s.Header, AnyHeader: s.Any, Query: s.Query, JSON: s.JSON,
		Split: s.Split, Prefix: strings.ReplaceAll(s.Prefix, "{const.key_id}", keyID), FoldPrefix: s.PrefixFold,
	}
}

func (s *scheme) config(name, keyID string) verify.SignatureConfig {
	algorithm := s.Alg
	switch s.Alg {
	case "sha256":
		algorithm = "sha256-prefix"
	case "ecdsa-p256-sha256":
		algorithm = "ecdsa-p256"
	}
	c := verify.SignatureConfig{
		Scheme:      name,
		Algorithm:   verify.Algorithm(strings.TrimPrefix(algorithm, "hmac-")),
		KeyEncoding: verify.KeyEncoding(strings.TrimSuffix(s.Key, "-base64")),
		KeyPrefix:   s.KeyPrefix,
		Signature:   *s.Signature.config(keyID),
		Encoding:    verify.Encoding(s.Encoding),
		Signed:      verify.Template(s.Content),
		ID:          s.ID.config(keyID),
		Nonce:       s.Nonce.config(keyID),
	}
	if s.Timestamp != nil {
		c.Timestamp = &verify.TimestampConfig{
			Selector:  *s.Timestamp.config(keyID),
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

// verifier returns the one that must give the verdict, or nil if the scheme
// is not one of this package.
func (v *vector) verifier(t testing.TB, schemes map[string]*scheme) (verify.Verifier, error) {
	switch v.Scheme {
	case "basic":
		var c struct{ Username, Password string }
		require.NoError(t, json.Unmarshal(v.Secret, &c))
		return verify.NewBasic(verify.Credential{Username: c.Username, Password: c.Password})
	case "bearer-static":
		return verify.NewBearer(v.Config.Query, v.secrets(t)...)
	case "token":
		var s selector
		require.NoError(t, json.Unmarshal(v.Config.Token, &s))
		return verify.NewToken(*s.config(""), v.secrets(t)...)
	}
	if s, ok := schemes[v.Scheme]; ok {
		return verify.NewSignature(s.config(v.Scheme, v.Config.KeyID), v.secrets(t)...)
	}
	return nil, nil
}

func readJSON(t testing.TB, name string, v any) {
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

func readVectors(t testing.TB) (vectors []vector, schemes map[string]*scheme) {
	readJSON(t, "verify.json", &vectors)
	var all map[string]json.RawMessage
	readJSON(t, "schemes.json", &all)
	schemes = make(map[string]*scheme)
	for name, raw := range all {
		if name == "_doc" {
			continue
		}
		schemes[name] = new(scheme)
		require.NoError(t, json.Unmarshal(raw, schemes[name]))
	}
	return vectors, schemes
}

func TestVectors(t *testing.T) {
	vectors, schemes := readVectors(t)
	// A configuration that can't be safe is refused before any request.
	refused := map[string]bool{
		"standard-webhooks/empty-secret": true,
		"sinch-webhook/empty-secret":     true,
		"basic/empty-creds":              true,
		"bearer-static/empty":            true,
		"bearer-static/two-tokens":       true,
		"telnyx/key-31-bytes":            true,
		"telnyx/all-zero-key-and-sig":    true,
	}
	tried := 0
	for _, v := range vectors {
		verifier, err := v.verifier(t, schemes)
		if verifier == nil && err == nil {
			continue // a scheme of another package
		}
		t.Run(v.ID, func(t *testing.T) {
			if refused[v.ID] {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			tried++
			identity, err := verifier.Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
			if v.Expect == "valid" {
				require.NoError(t, err, v.Why)
				require.NotEmpty(t, identity.Scheme)
				require.Positive(t, identity.Key)
				return
			}
			require.ErrorAs(t, err, new(*verify.Error), v.Why)
			require.Zero(t, identity)
		})
	}
	require.Greater(t, tried, 150)
}

func TestVectorIdentity(t *testing.T) {
	vectors, schemes := readVectors(t)
	want := map[string]verify.Identity{
		"standard-webhooks/rotated-secret": {
			Scheme: "standard-webhooks", ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp: time.Unix(1614265330, 0), Key: 2, IDSigned: true,
		},
		"mailgun/event": {
			Scheme: "mailgun", ID: "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0", Timestamp: time.Unix(1700000000, 0), Key: 1, IDSigned: true,
		},
		"linear/event":                {Scheme: "linear", ID: "d1", Timestamp: time.Unix(1700000000, 0), Key: 1},
		"basic/rfc7617-utf8":          {Scheme: "basic", Key: 1, Subject: "test"},
		"bearer-static/rfc6750":       {Scheme: "bearer", Key: 1},
		"bearer-static/query-enabled": {Scheme: "bearer", Key: 1},
		"token/gitlab-match":          {Scheme: "token", Key: 1},
		"github/docs":                 {Scheme: "github", Key: 1},
	}
	found := 0
	for _, v := range vectors {
		identity, ok := want[v.ID]
		if !ok {
			continue
		}
		found++
		verifier, err := v.verifier(t, schemes)
		require.NoError(t, err)
		got, err := verifier.Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
		require.NoError(t, err)
		_, isSignature := verifier.(*verify.Signature)
		require.Equal(t, isSignature, got.Digest != [32]byte{}, v.ID)
		got.Digest = [32]byte{}
		require.Equal(t, identity, got, v.ID)
	}
	require.Equal(t, len(want), found)
}
