// Package token holds what verifiers of access tokens have in common: where in
// a request a token is, how its claims are read, and what they must say
// (RFC 6750, RFC 7519, RFC 7662).
package token

import (
	"net/http"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify"
)

// Authorization is the header field that has the token behind "Bearer".
const Authorization = "Authorization"

// maxSize bounds what is spent on a token that nobody signed, in bytes. Tokens
// that list the groups of a user can have a few KiB.
const maxSize = 16 << 10

// Find returns the token in the header field with the given canonical name,
// which must be there exactly once. In [Authorization], "Bearer" in any case
// comes before it.
func Find(h http.Header, name string) (string, error) {
	value, err := verify.HeaderValue(h, name)
	if err != nil {
		return "", err
	}
	if len(value) > maxSize {
		return "", &verify.Error{Reason: verify.ReasonMalformed, Field: name}
	}
	if name != Authorization {
		return value, nil
	}
	scheme, credentials, _ := strings.Cut(value, " ")
	credentials = strings.TrimLeft(credentials, " ")
	if !strings.EqualFold(scheme, "Bearer") || !isB64Token(credentials) {
		return "", &verify.Error{Reason: verify.ReasonMalformed, Field: name}
	}
	return credentials, nil
}

// isB64Token reports whether s has the form of a token, b64token in RFC 6750,
// section 2.1.
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
