package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// Rules say what the claims of a token must be. The zero value requires a time
// of expiration that is not over, and nothing else.
type Rules struct {
	// Issuers are the values of "iss" that are accepted. If there are none,
	// the claim is not looked at.
	Issuers []string
	// Audiences are those that the token may be meant for: one of them must be
	// in "aud". If there are none, the claim is not looked at.
	Audiences []string
	// Claims are the further ones that are required.
	Claims []Claim
	// RequireID makes "jti" required.
	RequireID bool
	// ExpirationOptional accepts tokens without "exp", which are valid for
	// ever.
	ExpirationOptional bool
	// ExpirationInclusive accepts a token still in the second that "exp"
	// names, which RFC 7519, section 4.1.4, does not.
	ExpirationInclusive bool
	// MaxAge is how long after "iat", which is required then, a token is
	// accepted, whatever "exp" says. Default: no limit.
	MaxAge time.Duration
	// Leeway is how far the sender's clock may be from ours, in both
	// directions, when "exp", "nbf" and "iat" are compared. Default: none.
	Leeway time.Duration
}

// Claim is a claim that must have one of the values, or, if it is a list, have
// one of them in it. Of "scope" and "scp" (lists with spaces, too) all values
// are required. The values true and false are the boolean ones and not strings
// that read the same; a value of digits equals a number and a string.
type Claim struct {
	Name   string   `json:"name,omitempty"`
	Values []string `json:"values,omitempty"`
}

// Validate returns an error if r can't be fulfilled, or says nothing where it
// seems to say something.
func (r *Rules) Validate() error {
	if r.Leeway < 0 || r.MaxAge < 0 {
		return errors.New("negative leeway or age")
	}
	for name, values := range map[string][]string{"issuer": r.Issuers, "audience": r.Audiences} {
		if slices.Contains(values, "") {
			return fmt.Errorf("empty %s", name)
		}
	}
	names := make(map[string]bool)
	for _, c := range r.Claims {
		switch {
		case c.Name == "":
			return errors.New("a claim without a name")
		case len(c.Values) == 0 || slices.Contains(c.Values, ""):
			return fmt.Errorf("claim %s: no value, or an empty one", c.Name)
		case names[c.Name]:
			return fmt.Errorf("claim %s is there twice", c.Name)
		case isScope(c.Name) && slices.ContainsFunc(c.Values, hasSpace):
			return fmt.Errorf("claim %s: spaces separate scopes, so a scope can't have one", c.Name)
		}
		names[c.Name] = true
	}
	return nil
}

func isScope(name string) bool { return name == "scope" || name == "scp" }

func hasSpace(s string) bool { return strings.Contains(s, " ") }

// Check returns a [*verify.Error] if the claims are not as the rules say.
func (r *Rules) Check(c Claims, now time.Time) error {
	if err := r.checkTimes(c, now); err != nil {
		return err
	}
	if len(r.Issuers) > 0 && !slices.ContainsFunc(r.Issuers, func(s string) bool { return c["iss"] == s }) {
		return wrong("iss")
	}
	if len(r.Audiences) > 0 && !slices.ContainsFunc(r.Audiences, func(s string) bool { return c.has("aud", s) }) {
		return wrong("aud")
	}
	for _, required := range r.Claims {
		if !required.fulfilled(c) {
			return wrong(required.Name)
		}
	}
	id, err := c.String("jti")
	if err == nil && id == "" && r.RequireID {
		err = &verify.Error{Reason: verify.ReasonMissing, Field: "jti"}
	}
	return err
}

func (r *Rules) checkTimes(c Claims, now time.Time) error {
	expiration, err := c.Time("exp")
	if err != nil {
		return err
	}
	if _, ok := c["exp"]; !ok && !r.ExpirationOptional {
		return &verify.Error{Reason: verify.ReasonMissing, Field: "exp"}
	} else if ok && !now.Before(r.end(expiration)) {
		return &verify.Error{Reason: verify.ReasonExpired, Field: "exp"}
	}
	for _, name := range [...]string{"nbf", "iat"} {
		begin, err := c.Time(name)
		if err != nil {
			return err
		}
		if now.Before(begin.Add(-r.Leeway)) {
			return &verify.Error{Reason: verify.ReasonFuture, Field: name}
		}
	}
	return r.checkAge(c, now)
}

func (r *Rules) checkAge(c Claims, now time.Time) error {
	if r.MaxAge == 0 {
		return nil
	}
	issued, err := c.Time("iat")
	switch {
	case err != nil:
		return err
	case issued.IsZero():
		return &verify.Error{Reason: verify.ReasonMissing, Field: "iat"}
	case now.Sub(issued) > r.MaxAge+r.Leeway:
		return &verify.Error{Reason: verify.ReasonStale, Field: "iat"}
	}
	return nil
}

// Expires returns when a token with claims that pass [Rules.Check] is no longer
// accepted because of "exp", or the zero time.
func (r *Rules) Expires(c Claims) time.Time {
	expiration, err := c.Time("exp")
	if err != nil || expiration.IsZero() {
		return time.Time{}
	}
	return r.end(expiration)
}

// end returns the first instant at which a token is no longer accepted.
func (r *Rules) end(expiration time.Time) time.Time {
	if r.ExpirationInclusive {
		expiration = expiration.Add(time.Second)
	}
	return expiration.Add(r.Leeway)
}

func (required *Claim) fulfilled(c Claims) bool {
	if isScope(required.Name) {
		return !slices.ContainsFunc(required.Values, func(s string) bool { return !c.hasScope(required.Name, s) })
	}
	return slices.ContainsFunc(required.Values, func(s string) bool { return c.has(required.Name, s) })
}

func wrong(claim string) error {
	return &verify.Error{Reason: verify.ReasonClaim, Field: claim}
}

// Example returns a value that fulfills the requirement.
func (required *Claim) Example() any {
	switch {
	case isScope(required.Name):
		return strings.Join(required.Values, " ")
	case required.Values[0] == "true" || required.Values[0] == "false":
		return required.Values[0] == "true"
	default:
		return required.Values[0]
	}
}
