package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"sync"
)

// signer makes the webhook-signature of the Standard Webhooks specification
// 1.0: "v1," and the HMAC-SHA256 of "<id>.<timestamp>.<body>" in base64, one
// for each secret, separated by spaces. So a receiver that knows any of the
// secrets can verify, and secrets can be rotated.
type signer struct {
	// Each pool holds the *mac values of a secret. A reused one keeps the
	// state of its key, and costs neither the key's hashing nor allocations.
	pools []*sync.Pool
}

type mac struct {
	hash    hash.Hash
	scratch []byte
}

func newSigner(secrets []string) (signer, error) {
	var s signer
	for _, secret := range secrets {
		// A receiver may decode strictly, as our own verifier does, so a slip
		// is better found here. The decoder skips line breaks even so, and its
		// error is left out, since it tells of the secret.
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 || strings.ContainsAny(secret, "\r\n") {
			return s, errors.New(`a signing secret must be base64, with or without "whsec_" before it`)
		}
		s.pools = append(s.pools, &sync.Pool{New: func() any {
			return &mac{hash: hmac.New(sha256.New, key)}
		}})
	}
	return s, nil
}

// appendSignatures appends the value of webhook-signature, nothing if there is
// no secret.
func (s *signer) appendSignatures(dst []byte, id string, timestamp, body []byte) []byte {
	for i, pool := range s.pools {
		if i > 0 {
			dst = append(dst, ' ')
		}
		m := pool.Get().(*mac)
		dst = m.appendSignature(append(dst, "v1,"...), id, timestamp, body)
		pool.Put(m)
	}
	return dst
}

func (m *mac) appendSignature(dst []byte, id string, timestamp, body []byte) []byte {
	m.hash.Reset()
	m.scratch = append(m.scratch[:0], id...)
	m.scratch = append(m.scratch, '.')
	m.scratch = append(m.scratch, timestamp...)
	m.scratch = append(m.scratch, '.')
	m.hash.Write(m.scratch)
	m.hash.Write(body)
	m.scratch = m.hash.Sum(m.scratch[:0])
	return base64.StdEncoding.AppendEncode(dst, m.scratch)
}
