package provider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// testKey is made once, since that takes long.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// testCertificate is issued by parent, or by itself, and valid from 2020 to 2040
// unless template says otherwise.
func testCertificate(t testing.TB, template, parent *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		template.NotAfter = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, testKey())
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate
}

func testAuthority(t testing.TB, name string, parent *x509.Certificate) *x509.Certificate {
	return testCertificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, parent, testKey())
}

func encodePEM(chain ...*x509.Certificate) string {
	var b strings.Builder
	for _, certificate := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	return b.String()
}

func TestCertificatesCache(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	loads := 0
	certificate := testCertificate(t, new(x509.Certificate), nil, testKey())
	c := newCertificates(func(context.Context, string, time.Time) (*x509.Certificate, error) {
		loads++
		return certificate, nil
	})
	get := func(url string, now time.Time) {
		key, err := c.key(t.Context(), url, "URL", now)
		require.NoError(t, err)
		require.True(t, testKey().PublicKey.Equal(key))
	}
	get("a", now)
	get("a", now.Add(certificateTTL-1))
	require.Equal(t, 1, loads)
	get("a", now.Add(certificateTTL))
	require.Equal(t, 2, loads)
	// The one that was got first goes when there are too many.
	now = now.Add(2 * certificateTTL)
	for i := range maxCertificates {
		now = now.Add(time.Second)
		get(strconv.Itoa(i), now)
	}
	require.Len(t, c.known, maxCertificates)
	require.NotContains(t, c.known, "a")
	require.Contains(t, c.known, "0")
}

func TestCertificatesRefused(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		certificate *x509.Certificate
		now         time.Time
		reason      verify.Reason
	}{
		"expired":   {testCertificate(t, new(x509.Certificate), nil, testKey()), now.AddDate(30, 0, 0), verify.ReasonExpired},
		"too early": {testCertificate(t, new(x509.Certificate), nil, testKey()), now.AddDate(-30, 0, 0), verify.ReasonExpired},
		"small":     {testCertificate(t, new(x509.Certificate), nil, small), now, verify.ReasonKey},
	} {
		t.Run(name, func(t *testing.T) {
			certificates := newCertificates(func(context.Context, string, time.Time) (*x509.Certificate, error) { return c.certificate, nil })
			_, err := certificates.key(t.Context(), "a", "URL", c.now)
			require.Equal(t, &verify.Error{Reason: c.reason, Field: "URL"}, err)
		})
	}
}

// TestCertificatesLimit has somebody name one certificate after the other.
func TestCertificatesLimit(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	loads := 0
	broken := errors.New("broken")
	c := newCertificates(func(context.Context, string, time.Time) (*x509.Certificate, error) {
		loads++
		return nil, broken
	})
	for i := range 100 {
		_, err := c.key(t.Context(), strconv.Itoa(i), "URL", now)
		require.Error(t, err)
		require.NotErrorAs(t, err, new(*verify.Error)) // the sender may try again
	}
	require.Equal(t, certificateBurst, loads)
	require.Empty(t, c.known)
	_, err := c.key(t.Context(), "a", "URL", now.Add(time.Second))
	require.ErrorIs(t, err, broken)
}

// TestOverdueCertificates has somebody keep the verifier from asking again.
func TestOverdueCertificates(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	certificate := testCertificate(t, new(x509.Certificate), nil, testKey())
	var failure error
	c := newCertificates(func(context.Context, string, time.Time) (*x509.Certificate, error) { return certificate, failure })
	_, err := c.key(t.Context(), "a", "URL", now)
	require.NoError(t, err)
	failure = errors.New("broken")
	for i := range 2 * certificateBurst {
		_, err := c.key(t.Context(), strconv.Itoa(i), "URL", now.Add(certificateTTL))
		require.Error(t, err)
	}
	_, err = c.key(t.Context(), "a", "URL", now.Add(certificateTTL))
	require.NoError(t, err)
	_, err = c.key(t.Context(), "a", "URL", now.Add(2*certificateTTL-1))
	require.NoError(t, err)
	_, err = c.key(t.Context(), "a", "URL", now.Add(2*certificateTTL))
	require.ErrorIs(t, err, failure)
	failure = &verify.Error{Reason: verify.ReasonKey}
	_, err = c.key(t.Context(), "a", "URL", now.Add(certificateTTL))
	require.ErrorIs(t, err, failure, "it is no longer the provider's")
}

// TestCertificatesFlight has many wait for the same certificate, of whom the
// first doesn't wait to the end.
func TestCertificatesFlight(t *testing.T) {
	certificate := testCertificate(t, new(x509.Certificate), nil, testKey())
	synctest.Test(t, func(t *testing.T) {
		now := time.Unix(1_700_000_000, 0)
		answer := make(chan struct{})
		var loads, failures, successes atomic.Int32
		c := newCertificates(func(ctx context.Context, _ string, _ time.Time) (*x509.Certificate, error) {
			loads.Add(1)
			<-answer
			return certificate, ctx.Err()
		})
		ask := func(ctx context.Context) {
			if _, err := c.key(ctx, "a", "URL", now); err != nil {
				require.ErrorIs(t, err, context.Canceled)
				failures.Add(1)
				return
			}
			successes.Add(1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go ask(ctx)
		synctest.Wait()
		for range 9 {
			go ask(t.Context())
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.EqualValues(t, 1, failures.Load())
		close(answer)
		synctest.Wait()
		require.EqualValues(t, 1, loads.Load())
		require.EqualValues(t, 9, successes.Load())
	})
}

func TestParseCertificates(t *testing.T) {
	one := encodePEM(testCertificate(t, new(x509.Certificate), nil, testKey()))
	chain, err := parseCertificates([]byte("leaf\n" + one + "issuer\n" + one))
	require.NoError(t, err)
	require.Len(t, chain, 2)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}))
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	for name, document := range map[string]string{
		"empty": "", "html": "<html>", "key": key, "broken": broken, "one broken": one + broken, "too many": strings.Repeat(one, maxChain+1),
	} {
		_, err := parseCertificates([]byte(document))
		require.Error(t, err, name)
	}
}

func FuzzParseCertificates(f *testing.F) {
	f.Add([]byte(encodePEM(testCertificate(f, new(x509.Certificate), nil, testKey()))))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, document []byte) {
		chain, err := parseCertificates(document)
		require.Equal(t, err == nil, len(chain) > 0)
	})
}
