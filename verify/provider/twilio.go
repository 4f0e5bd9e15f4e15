package provider

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA-1, which is not broken.
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// twilioBodyHash is the parameter of the URL with the hexadecimal SHA-256 of a
// body that is no form.
const twilioBodyHash = "bodySHA256"

// twilio verifies the signatures of Twilio, and of those who do the same
// (https://www.twilio.com/docs/usage/webhooks/webhooks-security): the
// HMAC-SHA-1, in base64, of the URL followed by the parameters of the form,
// sorted by name, as names and values without anything in between.
//
// Neither the method, nor a time, nor an id is signed: the SIDs in the form
// belong to calls and messages, and several events of one have it in common.
// Since nothing separates names from values, their borders are not signed
// either.
type twilio struct {
	scheme string
	header string
	macs   *macs
}

// newTwilio returns a verifier of the signatures in a header field.
func newTwilio(scheme, header string, authTokens ...string) (*twilio, error) {
	macs, err := newMACs(sha1.New, authTokens...)
	if err != nil {
		return nil, err
	}
	return &twilio{scheme: scheme, header: http.CanonicalHeaderKey(header), macs: macs}, nil
}

// CoversURL reports that the URL is signed.
func (*twilio) CoversURL() bool { return true }

// Verify implements [verify.Verifier].
func (v *twilio) Verify(_ context.Context, r *verify.Request, _ time.Time) (verify.Identity, error) {
	text, err := verify.HeaderValue(r.Header, v.header)
	if err != nil {
		return verify.Identity{}, err
	}
	var signature [sha1.Size]byte
	if !decodeBase64(signature[:], text) {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: v.header}
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	hashed, err := s.readTwilio(r)
	if err != nil {
		return verify.Identity{}, err
	}
	// All variants are compared, whatever was found.
	var found match
	for target := range s.twilioTargets(r) {
		for _, host := range twilioHosts(r) {
			s.content = append(s.content[:0], r.Scheme...)
			s.content = append(s.content, "://"...)
			s.content = append(s.content, host[0]...)
			s.content = append(s.content, host[1]...)
			s.content = append(s.content, target...)
			s.content = append(s.content, s.params...)
			v.macs.compare(&found, s.content, signature[:])
		}
	}
	identity, err := found.identity(v.scheme)
	if err == nil && hashed != nil {
		err = checkTwilioBody(r.Body, hashed)
	}
	if err != nil {
		return verify.Identity{}, err
	}
	return identity, nil
}

// readTwilio parses the query, and puts what is signed of the body, if that is
// a form, into params. The hash of any other body must be in the URL, and is
// returned.
func (s *scratch) readTwilio(r *verify.Request) (hashed []byte, err error) {
	s.params = s.params[:0]
	if !parseForm(&s.query, r.Query()) {
		// The URL is signed as it is, so it need not be well-formed.
		s.query.params = s.query.params[:0]
	}
	isForm, err := isForm(r)
	switch {
	case err != nil:
		return nil, err
	case s.query.has([]byte(twilioBodyHash)):
		return s.query.single(twilioBodyHash)
	case isForm:
		if !parseForm(&s.body, r.Body) {
			return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
		}
		s.appendTwilioParams()
	case len(r.Body) > 0:
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: twilioBodyHash}
	}
	return nil, nil
}

// appendTwilioParams leaves out the repetitions of a parameter with the same
// value, as Twilio's libraries for Node.js and Python do.
func (s *scratch) appendTwilioParams() {
	s.body.sort()
	for i, p := range s.body.params {
		if i > 0 {
			if last := s.body.params[i-1]; bytes.Equal(last.key, p.key) && bytes.Equal(last.value, p.value) {
				continue
			}
		}
		s.params = append(s.params, p.key...)
		s.params = append(s.params, p.value...)
	}
}

func checkTwilioBody(body, hashed []byte) error {
	var want [sha256.Size]byte
	if len(hashed) != hex.EncodedLen(len(want)) {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: twilioBodyHash}
	}
	if _, err := hex.Decode(want[:], hashed); err != nil {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: twilioBodyHash}
	}
	got := sha256.Sum256(body)
	if subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
		return &verify.Error{Reason: verify.ReasonDigest, Field: twilioBodyHash}
	}
	return nil
}

// Sign implements [verify.Signer]. It adds the hash of a body that is no form
// to the query.
func (v *twilio) Sign(r *verify.Request, _ time.Time) error {
	isForm, err := isForm(r)
	if err != nil {
		return err
	}
	s := new(scratch)
	hashed := parseForm(&s.query, r.Query()) && s.query.has([]byte(twilioBodyHash))
	if !isForm && len(r.Body) > 0 && !hashed {
		sum := sha256.Sum256(r.Body)
		separator := "?"
		if strings.Contains(r.Target, "?") {
			separator = "&"
		}
		r.Target += separator + twilioBodyHash + "=" + hex.EncodeToString(sum[:])
	}
	if _, err := s.readTwilio(r); err != nil {
		return err
	}
	r.SetHeader(v.header, strictBase64.EncodeToString(v.macs.sign(nil, append([]byte(r.URL()), s.params...))))
	return nil
}

var (
	_ verify.Verifier = (*twilio)(nil)
	_ verify.Signer   = (*twilio)(nil)
)
