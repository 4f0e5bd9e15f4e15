package caddymodule

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

func TestClientIPScheme(t *testing.T) {
	t.Setenv("VERIFY_TEST_RANGE", "2001:db8::/32")
	h := newVerify(t, `{"scheme":{"name":"client_ip","ranges":["192.0.2.7","198.51.100.0/24","{env.VERIFY_TEST_RANGE}"]}}`)
	require.False(t, h.needsBody)
	for client, status := range map[any]int{
		"192.0.2.7":          http.StatusOK,
		"::ffff:192.0.2.7":   http.StatusOK,
		"198.51.100.200":     http.StatusOK,
		"2001:db8::1":        http.StatusOK,
		"2001:db8::1%eth0":   http.StatusOK,
		"192.0.2.8":          http.StatusForbidden,
		"2001:db9::1":        http.StatusForbidden,
		"":                   http.StatusUnauthorized,
		"@":                  http.StatusUnauthorized,
		"192.0.2.7:443":      http.StatusUnauthorized,
		"192.0.2.7, 1.2.3.4": http.StatusUnauthorized,
		nil:                  http.StatusUnauthorized,
		7:                    http.StatusUnauthorized,
	} {
		r := newRequest(http.MethodPost, "https://example.com/", nil, "X-Forwarded-For", "192.0.2.7")
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
		arrived, err := serve(httptest.NewRecorder(), r, h)
		if status == http.StatusOK {
			require.NoError(t, err, client)
			require.Equal(t, "client_ip", expand(arrived, "{verify.scheme}{verify.subject}"))
		} else {
			requireStatus(t, status, err)
		}
	}
}

func TestRefusedClientConfigs(t *testing.T) {
	t.Setenv("VERIFY_TEST_EMPTY", "")
	for config, message := range map[string]string{
		`{"name":"client_ip"}`:                                          "no address",
		`{"name":"client_ip","ranges":["192.0.2.7","x"]}`:               "range 2: invalid IP address",
		`{"name":"client_ip","ranges":["192.0.2.0/33"]}`:                "range 1: parsing CIDR expression",
		`{"name":"client_ip","ranges":["{env.VERIFY_TEST_EMPTY}"]}`:     "range 1: {env.VERIFY_TEST_EMPTY} is unset",
		`{"name":"client_ip","range":["192.0.2.7"]}`:                    "range",
		`{"name":"mtls"}`:                                               "no name of a certificate",
		`{"name":"mtls","dns_names":["x",""]}`:                          "dns: empty",
		`{"name":"mtls","common_names":["{env.VERIFY_TEST_UNSET}"]}`:    "common_name: {env.VERIFY_TEST_UNSET} is unset",
		`{"name":"mtls","uris":["x"]}`:                                  `"x" is not a URI`,
		`{"name":"mtls","subjects":["CN=x"],"organizations":["whoso"]}`: "organizations",
	} {
		_, err := loadVerify(t, `{"scheme":`+config+`}`)
		require.ErrorContains(t, err, message, config)
	}
}

// TestClientAllocations tells that schemes which do not ask for the client do
// not pay for it.
func TestClientAllocations(t *testing.T) {
	for _, client := range []string{"192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"} {
		r := newRequest(http.MethodPost, "https://example.com/", nil)
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
		require.Equal(t, netip.MustParseAddr(client), clientIP(r))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_ = clientIP(r)
			_ = clientCertificate(r)
		}))
	}
}

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newCertificate(t testing.TB, template *x509.Certificate, issuer *authority) (*authority, tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if issuer == nil {
		issuer = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, &key.PublicKey, issuer.key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{certificate, key}, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestMTLSScheme connects with client certificates to servers in all modes that
// Caddy's client_auth has.
func TestMTLSScheme(t *testing.T) {
	t.Setenv("VERIFY_TEST_NAME", "sender.example.com")
	h := newVerify(t, `{"scheme":{"name":"mtls","common_names":["Sender"],"dns_names":["{env.VERIFY_TEST_NAME}"]}}`)
	require.False(t, h.needsBody)

	ca, _ := newCertificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Sender"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	leaf := func(name string, issuer *authority) *tls.Certificate {
		_, certificate := newCertificate(t, &x509.Certificate{
			Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}, issuer)
		return &certificate
	}
	good, other, forged := leaf("sender.example.com", ca), leaf("other.example.com", ca), leaf("sender.example.com", nil)
	const noConnection = 0
	for name, test := range map[string]struct {
		mode        tls.ClientAuthType
		certificate *tls.Certificate
		status      int
	}{
		"require_and_verify, good":   {tls.RequireAndVerifyClientCert, good, http.StatusOK},
		"require_and_verify, other":  {tls.RequireAndVerifyClientCert, other, http.StatusForbidden},
		"require_and_verify, forged": {tls.RequireAndVerifyClientCert, forged, noConnection},
		"require_and_verify, none":   {tls.RequireAndVerifyClientCert, nil, noConnection},
		"verify_if_given, good":      {tls.VerifyClientCertIfGiven, good, http.StatusOK},
		"verify_if_given, none":      {tls.VerifyClientCertIfGiven, nil, http.StatusUnauthorized},
		"require, good":              {tls.RequireAnyClientCert, good, http.StatusUnauthorized},
		"require, forged":            {tls.RequireAnyClientCert, forged, http.StatusUnauthorized},
		"request, forged":            {tls.RequestClientCert, forged, http.StatusUnauthorized},
		"no client_auth":             {tls.NoClientCert, good, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
				arrived, err := serve(w, r, h)
				if he, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
					w.WriteHeader(he.StatusCode)
					return
				}
				_, _ = io.WriteString(w, expand(arrived, "{verify.scheme} {http.auth.user.id}"))
			}))
			pool := x509.NewCertPool()
			pool.AddCert(ca.certificate)
			server.TLS = &tls.Config{ClientAuth: test.mode, ClientCAs: pool, MinVersion: tls.VersionTLS12}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()

			client := server.Client()
			config := client.Transport.(*http.Transport).TLSClientConfig
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if test.certificate == nil {
					return new(tls.Certificate), nil
				}
				return test.certificate, nil
			}
			response, err := client.Get(server.URL)
			if test.status == noConnection {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			defer func() { require.NoError(t, response.Body.Close()) }()
			require.Equal(t, test.status, response.StatusCode)
			if test.status == http.StatusOK {
				answer, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, "mtls sender.example.com", string(answer))
			}
		})
	}
}

// TestClientCertificate tells that only the leaf of a verified chain counts.
func TestClientCertificate(t *testing.T) {
	leaf, issuer := new(x509.Certificate), new(x509.Certificate)
	r := newRequest(http.MethodGet, "https://example.com/", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf, issuer}}
	require.Nil(t, verifyRequest(r, nil).Certificate)
	r.TLS.VerifiedChains = [][]*x509.Certificate{{leaf, issuer}}
	require.Same(t, leaf, verifyRequest(r, nil).Certificate)
	r.TLS = nil
	require.Nil(t, verifyRequest(r, nil).Certificate)
}
