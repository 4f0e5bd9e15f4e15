package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"slices"
	"sync"
)

// macKey computes MACs with one secret. It keeps the states of finished
// computations, since setting one up costs two hash blocks and allocations.
type macKey struct {
	states sync.Pool
	signed content
}

// macState is a MAC computation, and a buffer for its input and its result.
type macState struct {
	mac hash.Hash
	buf []byte
}

func newMACKey(a Algorithm, signed content, secret []byte) *macKey {
	newMAC := func() hash.Hash { return hmac.New(a.hash(), secret) }
	if a == PlainSHA256 {
		newMAC = sha256.New
		signed = slices.Clone(signed)
		for i := range signed {
			if signed[i].variable == secretVar {
				signed[i].text = string(secret)
			}
		}
	}
	return &macKey{signed: signed, states: sync.Pool{New: func() any { return &macState{mac: newMAC()} }}}
}

// sum returns the state, whose buf holds the MAC of m. The caller puts it back.
func (k *macKey) sum(m *message) (*macState, error) {
	s := k.states.Get().(*macState)
	s.mac.Reset()
	var err error
	if s.buf, err = k.signed.writeTo(s.mac, s.buf, m); err != nil {
		k.states.Put(s)
		return nil, err
	}
	s.buf = s.mac.Sum(s.buf[:0])
	return s, nil
}

// matchMAC returns the position, from 1, of the secret that a signature was
// made with, and what identifies the content. All are compared with all,
// whatever was found, so that the time it takes says nothing.
func (v *Signature) matchMAC(m *message, list *signatures) (found int, digest [sha256.Size]byte, err error) {
	for i, key := range v.macs {
		s, err := key.sum(m)
		if err != nil {
			return 0, digest, err
		}
		var mac [sha256.Size]byte
		copy(mac[:], s.buf)
		for j := range list.n {
			equal := subtle.ConstantTimeCompare(s.buf, list.bytes(j))
			first := subtle.ConstantTimeEq(int32(found), 0) //nolint:gosec // found is small.
			found = subtle.ConstantTimeSelect(equal&first, i+1, found)
			subtle.ConstantTimeCopy(equal&first, digest[:], mac[:])
		}
		key.states.Put(s)
	}
	return found, digest, nil
}
