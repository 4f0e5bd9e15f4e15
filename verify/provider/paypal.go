package provider

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	paypalID        = "Paypal-Transmission-Id"
	paypalTime      = "Paypal-Transmission-Time"
	paypalSignature = "Paypal-Transmission-Sig"
	paypalCertURL   = "Paypal-Cert-Url"
	paypalAlgorithm = "Paypal-Auth-Algo"

	// paypalMaxAge is how old a transmission may be. PayPal tries for three
	// days to deliver an event, and doesn't say that it signs each try anew.
	// So what keeps others from repeating one is its ID.
	paypalMaxAge = 3*24*time.Hour + verify.DefaultTolerance
)

// paypal verifies the signatures of PayPal
// (https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverification):
// with RSA and SHA-256, over the ID and time of the transmission, the ID of the
// webhook, and the CRC-32 of the body, with vertical bars in between.
//
// The key is the same for all customers of PayPal: the ID of the webhook tells
// whose event it is. A CRC-32 proves only that a body was not changed by
// accident: whoever sees a transmission can make another body with the same one.
type paypal struct {
	scheme       string
	webhookIDs   []string
	certificates *certificates
}

// newPayPal returns a verifier of the events of webhooks, whose certificates lead
// to one of the roots, or to one that the system trusts if roots is nil.
func newPayPal(scheme string, client getter, roots *x509.CertPool, webhookIDs ...string) (*paypal, error) {
	if err := checkSecrets(webhookIDs); err != nil {
		return nil, err
	}
	for _, id := range webhookIDs {
		if !isToken(id, maxToken) {
			return nil, errors.New("the id of a webhook has letters and digits only")
		}
	}
	loader := &paypalCertificates{client: client, roots: roots}
	return &paypal{scheme: scheme, webhookIDs: webhookIDs, certificates: newCertificates(loader.load)}, nil
}

// Verify implements [verify.Verifier]. The ID of the identity is that of the
// transmission.
func (v *paypal) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	t, err := parseTransmission(r, now)
	if err != nil {
		return verify.Identity{}, err
	}
	key, err := v.certificates.key(ctx, t.certURL, paypalCertURL, now)
	if err != nil {
		return verify.Identity{}, err
	}
	identity := verify.Identity{Scheme: v.scheme, ID: t.id, IDSigned: true, Timestamp: t.time}
	for i, webhookID := range v.webhookIDs {
		digest := sha256.Sum256(t.content(webhookID, r.Body))
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], t.signature) == nil {
			identity.Key, identity.Digest = i+1, digest
		}
	}
	if identity.Key == 0 {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMismatch, Field: paypalSignature}
	}
	return identity, nil
}

// transmission is what the header of a request says of it.
type transmission struct {
	id, timestamp, certURL string
	time                   time.Time
	signature              []byte
}

func parseTransmission(r *verify.Request, now time.Time) (*transmission, error) {
	var algorithm, signature string
	t := new(transmission)
	for _, field := range []struct {
		name  string
		value *string
	}{
		{paypalID, &t.id},
		{paypalTime, &t.timestamp},
		{paypalSignature, &signature},
		{paypalCertURL, &t.certURL},
		{paypalAlgorithm, &algorithm},
	} {
		var err error
		if *field.value, err = verify.HeaderValue(r.Header, field.name); err != nil {
			return nil, err
		}
	}
	if algorithm != "SHA256withRSA" {
		return nil, &verify.Error{Reason: verify.ReasonAlgorithm, Field: paypalAlgorithm}
	}
	if !isToken(t.id, maxToken) {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: paypalID}
	}
	var err error
	if t.time, err = time.Parse(time.RFC3339, t.timestamp); err != nil {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: paypalTime}
	}
	if err := checkAge(now, t.time, paypalMaxAge, paypalTime); err != nil {
		return nil, err
	}
	if t.signature, err = verify.DecodeBase64(signature); err != nil {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: paypalSignature}
	}
	if !isPayPalCertificate(t.certURL) {
		return nil, &verify.Error{Reason: verify.ReasonKey, Field: paypalCertURL}
	}
	return t, nil
}

// content returns what is signed. No part but the last can have vertical bars.
func (t *transmission) content(webhookID string, body []byte) []byte {
	checksum := strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
	return []byte(strings.Join([]string{t.id, t.timestamp, webhookID, checksum}, "|"))
}

// isPayPalCertificate reports whether a URL is that of a certificate at PayPal.
func isPayPalCertificate(url string) bool {
	for _, host := range []string{"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"} {
		if name, ok := strings.CutPrefix(url, "https://"+host+"/v1/notifications/certs/"); ok {
			return isToken(name, maxToken)
		}
	}
	return false
}

// Tolerance returns how old a transmission may be.
func (v *paypal) Tolerance() time.Duration { return paypalMaxAge }

var _ verify.Verifier = (*paypal)(nil)
