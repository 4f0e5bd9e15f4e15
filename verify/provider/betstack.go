package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	betstackTimestamp = "Timestamp"
	betstackSignature = "Signature"
)

// betstack verifies the signatures of Betstack
// (https://developer.betstack.io/pam-platform-api/signature): the HMAC-SHA-256,
// in hexadecimal digits, of the timestamp followed by the body without its white
// space. So white space is not signed, not even that inside strings.
type betstack struct {
	scheme string
	macs   *macs
}

func newBetstack(scheme string, secrets ...string) (*betstack, error) {
	macs, err := newMACs(sha256.New, secrets...)
	if err != nil {
		return nil, err
	}
	return &betstack{scheme: scheme, macs: macs}, nil
}

// Verify implements [verify.Verifier].
func (v *betstack) Verify(_ context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	text, err := verify.HeaderValue(r.Header, betstackTimestamp)
	if err != nil {
		return verify.Identity{}, err
	}
	timestamp, ok := parseUnix(text)
	if !ok {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: betstackTimestamp}
	}
	if err := checkAge(now, timestamp, verify.DefaultTolerance, betstackTimestamp); err != nil {
		return verify.Identity{}, err
	}
	encoded, err := verify.HeaderValue(r.Header, betstackSignature)
	if err != nil {
		return verify.Identity{}, err
	}
	signature, err := hex.DecodeString(encoded)
	if err != nil || len(signature) != sha256.Size {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: betstackSignature}
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if err := s.writeBetstack(text, r.Body); err != nil {
		return verify.Identity{}, err
	}
	var found match
	v.macs.compare(&found, s.content, signature)
	identity, err := found.identity(v.scheme)
	if err != nil {
		return verify.Identity{}, err
	}
	identity.Timestamp = timestamp
	return identity, nil
}

// writeBetstack puts the signed content together. The body is an object, whose
// brace can't be taken for a digit of the timestamp.
func (s *scratch) writeBetstack(timestamp string, body []byte) error {
	s.content = append(s.content[:0], timestamp...)
	for _, c := range body {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			s.content = append(s.content, c)
		}
	}
	if len(s.content) == len(timestamp) || s.content[len(timestamp)] != '{' {
		return &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
	}
	return nil
}

// Tolerance returns how old a request may be.
func (v *betstack) Tolerance() time.Duration { return verify.DefaultTolerance }

// Sign implements [verify.Signer].
func (v *betstack) Sign(r *verify.Request, now time.Time) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	s := new(scratch)
	if err := s.writeBetstack(timestamp, r.Body); err != nil {
		return err
	}
	r.SetHeader(betstackTimestamp, timestamp)
	r.SetHeader(betstackSignature, hex.EncodeToString(v.macs.sign(nil, s.content)))
	return nil
}

var (
	_ verify.Verifier = (*betstack)(nil)
	_ verify.Signer   = (*betstack)(nil)
)
