package verify_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func certificate(t testing.TB) *x509.Certificate {
	uri, err := url.Parse("spiffe://example.com/sender")
	require.NoError(t, err)
	return &x509.Certificate{
		Subject:        pkix.Name{CommonName: "Sender, Inc", Organization: []string{"Example"}, Country: []string{"US"}},
		DNSNames:       []string{"a.example.com", "*.Wild.example.com"},
		EmailAddresses: []string{"Hooks@example.com"},
		URIs:           []*url.URL{uri},
		NotBefore:      now.Add(-time.Hour),
		NotAfter:       now.Add(time.Hour),
	}
}

func TestCertificates(t *testing.T) {
	for name, test := range map[string]struct {
		names   verify.CertificateNames
		subject string
	}{
		"common name":                     {verify.CertificateNames{CommonNames: []string{"x", "Sender, Inc"}}, "Sender, Inc"},
		"common name in lower case":       {verify.CertificateNames{CommonNames: []string{"sender, inc"}}, ""},
		"part of a common name":           {verify.CertificateNames{CommonNames: []string{"Sender", "Sender, Inc.", "*"}}, ""},
		"DNS name":                        {verify.CertificateNames{DNSNames: []string{"a.example.com"}}, "a.example.com"},
		"DNS name in upper case":          {verify.CertificateNames{DNSNames: []string{"A.EXAMPLE.com"}}, "A.EXAMPLE.com"},
		"parent of a DNS name":            {verify.CertificateNames{DNSNames: []string{"example.com", "*.example.com"}}, ""},
		"wildcard of the certificate":     {verify.CertificateNames{DNSNames: []string{"*.wild.example.com"}}, "*.wild.example.com"},
		"covered by the wildcard":         {verify.CertificateNames{DNSNames: []string{"x.wild.example.com"}}, ""},
		"email":                           {verify.CertificateNames{Emails: []string{"Hooks@example.com"}}, "Hooks@example.com"},
		"email in lower case":             {verify.CertificateNames{Emails: []string{"hooks@example.com"}}, ""},
		"URI":                             {verify.CertificateNames{URIs: []string{"spiffe://example.com/sender"}}, "spiffe://example.com/sender"},
		"URI with more":                   {verify.CertificateNames{URIs: []string{"spiffe://example.com/sender/1"}}, ""},
		"subject":                         {verify.CertificateNames{Subjects: []string{`CN=Sender\, Inc,O=Example,C=US`}}, `CN=Sender\, Inc,O=Example,C=US`},
		"subject in another order":        {verify.CertificateNames{Subjects: []string{`C=US,O=Example,CN=Sender\, Inc`}}, ""},
		"common name as something else":   {verify.CertificateNames{DNSNames: []string{"Sender, Inc"}, Emails: []string{"Sender, Inc"}, Subjects: []string{"Sender, Inc"}}, ""},
		"something else as a common name": {verify.CertificateNames{CommonNames: []string{"a.example.com", "Hooks@example.com"}}, ""},
		"any of all": {verify.CertificateNames{
			CommonNames: []string{"x"}, DNSNames: []string{"x"}, Emails: []string{"x"}, URIs: []string{"x:x", "spiffe://example.com/sender"},
		}, "spiffe://example.com/sender"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := verify.NewCertificates(test.names)
			require.NoError(t, err)
			r := &verify.Request{Certificate: certificate(t)}
			if test.subject == "" {
				require.Equal(t, verify.ReasonForbidden, reason(t, v, r))
				return
			}
			identity, err := v.Verify(t.Context(), r, now)
			require.NoError(t, err)
			require.Equal(t, verify.Identity{Scheme: "mtls", Subject: test.subject}, identity)
		})
	}
}

func TestCertificateValidity(t *testing.T) {
	v, err := verify.NewCertificates(verify.CertificateNames{DNSNames: []string{"a.example.com"}})
	require.NoError(t, err)
	require.Equal(t, verify.ReasonMissing, reason(t, v, new(verify.Request)))
	require.Contains(t, explain(t, v, new(verify.Request)).Sentence, "client_auth")
	r := &verify.Request{Certificate: certificate(t)}
	r.Certificate.NotAfter = now
	require.Empty(t, reason(t, v, r))
	r.Certificate.NotAfter = now.Add(-time.Second)
	require.Equal(t, verify.ReasonExpired, reason(t, v, r))
	require.Contains(t, explain(t, v, r).Sentence, "expired")
	r.Certificate = certificate(t)
	r.Certificate.NotBefore = now.Add(time.Second)
	require.Equal(t, verify.ReasonExpired, reason(t, v, r))
	// A certificate without names has none that match, not even an empty one.
	r.Certificate = &x509.Certificate{NotBefore: now, NotAfter: now}
	require.Equal(t, verify.ReasonForbidden, reason(t, v, r))
}

func TestRefusedCertificateNames(t *testing.T) {
	for message, names := range map[string]verify.CertificateNames{
		"no name of a certificate":                         {},
		"empty name of a certificate":                      {CommonNames: []string{"x", ""}},
		`"example.com" is not a URI in its usual form`:     {URIs: []string{"example.com"}},
		`"SPIFFE://example" is not a URI in its usual for`: {URIs: []string{"SPIFFE://example"}},
		`"a://%zz" is not a URI in its usual form`:         {URIs: []string{"a://%zz"}},
	} {
		_, err := verify.NewCertificates(names)
		require.ErrorContains(t, err, message)
	}
}
