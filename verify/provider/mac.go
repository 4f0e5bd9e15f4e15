package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"sync"

	"github.com/caddy-relay/caddy-relay/verify"
)

// checkSecrets returns an error if one of the secrets is empty, or their number
// is not allowed.
func checkSecrets(secrets []string) error {
	if err := verify.CheckCount(len(secrets)); err != nil {
		return err
	}
	for i, secret := range secrets {
		if secret == "" {
			return fmt.Errorf("secret %d: empty: anybody could know it", i+1)
		}
	}
	return nil
}

// macs computes MACs with each of several secrets.
type macs struct {
	keys []*macKey
	size int
}

// macKey keeps the states of finished computations, since setting one up costs
// two hash blocks and allocations.
type macKey struct{ states sync.Pool }

type macState struct {
	hash hash.Hash
	// suffix is what follows the content, for the plain hash of content and
	// secret.
	suffix []byte
	sum    []byte
}

func newMACs(newHash func() hash.Hash, secrets ...string) (*macs, error) {
	return buildMACs(secrets, func(secret []byte) *macState {
		return &macState{hash: hmac.New(newHash, secret)}
	})
}

// newSuffixHashes is like newMACs for the hash of the content followed by the
// secret, which is weaker than an HMAC: for senders that know nothing better.
func newSuffixHashes(newHash func() hash.Hash, secrets ...string) (*macs, error) {
	return buildMACs(secrets, func(secret []byte) *macState {
		return &macState{hash: newHash(), suffix: secret}
	})
}

func buildMACs(secrets []string, newState func(secret []byte) *macState) (*macs, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	m := &macs{keys: make([]*macKey, len(secrets)), size: newState(nil).hash.Size()}
	for i, secret := range secrets {
		key := []byte(secret)
		m.keys[i] = &macKey{states: sync.Pool{New: func() any { return newState(key) }}}
	}
	return m, nil
}

// compute returns a state whose sum is the MAC of content. The caller puts it
// back.
func (k *macKey) compute(content []byte) *macState {
	s := k.states.Get().(*macState)
	s.hash.Reset()
	_, _ = s.hash.Write(content) // a hash never fails
	_, _ = s.hash.Write(s.suffix)
	s.sum = s.hash.Sum(s.sum[:0])
	return s
}

// sign appends to dst the MAC with the first secret.
func (m *macs) sign(dst, content []byte) []byte {
	s := m.keys[0].compute(content)
	defer m.keys[0].states.Put(s)
	return append(dst, s.sum...)
}

// match is the secret that a signature was made with.
type match struct {
	key    int // from 1, or 0 if there is none
	digest [sha256.Size]byte
}

// compare sets found, unless it is set already, if any signature is the MAC of
// content. All are compared with all, whatever was found, so that the time it
// takes says nothing. The signatures have the length of a MAC.
func (m *macs) compare(found *match, content []byte, signatures ...[]byte) {
	for i, key := range m.keys {
		s := key.compute(content)
		var digest [sha256.Size]byte
		copy(digest[:], s.sum)
		for _, signature := range signatures {
			equal := subtle.ConstantTimeCompare(s.sum, signature)
			first := subtle.ConstantTimeEq(int32(found.key), 0) //nolint:gosec // The key is small.
			found.key = subtle.ConstantTimeSelect(equal&first, i+1, found.key)
			subtle.ConstantTimeCopy(equal&first, found.digest[:], digest[:])
		}
		key.states.Put(s)
	}
}

// identity returns what is known of a request with a signature that matched.
func (m *match) identity(scheme string) (verify.Identity, error) {
	if m.key == 0 {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMismatch}
	}
	return verify.Identity{Scheme: scheme, Key: m.key, Digest: m.digest}, nil
}

// strictBase64 refuses bits beyond the last byte, so that a value has one
// encoding only.
var strictBase64 = base64.StdEncoding.Strict()

// maxEncodedMAC is the length of the longest MAC of this package in base64.
const maxEncodedMAC = 44

// decodeBase64 decodes a MAC, which must fill dst.
func decodeBase64(dst []byte, s string) bool {
	var src [maxEncodedMAC]byte
	if len(s) > len(src) || len(s) != strictBase64.EncodedLen(len(dst)) {
		return false
	}
	// Less padding means more than fits into dst, and line breaks, which the
	// decoder skips, less.
	var decoded [maxEncodedMAC]byte
	n, err := strictBase64.Decode(decoded[:], src[:copy(src[:], s)])
	return err == nil && n == len(dst) && copy(dst, decoded[:n]) == n
}
