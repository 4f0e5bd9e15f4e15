package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	paypalURL     = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-df8cd2d5"
	paypalWebhook = "9XL90610J3647323C"
	paypalIssuer  = "http://cacerts.digicert.com/Issuer.crt"
)

var paypalNow = time.Date(2023, 9, 7, 8, 7, 6, 0, time.UTC)

// paypalLeaf is a certificate for a name, from an authority.
func paypalLeaf(t testing.TB, issuer *x509.Certificate, name string) *x509.Certificate {
	return testCertificate(t, &x509.Certificate{DNSNames: []string{name}, IssuingCertificateURL: []string{paypalIssuer}}, issuer, testKey())
}

// paypalAuthorities returns the pool with a root, and what the root issued.
func paypalAuthorities(t testing.TB) (*x509.CertPool, *x509.Certificate) {
	root := testAuthority(t, "root", nil)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return roots, testAuthority(t, "issuer", root)
}

func testPayPal(t testing.TB, webhookIDs ...string) *paypal {
	roots, issuer := paypalAuthorities(t)
	v, err := newPayPal("paypal", documents{
		paypalURL: encodePEM(paypalLeaf(t, issuer, paypalNames[0]), issuer),
		strings.Replace(paypalURL, "api.", "api-m.sandbox.", 1): encodePEM(paypalLeaf(t, issuer, paypalNames[1]), issuer),
	}, roots, webhookIDs...)
	require.NoError(t, err)
	return v
}

// paypalRequest signs what it is given for the test webhook.
func paypalRequest(t testing.TB, id, timestamp, certURL, body string) *verify.Request {
	digest := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d", id, timestamp, paypalWebhook, crc32.ChecksumIEEE([]byte(body))))
	signature, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, digest[:])
	require.NoError(t, err)
	return newRequest(t, http.MethodPost, "https://example.com/", body,
		"PAYPAL-TRANSMISSION-ID", id, "PAYPAL-TRANSMISSION-TIME", timestamp, "PAYPAL-CERT-URL", certURL, "PAYPAL-AUTH-ALGO", "SHA256withRSA",
		"PAYPAL-TRANSMISSION-SIG", base64.StdEncoding.EncodeToString(signature))
}

func TestPayPal(t *testing.T) {
	const id, timestamp, body = "89556ce0-4d55-11ee-9f56-dd5f48f22b28", "2023-09-07T08:07:06Z", `{"id":"WH-1"}`
	v := testPayPal(t, "other", paypalWebhook)
	for _, certURL := range []string{paypalURL, strings.Replace(paypalURL, "api.", "api-m.sandbox.", 1)} {
		for _, age := range []time.Duration{-5 * time.Minute, 0, paypalMaxAge} {
			identity, err := v.Verify(t.Context(), paypalRequest(t, id, timestamp, certURL, body), paypalNow.Add(age))
			require.NoError(t, err)
			require.Equal(t, verify.Identity{
				Scheme: "paypal", ID: id, IDSigned: true, Timestamp: paypalNow, Key: 2,
				Digest: sha256.Sum256([]byte(id + "|" + timestamp + "|" + paypalWebhook + "|838965618")),
			}, identity)
		}
	}
	requireRefused(t, v, paypalRequest(t, id, timestamp, paypalURL, body), paypalNow.Add(paypalMaxAge+1), verify.ReasonStale, paypalTime)
	requireRefused(t, v, paypalRequest(t, id, timestamp, paypalURL, body), paypalNow.Add(-5*time.Minute-1), verify.ReasonFuture, paypalTime)
	requireRefused(t, testPayPal(t, "other"), paypalRequest(t, id, timestamp, paypalURL, body), paypalNow, verify.ReasonMismatch, paypalSignature)
}

func TestPayPalRefuses(t *testing.T) {
	const id, timestamp = "89556ce0-4d55-11ee", "2023-09-07T08:07:06Z"
	v := testPayPal(t, paypalWebhook)
	good := paypalRequest(t, id, timestamp, paypalURL, "{}")
	_, err := v.Verify(t.Context(), good, paypalNow)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		field, value string
		reason       verify.Reason
	}{
		"other id":      {paypalID, id + "x", verify.ReasonMismatch},
		"bar in id":     {paypalID, id + "|" + timestamp, verify.ReasonMalformed},
		"other time":    {paypalTime, "2023-09-07T08:07:07Z", verify.ReasonMismatch},
		"no time":       {paypalTime, "1694074026", verify.ReasonMalformed},
		"algorithm":     {paypalAlgorithm, "SHA1withRSA", verify.ReasonAlgorithm},
		"no base64":     {paypalSignature, "?", verify.ReasonMalformed},
		"short":         {paypalSignature, "AAAA", verify.ReasonMismatch},
		"http":          {paypalCertURL, strings.Replace(paypalURL, "https", "http", 1), verify.ReasonKey},
		"other host":    {paypalCertURL, strings.Replace(paypalURL, "api.paypal.com", "www.paypal.com", 1), verify.ReasonKey},
		"suffix":        {paypalCertURL, strings.Replace(paypalURL, ".com/", ".com.evil.example/", 1), verify.ReasonKey},
		"user":          {paypalCertURL, strings.Replace(paypalURL, "api.", "x@api.", 1), verify.ReasonKey},
		"user at front": {paypalCertURL, strings.Replace(paypalURL, ".com/", ".com@evil.example/", 1), verify.ReasonKey},
		"port":          {paypalCertURL, strings.Replace(paypalURL, ".com/", ".com:443/", 1), verify.ReasonKey},
		"other path":    {paypalCertURL, strings.Replace(paypalURL, "notifications", "payments", 1), verify.ReasonKey},
		"path up":       {paypalCertURL, strings.Replace(paypalURL, "CERT", "../CERT", 1), verify.ReasonKey},
		"escaped up":    {paypalCertURL, strings.Replace(paypalURL, "CERT", "%2e%2e%2fCERT", 1), verify.ReasonKey},
		"query":         {paypalCertURL, paypalURL + "?x", verify.ReasonKey},
		"fragment":      {paypalCertURL, paypalURL + "#x", verify.ReasonKey},
		"no name":       {paypalCertURL, strings.TrimSuffix(paypalURL, "CERT-360caa42-fca2a594-df8cd2d5"), verify.ReasonKey},
	} {
		t.Run(name, func(t *testing.T) {
			r := clone(good)
			r.Header.Set(c.field, c.value)
			requireRefused(t, v, r, paypalNow, c.reason, map[bool]string{true: paypalSignature, false: c.field}[c.reason == verify.ReasonMismatch])
		})
	}
	for field, values := range good.Header {
		r := clone(good)
		r.Header[field] = append(r.Header[field], values[0])
		requireRefused(t, v, r, paypalNow, verify.ReasonDuplicate, field)
		r.Header[field] = nil
		requireRefused(t, v, r, paypalNow, verify.ReasonMissing, field)
		for i := range values[0] {
			for bit := range 8 {
				r := clone(good)
				value := []byte(values[0])
				value[i] ^= 1 << bit
				r.Header[field] = []string{string(value)}
				_, err := v.Verify(t.Context(), r, paypalNow)
				require.Error(t, err)
			}
		}
	}
	r := clone(good)
	r.Body = []byte("{} ")
	requireRefused(t, v, r, paypalNow, verify.ReasonMismatch, paypalSignature)
}

