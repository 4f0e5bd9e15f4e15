package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// paypalNames are the names in the certificates, of which the second is used for
// tests. The IDs of webhooks keep the events of both apart.
var paypalNames = []string{"messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"}

// paypalIssuers is where the authority that PayPal has its certificates from
// publishes those of its own that are between them and the roots.
const paypalIssuers = "cacerts.digicert.com/"

// paypalCertificates gets the certificates that PayPal signs with.
type paypalCertificates struct {
	client getter
	roots  *x509.CertPool
}

// load returns a certificate that was issued to PayPal for signing events.
func (c *paypalCertificates) load(ctx context.Context, url string, now time.Time) (*x509.Certificate, error) {
	document, err := c.client.Get(ctx, url, maxCertificateSize)
	if err != nil {
		return nil, fmt.Errorf("getting the certificate of PayPal: %w", err)
	}
	chain, err := parseCertificates(document)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of PayPal: %w", err)
	}
	if len(chain) == 1 {
		if chain, err = c.complete(ctx, chain); err != nil {
			return nil, err
		}
	}
	if err := c.check(chain, now); err != nil {
		return nil, err
	}
	return chain[0], nil
}

// complete adds the certificate of the issuer, which need not be in the document
// and is not in the system either. It is not trusted for where it comes from.
func (c *paypalCertificates) complete(ctx context.Context, chain []*x509.Certificate) ([]*x509.Certificate, error) {
	for _, url := range chain[0].IssuingCertificateURL {
		_, location, _ := strings.Cut(url, "://")
		if !strings.HasPrefix(location, paypalIssuers) {
			continue
		}
		document, err := c.client.Get(ctx, "https://"+location, maxCertificateSize)
		if err != nil {
			return nil, fmt.Errorf("getting the certificate of PayPal's issuer: %w", err)
		}
		issuer, err := x509.ParseCertificate(document)
		if err != nil {
			return nil, errors.New("the certificate of PayPal's issuer can't be read")
		}
		return append(chain, issuer), nil
	}
	return chain, nil
}

// check reports whether the first certificate is PayPal's.
func (c *paypalCertificates) check(chain []*x509.Certificate, now time.Time) error {
	options := x509.VerifyOptions{
		Roots:         c.roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		reason := verify.ReasonKey
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
			reason = verify.ReasonExpired
		}
		return &verify.Error{Reason: reason, Field: paypalCertURL}
	}
	for _, name := range paypalNames {
		if chain[0].VerifyHostname(name) == nil {
			return nil
		}
	}
	return &verify.Error{Reason: verify.ReasonKey, Field: paypalCertURL}
}
