package httpsig

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/dunglas/httpsfv"

	"github.com/caddy-relay/caddy-relay/verify"
)

// digestField is the canonical name of the header field with digests of the
// body (RFC 9530, section 2), and digestComponent what signatures call it.
const (
	digestField     = "Content-Digest"
	digestComponent = "content-digest"
)

// The algorithms of digests that are not broken (RFC 9530, section 5).
const (
	digestSHA256 = "sha-256"
	digestSHA512 = "sha-512"
)

// checkContentDigest checks the digests that r has, whether they are signed or
// not. Of an algorithm that is not known there may be one, but not alone.
func checkContentDigest(r *verify.Request) error {
	if len(r.Header[digestField]) == 0 {
		return nil
	}
	digests, err := parseDictionary(r.Header, digestField)
	if err != nil {
		return err
	}
	known := false
	for _, name := range digests.Names() {
		var actual []byte
		switch name {
		case digestSHA256:
			sum := sha256.Sum256(r.Body)
			actual = sum[:]
		case digestSHA512:
			sum := sha512.Sum512(r.Body)
			actual = sum[:]
		default:
			continue
		}
		known = true
		claimed, ok := byteSequence(digests, name)
		if !ok {
			return &verify.Error{Reason: verify.ReasonMalformed, Field: digestField}
		}
		if !bytes.Equal(claimed, actual) {
			return &verify.Error{Reason: verify.ReasonDigest, Field: digestField}
		}
	}
	if !known {
		return &verify.Error{Reason: verify.ReasonAlgorithm, Field: digestField}
	}
	return nil
}

// contentDigest returns the value of the header field for a body.
func contentDigest(body []byte) (string, error) {
	sum := sha256.Sum256(body)
	digests := httpsfv.NewDictionary()
	digests.Add(digestSHA256, httpsfv.NewItem(sum[:]))
	return httpsfv.Marshal(digests)
}
