package provider

import (
	"bytes"
	"context"
	"crypto/md5"  //nolint:gosec // Vonage has nothing better for customers who chose this long ago.
	"crypto/sha1" //nolint:gosec // The same goes for this one.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	vonageSignature = "sig"
	vonageTimestamp = "timestamp"
)

// legacyVonage verifies the signatures of Vonage's SMS API
// (https://developer.vonage.com/en/getting-started/concepts/signing-messages),
// which are in a parameter of the query of a GET or the form of a POST. All
// other parameters are signed, sorted and as &name=value each, decoded, with an
// underscore for each ampersand and equals sign in a value: which of the three it
// was is not signed.
//
// What has no form in its body has its parameters in the query; a query that
// comes with a form is not signed.
type legacyVonage struct {
	scheme string
	macs   *macs
}

// newLegacyVonage returns a verifier of the method that is set for the account: the
// HMAC md5, sha1, sha256 or sha512, or md5hash.
func newLegacyVonage(scheme, method string, secrets ...string) (*legacyVonage, error) {
	hashes := map[string]func() hash.Hash{
		"md5hash": md5.New, "md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New,
	}
	newHash, ok := hashes[method]
	if !ok {
		return nil, fmt.Errorf("%q is not one of md5hash, md5, sha1, sha256, sha512", method)
	}
	build := newMACs
	if method == "md5hash" {
		build = newSuffixHashes
	}
	macs, err := build(newHash, secrets...)
	if err != nil {
		return nil, err
	}
	return &legacyVonage{scheme: scheme, macs: macs}, nil
}

// Verify implements [verify.Verifier].
func (v *legacyVonage) Verify(_ context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	params, err := s.readVonage(r)
	if err != nil {
		return verify.Identity{}, err
	}
	timestamp, err := vonageTime(params, now)
	if err != nil {
		return verify.Identity{}, err
	}
	encoded, err := params.single(vonageSignature)
	if err != nil {
		return verify.Identity{}, err
	}
	var signature [sha512.Size]byte
	if len(encoded) != hex.EncodedLen(v.macs.size) {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: vonageSignature}
	}
	if _, err := hex.Decode(signature[:], encoded); err != nil {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: vonageSignature}
	}
	if err := s.writeVonage(params); err != nil {
		return verify.Identity{}, err
	}
	var found match
	v.macs.compare(&found, s.content, signature[:v.macs.size])
	identity, err := found.identity(v.scheme)
	if err != nil {
		return verify.Identity{}, err
	}
	identity.Timestamp = timestamp
	return identity, nil
}

// vonageTime returns the timestamp, if it is close enough to now.
func vonageTime(params *form, now time.Time) (time.Time, error) {
	text, err := params.single(vonageTimestamp)
	if err != nil {
		return time.Time{}, err
	}
	timestamp, ok := parseUnix(string(text))
	if !ok {
		return time.Time{}, &verify.Error{Reason: verify.ReasonMalformed, Field: vonageTimestamp}
	}
	return timestamp, checkAge(now, timestamp, verify.DefaultTolerance, vonageTimestamp)
}

// readVonage parses and sorts the parameters. None may be there twice.
func (s *scratch) readVonage(r *verify.Request) (*form, error) {
	isForm, err := isForm(r)
	switch {
	case err != nil:
		return nil, err
	case isForm && r.Method == http.MethodPost:
		if !parseForm(&s.body, r.Body) {
			return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
		}
		s.body.sort()
		return &s.body, nil
	case len(r.Body) > 0:
		return nil, &verify.Error{Reason: verify.ReasonCoverage, Field: "body"}
	case !parseForm(&s.query, r.Query()):
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: "query"}
	}
	s.query.sort()
	return &s.query, nil
}

// writeVonage puts the signed content together. Names with separators in them
// would make it unclear where they end.
func (s *scratch) writeVonage(params *form) error {
	s.content = s.content[:0]
	for i, p := range params.params {
		switch {
		case i > 0 && bytes.Equal(p.key, params.params[i-1].key):
			return &verify.Error{Reason: verify.ReasonDuplicate, Field: "parameters"}
		case bytes.ContainsAny(p.key, "&="):
			return &verify.Error{Reason: verify.ReasonMalformed, Field: "parameters"}
		case string(p.key) == vonageSignature:
			continue
		}
		s.content = append(s.content, '&')
		s.content = append(s.content, p.key...)
		s.content = append(s.content, '=')
		for _, c := range p.value {
			if c == '&' || c == '=' {
				c = '_'
			}
			s.content = append(s.content, c)
		}
	}
	return nil
}

// Tolerance returns how old a request may be.
func (v *legacyVonage) Tolerance() time.Duration { return verify.DefaultTolerance }

// Sign implements [verify.Signer]. It adds the timestamp and the signature to
// the form, or else to the query.
func (v *legacyVonage) Sign(r *verify.Request, now time.Time) error {
	s := new(scratch)
	params, err := s.readVonage(r)
	if err != nil {
		return err
	}
	values := make(url.Values)
	for _, p := range params.params {
		values.Add(string(p.key), string(p.value))
	}
	values.Del(vonageSignature)
	values.Set(vonageTimestamp, strconv.FormatInt(now.Unix(), 10))
	signed := new(form)
	parseForm(signed, values.Encode())
	if err := s.writeVonage(signed); err != nil {
		return err
	}
	values.Set(vonageSignature, strings.ToUpper(hex.EncodeToString(v.macs.sign(nil, s.content))))
	if params == &s.body {
		r.Body = []byte(values.Encode())
	} else {
		r.Target = r.Path() + "?" + values.Encode()
	}
	return nil
}

var (
	_ verify.Verifier = (*legacyVonage)(nil)
	_ verify.Signer   = (*legacyVonage)(nil)
)
