package verify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Bearer is a [Verifier] of static bearer tokens (RFC 6750).
type Bearer struct {
	tokens []digest
	query  string
	first  string
}

// NewBearer returns a verifier that accepts any of the tokens in the
// Authorization header field. If query is not empty, a token may be in the
// query parameter of that name instead; URLs tend to end up in logs, so that is
// for senders that can do no better.
func NewBearer(query string, tokens ...string) (*Bearer, error) {
	if err := CheckCount(len(tokens)); err != nil {
		return nil, err
	}
	v := &Bearer{tokens: make([]digest, len(tokens)), query: query, first: tokens[0]}
	for i, token := range tokens {
		if !isB64Token(token) {
			return nil, fmt.Errorf("token %d: %w", i+1, errToken)
		}
		v.tokens[i] = digestOf(token)
	}
	return v, nil
}

var errToken = errors.New("empty, or with other characters than letters, digits, - . _ ~ + / and = at its end (RFC 6750, section 2.1)")

// Verify implements [Verifier].
func (v *Bearer) Verify(_ context.Context, r *Request, _ time.Time) (Identity, error) {
	token, field, err := v.token(r)
	if err != nil {
		return Identity{}, err
	}
	if !isB64Token(token) {
		return Identity{}, &Error{Reason: ReasonMalformed, Field: field}
	}
	found := digestOf(token).find(v.tokens)
	if found == 0 {
		return Identity{}, &Error{Reason: ReasonCredentials, Field: field}
	}
	return Identity{Scheme: "bearer", Key: found}, nil
}

// token returns the token, and the name of the field that it was in. There
// must be exactly one (RFC 6750, section 2).
func (v *Bearer) token(r *Request) (token, field string, err error) {
	if v.query != "" {
		params, err := url.ParseQuery(r.Query())
		if err != nil {
			return "", "", &Error{Reason: ReasonMalformed, Field: v.query}
		}
		if values := params[v.query]; len(values) > 0 {
			if len(values) > 1 || len(r.Header["Authorization"]) > 0 {
				return "", "", &Error{Reason: ReasonDuplicate, Field: v.query}
			}
			return values[0], v.query, nil
		}
	}
	token, err = authorization(r.Header, "Bearer")
	return token, "Authorization", err
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

// Sign implements [Signer] with the first token, in the Authorization field.
func (v *Bearer) Sign(r *Request, _ time.Time) error {
	r.SetHeader("Authorization", "Bearer "+v.first)
	return nil
}

// Interface guards
var (
	_ Verifier = (*Bearer)(nil)
	_ Signer   = (*Bearer)(nil)
)