func TestPayPalCertificate(t *testing.T) {
	roots, issuer := paypalAuthorities(t)
	leaf := paypalLeaf(t, issuer, paypalNames[0])
	otherRoot := testAuthority(t, "other", nil)
	expired := testCertificate(t, &x509.Certificate{DNSNames: paypalNames[:1], NotBefore: time.Unix(1, 0), NotAfter: time.Unix(2, 0)}, issuer, testKey())
	der := documents{"https://cacerts.digicert.com/Issuer.crt": string(issuer.Raw)}
	for name, c := range map[string]struct {
		chain  []*x509.Certificate
		more   documents
		reason verify.Reason
	}{
		"with issuer":      {[]*x509.Certificate{leaf, issuer}, nil, ""},
		"issuer elsewhere": {[]*x509.Certificate{leaf}, der, ""},
		"issuer unknown":   {[]*x509.Certificate{leaf}, nil, "error"},
		"issuer unreadable": {
			[]*x509.Certificate{leaf},
			documents{"https://cacerts.digicert.com/Issuer.crt": "x"},
			"error",
		},
		"other name": {[]*x509.Certificate{paypalLeaf(t, issuer, "www.paypal.com"), issuer}, nil, verify.ReasonKey},
		"wildcard":   {[]*x509.Certificate{paypalLeaf(t, issuer, "*.evil.example"), issuer}, nil, verify.ReasonKey},
		"other root": {[]*x509.Certificate{paypalLeaf(t, otherRoot, paypalNames[0]), otherRoot}, nil, verify.ReasonKey},
		"self-signed": {
			[]*x509.Certificate{testCertificate(t, &x509.Certificate{DNSNames: paypalNames}, nil, testKey())},
			nil, verify.ReasonKey,
		},
		"expired": {[]*x509.Certificate{expired, issuer}, nil, verify.ReasonExpired},
		"none":    {nil, nil, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			known := documents{paypalURL: encodePEM(c.chain...)}
			maps.Copy(known, c.more)
			v, err := newPayPal("paypal", known, roots, paypalWebhook)
			require.NoError(t, err)
			r := paypalRequest(t, "1", "2023-09-07T08:07:06Z", paypalURL, "{}")
			switch c.reason {
			case "":
				_, err = v.Verify(t.Context(), r, paypalNow)
				require.NoError(t, err)
			case "error":
				_, err = v.Verify(t.Context(), r, paypalNow)
				require.Error(t, err)
				require.NotErrorAs(t, err, new(*verify.Error)) // PayPal may try again
			default:
				requireRefused(t, v, r, paypalNow, c.reason, paypalCertURL)
			}
		})
	}
}

func TestNewPayPal(t *testing.T) {
	_, err := newPayPal("paypal", nil, nil, "a|b")
	require.Error(t, err)
}

func FuzzPayPal(f *testing.F) {
	v := testPayPal(f, paypalWebhook)
	good := paypalRequest(f, "1", "2023-09-07T08:07:06Z", paypalURL, "{}")
	f.Add("1", "2023-09-07T08:07:06Z", paypalURL, "SHA256withRSA", good.Header.Get(paypalSignature), []byte("{}"))
	f.Add("1|2", "2023-09-07T08:07:06+00:00", paypalURL+"/..", "", "=", []byte(""))
	f.Fuzz(func(t *testing.T, id, timestamp, certURL, algorithm, signature string, body []byte) {
		r := &verify.Request{Body: body, Header: http.Header{
			paypalID: {id}, paypalTime: {timestamp}, paypalCertURL: {certURL}, paypalAlgorithm: {algorithm}, paypalSignature: {signature},
		}}
		if _, err := v.Verify(t.Context(), r, paypalNow); err != nil {
			return
		}
		require.Equal(t, []string{"1", "2023-09-07T08:07:06Z", "SHA256withRSA"}, []string{id, timestamp, algorithm})
		require.Equal(t, crc32.ChecksumIEEE([]byte("{}")), crc32.ChecksumIEEE(body))
		require.Contains(t, certURL, "https://api")
	})
}
