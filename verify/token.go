package verify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Token is a [Verifier] of a fixed secret that the sender puts somewhere in each
// request, which is all that some senders can do.
type Token struct {
	place  Selector
	tokens []digest
	first  string
}

// NewToken returns a verifier that accepts any of the tokens at the place.
func NewToken(place Selector, tokens ...string) (*Token, error) {
	if err := CheckCount(len(tokens)); err != nil {
		return nil, err
	}
	v := &Token{tokens: make([]digest, len(tokens)), first: tokens[0]}
	var err error
	if v.place, err = place.compileSingle(); err != nil {
		return nil, err
	}
	for i, token := range tokens {
		if token == "" {
			return nil, fmt.Errorf("token %d: %w", i+1, errors.New("empty: anybody could send it"))
		}
		v.tokens[i] = digestOf(token)
	}
	return v, nil
}

// InBody reports whether the token is in the body, which must be read then.
func (v *Token) InBody() bool { return v.place.inBody() }

// Place returns where the token is.
func (v *Token) Place() Selector { return v.place }

// Verify implements [Verifier].
func (v *Token) Verify(_ context.Context, r *Request, _ time.Time) (Identity, error) {
	token, field, err := v.place.single(r, new(jsonBody))
	if err != nil {
		return Identity{}, err
	}
	found := digestOf(token).find(v.tokens)
	if found == 0 {
		return Identity{}, &Error{Reason: ReasonCredentials, Field: field}
	}
	return Identity{Scheme: "token", Key: found}, nil
}

// Sign implements [Signer] with the first token.
func (v *Token) Sign(r *Request, _ time.Time) error { return v.place.put(r, v.first, false) }

// Interface guards
var (
	_ Verifier = (*Token)(nil)
	_ Signer   = (*Token)(nil)
)
