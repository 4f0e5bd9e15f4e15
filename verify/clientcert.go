package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// CertificateNames are names of the subject of a certificate.
type CertificateNames struct {
	// CommonNames are compared with the common name, the CN of the subject.
	CommonNames []string
	// DNSNames, Emails and URIs are compared with the subject's alternative
	// names (RFC 5280, section 4.2.1.6). An asterisk stands for nothing but
	// itself, and DNS names are the only ones without upper and lower case.
	DNSNames, Emails, URIs []string
	// Subjects are compared with the whole distinguished name of the subject,
	// as [crypto/x509/pkix.Name.String] writes it:
	// "CN=hooks,O=Example,C=US".
	Subjects []string
}

// Certificates is a [Verifier] of the certificate that a TLS client has proved
// to own. That somebody trustworthy issued it was for the server to check; here
// it is about whom it was issued to. The Subject of its identities is the name
// that matched.
type Certificates struct {
	names CertificateNames
}

// NewCertificates returns a verifier that accepts certificates with any of the
// names.
func NewCertificates(names CertificateNames) (*Certificates, error) {
	all := slices.Concat(names.CommonNames, names.DNSNames, names.Emails, names.URIs, names.Subjects)
	switch {
	case len(all) == 0:
		return nil, errors.New("no name of a certificate")
	case slices.Contains(all, ""):
		return nil, errors.New("empty name of a certificate")
	}
	for _, uri := range names.URIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.String() != uri {
			return nil, fmt.Errorf("%q is not a URI in its usual form", uri)
		}
	}
	return &Certificates{names: CertificateNames{
		CommonNames: slices.Clone(names.CommonNames),
		DNSNames:    slices.Clone(names.DNSNames),
		Emails:      slices.Clone(names.Emails),
		URIs:        slices.Clone(names.URIs),
		Subjects:    slices.Clone(names.Subjects),
	}}, nil
}

// Verify implements [Verifier].
func (v *Certificates) Verify(_ context.Context, r *Request, now time.Time) (Identity, error) {
	const field = "client certificate"
	if r.Certificate == nil {
		return Identity{}, &Error{Reason: ReasonMissing, Field: field}
	}
	// A connection can last longer than the certificate that it began with.
	if now.Before(r.Certificate.NotBefore) || now.After(r.Certificate.NotAfter) {
		return Identity{}, &Error{Reason: ReasonExpired, Field: field}
	}
	name, ok := v.names.match(r.Certificate)
	if !ok {
		return Identity{}, &Error{Reason: ReasonForbidden, Field: field}
	}
	return Identity{Scheme: "mtls", Subject: name}, nil
}

// Explain implements [Explainer].
func (*Certificates) Explain(_ context.Context, _ *Request, _ time.Time, refused *Error) (Hint, bool) {
	switch refused.Reason {
	case ReasonMissing:
		return Hint{
			Cause(ReasonMissing),
			"The connection has no verified client certificate: the sender has none, or client_auth of the site does not ask for one, or something in front ends TLS. A captured request never has one.",
		}, true
	case ReasonExpired:
		return Hint{Cause(ReasonExpired), "The client certificate is not valid at this time: it has expired, or a clock is wrong."}, true
	default:
		return Hint{}, false
	}
}

// match returns the first of the names that c has.
func (n *CertificateNames) match(c *x509.Certificate) (string, bool) {
	if slices.Contains(n.CommonNames, c.Subject.CommonName) {
		return c.Subject.CommonName, true
	}
	for _, name := range n.DNSNames {
		if slices.ContainsFunc(c.DNSNames, func(san string) bool { return strings.EqualFold(san, name) }) {
			return name, true
		}
	}
	for _, email := range n.Emails {
		if slices.Contains(c.EmailAddresses, email) {
			return email, true
		}
	}
	for _, uri := range n.URIs {
		if slices.ContainsFunc(c.URIs, func(san *url.URL) bool { return san.String() == uri }) {
			return uri, true
		}
	}
	if len(n.Subjects) > 0 { // else it need not be written down
		if subject := c.Subject.String(); slices.Contains(n.Subjects, subject) {
			return subject, true
		}
	}
	return "", false
}

// Interface guards
var (
	_ Verifier  = (*Certificates)(nil)
	_ Explainer = (*Certificates)(nil)
)
