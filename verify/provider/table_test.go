package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	stdbase64 "encoding/base64"
	stdhex "encoding/hex"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

var tableNow = time.Unix(1700000000, 0)

// secretsFor returns settings that a profile accepts, and the private key of the
// secret if that is a public one.
func settingsFor(t testing.TB, p *Profile) (Settings, crypto.Signer) {
	s := Settings{
		Secrets: []string{"Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy"}, Options: make(map[string][]string),
		Client: &fetch.Client{HTTP: http.DefaultClient}, Now: tableNow,
	}
	for _, o := range p.Options {
		if o.Required {
			s.Options[o.Name] = []string{"value"}
		}
	}
	if p.Name == "aws_sns" {
		s.Options["topic"] = []string{"arn:aws:sns:eu-north-1:123456789012:t"}
	}
	var private crypto.Signer
	c := p.Signature
	switch {
	case p.Secret == "":
		s.Secrets = nil
	case strings.HasPrefix(p.Secret, "username"):
		s.Secrets = []string{"user", "password"}
	case p.Name == "adyen":
		s.Secrets = []string{"00112233"}
	case c == nil:
	case c.Algorithm == verify.ECDSAP256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		require.NoError(t, err)
		s.Secrets, private = []string{stdbase64.StdEncoding.EncodeToString(der)}, key
	case c.Algorithm == verify.Ed25519:
		public, key, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		s.Secrets, private = []string{stdbase64.StdEncoding.EncodeToString(public)}, key
		if c.KeyEncoding == verify.KeyHex {
			s.Secrets = []string{stdhex.EncodeToString(public)}
		}
	case c.KeyEncoding == verify.KeyHex:
		s.Secrets = []string{"00112233"}
	}
	return s, private
}

func eventRequest() *verify.Request {
	return &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "hooks.example.com", Target: "/in?x=1",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"type":"delivered","id":"e1"}`),
	}
}

// TestEveryProfile makes a verifier of each profile, and requires that it accepts
// nothing without credentials, whatever is missing, empty or doubled.
func TestEveryProfile(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Docs)
			require.True(t, (p.Signature == nil) != (p.new == nil), "one way to verify")
			s, private := settingsFor(t, p)
			v, err := p.New(s)
			require.NoError(t, err)

			_, err = v.Verify(t.Context(), eventRequest(), tableNow)
			require.ErrorAs(t, err, new(*verify.Error))
			_, err = v.Verify(t.Context(), &verify.Request{}, tableNow)
			require.ErrorAs(t, err, new(*verify.Error))

			requireSettingsChecked(t, p, s)
			r, ok := signedEvent(v, private)
			unsignable := map[string]bool{"adyen": true, "ms_graph": true, "google_pubsub": true, "aws_sns": true, "paypal": true}
			require.Equal(t, !unsignable[p.Name], ok)
			if !ok {
				return
			}
			identity, err := v.Verify(t.Context(), r, tableNow)
			require.NoError(t, err)
			require.Equal(t, p.Name, identity.Scheme)
			requireHeaderChecked(t, v, r)
		})
	}
}

// requireSettingsChecked leaves out, empties and doubles every setting.
func requireSettingsChecked(t *testing.T, p *Profile, s Settings) {
	refused := func(change func(*Settings)) {
		t.Helper()
		changed := s
		changed.Options = maps.Clone(s.Options)
		change(&changed)
		_, err := p.New(changed)
		require.Error(t, err)
	}
	refused(func(s *Settings) { s.Options["bogus"] = []string{"x"} })
	refused(func(s *Settings) { s.Secrets = append(s.Secrets, make([]string, 17)...) })
	if p.Secret != "" && p.Name != "fusionauth" {
		refused(func(s *Settings) { s.Secrets = nil })
	}
	refused(func(s *Settings) { s.Secrets = []string{""} })
	for _, o := range p.Options {
		refused(func(s *Settings) { s.Options[o.Name] = []string{""} })
		if o.Required {
			refused(func(s *Settings) { delete(s.Options, o.Name) })
		}
		if !o.Many {
			refused(func(s *Settings) { s.Options[o.Name] = []string{"a", "b"} })
		}
	}
}

// signedEvent returns a request that v accepts, if one can be made.
func signedEvent(v *Verifier, private crypto.Signer) (*verify.Request, bool) {
	r := eventRequest()
	return r, signInPlace(v, private, r)
}

// signInPlace signs r, and reports whether that is possible. Where the provider
// has another form of body than JSON of any kind, r gets it.
func signInPlace(v *Verifier, private crypto.Signer, r *verify.Request) bool {
	if private != nil {
		return v.Verifier.(*verify.Signature).SignWith(private, r, tableNow) == nil
	}
	switch v.profile.Name {
	case "adyen", "ms_graph": // these sign members of the body
		return false
	case "vonage_legacy", "plivo":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = []byte("MessageUUID=e1&Status=delivered")
	}
	return v.Sign(r, tableNow) == nil
}

// requireHeaderChecked leaves out, empties, shortens and doubles each field of the
// header that the sender adds.
func requireHeaderChecked(t *testing.T, v *Verifier, r *verify.Request) {
	for name, values := range r.Header {
		if name == "Content-Type" {
			continue
		}
		for _, changed := range [][]string{nil, {""}, {values[0][:1]}, {values[0], values[0]}} {
			r.Header[name] = changed
			_, err := v.Verify(t.Context(), r, tableNow)
			unsigned := v.profile.Signature != nil && v.profile.Signature.ID != nil &&
				!strings.Contains(string(v.profile.Signature.Signed), "{id}") && len(changed) < 2 && isIDField(v, name)
			if unsigned {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorAs(t, err, new(*verify.Error), "%s: %q", name, changed)
		}
		r.Header[name] = values
	}
}

func isIDField(v *Verifier, name string) bool {
	for _, id := range v.profile.Signature.ID.Headers {
		if http.CanonicalHeaderKey(id) == name {
			return true
		}
	}
	return false
}

// TestNames keeps the names usable in Caddyfiles and module ids.
func TestNames(t *testing.T) {
	for name, p := range byName {
		require.Regexp(t, `^[a-z0-9]+(_[a-z0-9]+)*$`, name)
		require.Same(t, p, Lookup(name))
	}
	require.Nil(t, Lookup("nobody"))
}
