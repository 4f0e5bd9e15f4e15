package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// authorization returns the credentials in the Authorization field, which must
// be there exactly once and of the given scheme (RFC 9110, section 11.4).
func authorization(h http.Header, scheme string) (string, error) {
	value, err := HeaderValue(h, "Authorization")
	if err != nil {
		return "", err
	}
	name, credentials, _ := strings.Cut(value, " ")
	credentials = strings.TrimLeft(credentials, " ")
	if !strings.EqualFold(name, scheme) || credentials == "" {
		return "", &Error{Reason: ReasonMalformed, Field: "Authorization"}
	}
	return credentials, nil
}

// digest is the hash of a secret. Comparing digests instead of secrets hides
// their length, too.
type digest [sha256.Size]byte

// find returns the position, from 1, of the secret among all, or 0. It looks at
// all of them, so that the time it takes says nothing.
func (d digest) find(all []digest) (found int) {
	for i := range all {
		equal := subtle.ConstantTimeCompare(all[i][:], d[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	return found
}

func digestOf(s string) digest { return sha256.Sum256([]byte(s)) }
