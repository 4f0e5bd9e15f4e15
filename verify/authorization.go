package verify

import (
	"crypto/sha256"
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

func digestOf(s string) digest { return sha256.Sum256([]byte(s)) }
