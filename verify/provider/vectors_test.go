package provider

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// presetVector is a request with the verdict that the verifier of a provider
// must give.
type presetVector struct {
	ID      string      `json:"id"`
	Scheme  string      `json:"scheme"`
	Secret  any         `json:"secret"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	BodyB64 []byte      `json:"body_b64"`
	Now     int64       `json:"now"`
	Expect  string      `json:"expect"`
	Why     string      `json:"why"`
	Config  struct {
		PublicURL string            `json:"public_url"`
		Method    string            `json:"method"`
		KeyID     string            `json:"key_id"`
		Certs     map[string]string `json:"certs"`
		Topics    []string          `json:"topics"`
	} `json:"config"`
}

// settings returns what the configuration of the vector's scheme is made of.
func (v *presetVector) settings() Settings {
	s := Settings{
		Options: make(map[string][]string),
		Client:  &fetch.Client{HTTP: &http.Client{Transport: publishedCertificates(v.Config.Certs)}},
	}
	switch secret := v.Secret.(type) {
	case string:
		s.Secrets = []string{secret}
	case []any:
		for _, each := range secret {
			s.Secrets = append(s.Secrets, each.(string))
		}
	}
	for name, value := range map[string]string{"method": v.Config.Method, "key_id": v.Config.KeyID} {
		if value != "" {
			s.Options[name] = []string{value}
		}
	}
	if v.Config.Topics != nil {
		s.Options["topic"] = v.Config.Topics
	}
	return s
}

func (v *presetVector) request(t testing.TB) *verify.Request {
	rawURL := v.URL
	if v.Config.PublicURL != "" {
		rawURL = v.Config.PublicURL
	}
	r := newRequest(t, v.Method, rawURL, v.Body)
	if v.BodyB64 != nil {
		r.Body = v.BodyB64
	}
	for _, field := range v.Headers {
		r.Header.Add(field[0], field[1])
	}
	return r
}

// publishedCertificates is an HTTP server of documents by URL.
type publishedCertificates map[string]string

// RoundTrip implements [http.RoundTripper].
func (c publishedCertificates) RoundTrip(r *http.Request) (*http.Response, error) {
	response := &http.Response{StatusCode: http.StatusNotFound, Header: make(http.Header), Body: http.NoBody, Request: r}
	if document, ok := c[r.URL.String()]; ok {
		response.StatusCode = http.StatusOK
		response.Body = io.NopCloser(strings.NewReader(document))
	}
	return response, nil
}

// profileOf returns the profile of a scheme by the name that the vectors call it.
func profileOf(scheme string) *Profile { return Lookup(strings.ReplaceAll(scheme, "-", "_")) }

// TestPresetVectors requires the verdict of each vector from the verifier that
// users get by the name of the provider alone.
func TestPresetVectors(t *testing.T) {
	// These are no providers, and are tested where their verifiers are.
	general := map[string]bool{
		"basic": true, "bearer-static": true, "token": true, "jwt": true, "jwt-jwks": true, "introspection": true, "rfc9421": true,
	}
	// A configuration that can't be safe is refused before any request.
	refused := map[string]bool{
		"standard-webhooks/empty-secret": true,
		"sinch-webhook/empty-secret":     true,
		"telnyx/key-31-bytes":            true,
		"telnyx/all-zero-key-and-sig":    true,
	}
	file, err := os.ReadFile("../testdata/verify.json")
	require.NoError(t, err)
	var vectors []presetVector
	require.NoError(t, json.Unmarshal(file, &vectors))
	tried := make(map[string]int)
	for _, v := range vectors {
		if general[v.Scheme] {
			require.Nil(t, profileOf(v.Scheme), v.Scheme)
			continue
		}
		tried[v.Scheme]++
		t.Run(v.ID, func(t *testing.T) {
			profile := profileOf(v.Scheme)
			require.NotNil(t, profile)
			verifier, err := profile.New(v.settings())
			if refused[v.ID] {
				require.Error(t, err)
				require.Equal(t, "invalid", v.Expect)
				return
			}
			require.NoError(t, err)
			identity, err := verifier.Verify(t.Context(), v.request(t), time.Unix(v.Now, 0))
			if v.Expect == "valid" {
				require.NoError(t, err, v.Why)
				require.Equal(t, profile.Name, identity.Scheme)
				require.Positive(t, identity.Key)
				return
			}
			require.ErrorAs(t, err, new(*verify.Error), v.Why)
			require.Zero(t, identity)
		})
	}
	require.Equal(t, 27, len(tried))
}

// TestEveryScheme requires a provider for each scheme that is known to be in use.
func TestEveryScheme(t *testing.T) {
	file, err := os.ReadFile("../testdata/schemes.json")
	require.NoError(t, err)
	var schemes map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(file, &schemes))
	delete(schemes, "_doc")
	require.Equal(t, 54, len(schemes))
	for name := range schemes {
		require.NotNil(t, profileOf(name), name)
	}
}
