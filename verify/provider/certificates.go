package provider

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	// maxCertificates is how many are remembered. Providers sign with one or
	// two at a time.
	maxCertificates = 16
	// certificateTTL is how long a certificate is taken for good without being
	// asked for again, so that one that is withdrawn is not trusted for long. If
	// it can't be had, it is for as long again: whoever makes us ask for others
	// could otherwise keep us from it.
	certificateTTL = 24 * time.Hour
	// maxChain is how many certificates a document may have, and
	// maxCertificateSize its size in bytes.
	maxChain           = 8
	maxCertificateSize = 64 << 10
	// minRSABits is what is thought to be safe today.
	minRSABits = 2048
	// Whoever sends requests decides which certificates are asked for, within
	// what the verifier allows. No more than these are asked for at once, and
	// later each second.
	certificateBurst = 8
	certificateRate  = 1
)

// certificates keeps the certificates that senders name by their URLs.
type certificates struct {
	// load gets a certificate that may be trusted at the time now.
	load    func(ctx context.Context, url string, now time.Time) (*x509.Certificate, error)
	limiter *rate.Limiter
	flights singleflight.Group

	mu    sync.Mutex
	known map[string]knownCertificate
}

type knownCertificate struct {
	*x509.Certificate
	loaded time.Time
}

func newCertificates(load func(context.Context, string, time.Time) (*x509.Certificate, error)) *certificates {
	return &certificates{
		load:    load,
		limiter: rate.NewLimiter(certificateRate, certificateBurst),
		known:   make(map[string]knownCertificate),
	}
}

// key returns the public key of the certificate at a URL that was found to be
// one of the provider's. The field is where the sender wrote it.
func (c *certificates) key(ctx context.Context, url, field string, now time.Time) (*rsa.PublicKey, error) {
	certificate, age := c.cached(url, now)
	if certificate == nil || age >= certificateTTL {
		fetched, err := c.fetch(ctx, url, now)
		_, withdrawn := errors.AsType[*verify.Error](err)
		switch {
		case err == nil:
			certificate = fetched
		case certificate == nil || age >= 2*certificateTTL || withdrawn:
			return nil, err
		}
	}
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, &verify.Error{Reason: verify.ReasonExpired, Field: field}
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minRSABits {
		return nil, &verify.Error{Reason: verify.ReasonKey, Field: field}
	}
	return key, nil
}

// cached returns a certificate, or nil, and for how long it is known.
func (c *certificates) cached(url string, now time.Time) (*x509.Certificate, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[url]
	return known.Certificate, now.Sub(known.loaded)
}

// fetch asks once for all that wait for the same certificate, and goes on if the
// first of them doesn't wait any longer.
func (c *certificates) fetch(ctx context.Context, url string, now time.Time) (*x509.Certificate, error) {
	flight := c.flights.DoChan(url, func() (any, error) {
		if !c.limiter.AllowN(now, 1) {
			return nil, errors.New("too many certificates are asked for")
		}
		certificate, err := c.load(context.WithoutCancel(ctx), url, now)
		if err == nil {
			c.remember(url, knownCertificate{certificate, now})
		}
		return certificate, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-flight:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*x509.Certificate), nil
	}
}

// remember forgets the certificate that was asked for longest ago if there are
// too many.
func (c *certificates) remember(url string, certificate knownCertificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[url] = certificate
	if len(c.known) <= maxCertificates {
		return
	}
	oldest := url
	for u, known := range c.known {
		if known.loaded.Before(c.known[oldest].loaded) {
			oldest = u
		}
	}
	delete(c.known, oldest)
}

// parseCertificates reads certificates in PEM, of which there must be one.
func parseCertificates(document []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(document); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(chain) == maxChain {
			return nil, errors.New("too many certificates in one document")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate can't be read")
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, errors.New("the document has no certificate in it")
	}
	return chain, nil
}
