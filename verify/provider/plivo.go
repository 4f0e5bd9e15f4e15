package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	plivoNonce = "X-Plivo-Signature-V3-Nonce"
	// maxSignatures bounds the work of a request that nobody signed. Plivo
	// sends one for the main account and one for the subaccount.
	maxSignatures = 8
	// maxNonce is the longest nonce. Plivo's have 20 digits.
	maxNonce = 256
)

// plivoV3 verifies version 3 of Plivo's signatures
// (https://www.plivo.com/docs/voice/concepts/signature-validation): the
// HMAC-SHA-256, in base64, of the URL with its decoded query sorted, the sorted
// parameters of the form of a POST, and a nonce, with dots in between. There may
// be several in a field, for a main account and a subaccount.
//
// No time is signed. Since parameters may have dots and equals signs in them,
// their borders are not signed either.
type plivoV3 struct {
	scheme string
	header string
	macs   *macs
}

// newPlivoV3 returns a verifier of the signatures in a header field, which is
// X-Plivo-Signature-V3, or X-Plivo-Signature-Ma-V3 for those that are always
// made with the auth token of the main account.
func newPlivoV3(scheme, header string, authTokens ...string) (*plivoV3, error) {
	macs, err := newMACs(sha256.New, authTokens...)
	if err != nil {
		return nil, err
	}
	return &plivoV3{scheme: scheme, header: http.CanonicalHeaderKey(header), macs: macs}, nil
}

// CoversURL reports that the URL is signed.
func (*plivoV3) CoversURL() bool { return true }

// Verify implements [verify.Verifier]. The ID of the identity is the nonce.
func (v *plivoV3) Verify(_ context.Context, r *verify.Request, _ time.Time) (verify.Identity, error) {
	nonce, err := verify.HeaderValue(r.Header, plivoNonce)
	if err != nil {
		return verify.Identity{}, err
	}
	// A dot would make it unclear where the nonce begins.
	if !isVisible(nonce) || len(nonce) > maxNonce || strings.Contains(nonce, ".") {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: plivoNonce}
	}
	var decoded [maxSignatures][sha256.Size]byte
	signatures, err := v.signatures(r, &decoded)
	if err != nil {
		return verify.Identity{}, err
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if err := s.readPlivo(r); err != nil {
		return verify.Identity{}, err
	}
	var found match
	s.writePlivo(r, r.Path(), nonce)
	v.macs.compare(&found, s.content, signatures...)
	if r.Path() == "/" {
		// The URL may have been given to Plivo without a path.
		s.writePlivo(r, "", nonce)
		v.macs.compare(&found, s.content, signatures...)
	}
	identity, err := found.identity(v.scheme)
	if err != nil {
		return verify.Identity{}, err
	}
	identity.ID, identity.IDSigned = nonce, true
	return identity, nil
}

// signatures decodes the list of signatures into the memory of decoded. Members
// that can't be decoded are skipped.
func (v *plivoV3) signatures(r *verify.Request, decoded *[maxSignatures][sha256.Size]byte) ([][]byte, error) {
	list, err := verify.HeaderValue(r.Header, v.header)
	if err != nil {
		return nil, err
	}
	signatures := make([][]byte, 0, maxSignatures)
	for member := range strings.SplitSeq(list, ",") {
		n := len(signatures)
		if n == maxSignatures {
			return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: v.header}
		}
		if decodeBase64(decoded[n][:], strings.TrimSpace(member)) {
			signatures = append(signatures, decoded[n][:])
		}
	}
	if len(signatures) == 0 {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: v.header}
	}
	return signatures, nil
}

// readPlivo parses the query, and the form of a POST. Any other body is refused,
// since Plivo would not have signed it.
func (s *scratch) readPlivo(r *verify.Request) error {
	s.body.params = s.body.params[:0]
	if !parseForm(&s.query, r.Query()) {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: "query"}
	}
	s.query.sort()
	if len(r.Body) == 0 {
		return nil
	}
	isForm, err := isForm(r)
	switch {
	case err != nil:
		return err
	case !isForm || r.Method != http.MethodPost:
		return &verify.Error{Reason: verify.ReasonCoverage, Field: "body"}
	case !parseForm(&s.body, r.Body):
		return &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
	}
	s.body.sort()
	return nil
}

// writePlivo puts the signed content together.
func (s *scratch) writePlivo(r *verify.Request, path, nonce string) {
	c := append(s.content[:0], r.Scheme...)
	c = append(c, "://"...)
	c = append(c, r.Host...)
	c = append(c, path...)
	if len(s.query.params) > 0 || len(s.body.params) > 0 {
		c = append(c, '?')
	}
	for i, p := range s.query.params {
		if i > 0 {
			c = append(c, '&')
		}
		c = append(c, p.key...)
		c = append(c, '=')
		c = append(c, p.value...)
	}
	if len(s.query.params) > 0 && len(s.body.params) > 0 {
		c = append(c, '.')
	}
	for _, p := range s.body.params {
		c = append(c, p.key...)
		c = append(c, p.value...)
	}
	c = append(c, '.')
	s.content = append(c, nonce...)
}

// Sign implements [verify.Signer]. It makes a nonce up if r has none.
func (v *plivoV3) Sign(r *verify.Request, _ time.Time) error {
	s := new(scratch)
	if err := s.readPlivo(r); err != nil {
		return err
	}
	nonce := r.Header.Get(plivoNonce)
	if nonce == "" {
		nonce = rand.Text()
		r.SetHeader(plivoNonce, nonce)
	}
	s.writePlivo(r, r.Path(), nonce)
	r.SetHeader(v.header, strictBase64.EncodeToString(v.macs.sign(nil, s.content)))
	return nil
}

// isVisible reports whether s has only visible characters of ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

var (
	_ verify.Verifier = (*plivoV3)(nil)
	_ verify.Signer   = (*plivoV3)(nil)
)
