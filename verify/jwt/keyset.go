package jwt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/verify/pubkey"
	"github.com/go-jose/go-jose/v4"
)

// maxSetKeys bounds the memory of a key set. Usual are two to ten keys.
const maxSetKeys = 100

// KeySet is a JSON Web Key Set (RFC 7517). Keys in it that can't verify the
// signature of a token are left out. A token must name the key that it is
// signed with, as long as there is a choice.
type KeySet struct {
	byID  map[string][]key
	count int
}

// ParseKeySet reads a key set. It may have shared secrets ("oct"), which are
// used only with algorithms that need them.
func ParseKeySet(b []byte) (*KeySet, error) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &document); err != nil || document.Keys == nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if n := len(*document.Keys); n > maxSetKeys {
		return nil, fmt.Errorf("%d keys in the key set, at most %d are allowed", n, maxSetKeys)
	}
	s := &KeySet{byID: make(map[string][]key)}
	for i, raw := range *document.Keys {
		if k, ok := parseJWK(raw); ok {
			k.position = i + 1
			s.byID[k.id] = append(s.byID[k.id], k)
			s.count++
		}
	}
	return s, nil
}

// parseJWK reads a key. ok is false if it is not for signatures of tokens, or
// none of ours, or malformed: others in the set are good all the same.
func parseJWK(raw []byte) (k key, ok bool) {
	var jwk jose.JSONWebKey
	if json.Unmarshal(raw, &jwk) != nil || (jwk.Use != "" && jwk.Use != "sig") || !isKeyID(jwk.KeyID) {
		return key{}, false
	}
	k = key{id: jwk.KeyID, algorithm: Algorithm(jwk.Algorithm), material: jwk.Key}
	if secret, symmetric := jwk.Key.([]byte); symmetric {
		return k, len(secret) > 0
	}
	return k, pubkey.Check(jwk.Key) == nil
}

// find implements [KeySource].
func (s *KeySet) find(_ context.Context, kid string, _ time.Time) ([]key, error) {
	if keys := s.lookup(kid); len(keys) > 0 {
		return keys, nil
	}
	return nil, errUnknownKey()
}

// lookup returns the keys with the given name. A token without one can be
// signed with a key without one, or with the only key there is, and a key
// without a name is the one that is meant if there is no other: whoever has one
// key doesn't always name it. With more keys the token must name one (OpenID
// Connect Core 1.0, section 10.1).
func (s *KeySet) lookup(kid string) []key {
	keys := s.byID[kid]
	if len(keys) > 0 || s.count != 1 {
		return keys
	}
	if kid != "" {
		return s.byID[""]
	}
	for _, keys := range s.byID {
		return keys
	}
	return nil
}

var _ KeySource = (*KeySet)(nil)
