package provider

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// basicChallenge is that of RFC 7617, section 2.
const basicChallenge = `Basic realm="restricted", charset="UTF-8"`

// basicRow takes a username and one or more passwords for it.
func basicRow(_ *Profile, s *Settings) (verify.Verifier, error) {
	if len(s.Secrets) < 2 {
		return nil, errors.New("expected a username and at least one password")
	}
	return newBasic(s.Secrets[0], s.Secrets[1:])
}

func newBasic(username string, passwords []string) (verify.Verifier, error) {
	credentials := make([]verify.Credential, len(passwords))
	for i, password := range passwords {
		credentials[i] = verify.Credential{Username: username, Password: password}
	}
	return verify.NewBasic(credentials...)
}

// usernameOption is for providers that let the user choose.
var usernameOption = Option{Name: "username", Arg: "<name>", Doc: "the username, for HTTP Basic authentication; the secrets are its passwords then"}

func bearerRow(_ *Profile, s *Settings) (verify.Verifier, error) {
	return verify.NewBearer("", s.Secrets...)
}

func bearerOrBasicRow(_ *Profile, s *Settings) (verify.Verifier, error) {
	if username := s.option("username", ""); username != "" {
		return newBasic(username, s.Secrets)
	}
	return verify.NewBearer("", s.Secrets...)
}

// tokenRow takes secrets that are somewhere in the request as they are.
func tokenRow(place verify.Selector) builder {
	return func(_ *Profile, s *Settings) (verify.Verifier, error) {
		return verify.NewToken(place, s.Secrets...)
	}
}

func queryOption(name string) Option {
	return Option{Name: "query", Arg: "<parameter>", Doc: "the query parameter with the secret; default: `" + name + "`"}
}

// queryOrBasicRow is for providers that can only be given a URL: the secret is in
// its query, or it has a username and a password.
func queryOrBasicRow(param string) builder {
	return func(_ *Profile, s *Settings) (verify.Verifier, error) {
		username, query := s.option("username", ""), s.option("query", "")
		switch {
		case username != "" && query != "":
			return nil, errors.New("username and query exclude each other")
		case username != "":
			return newBasic(username, s.Secrets)
		case query == "":
			query = param
		}
		return verify.NewToken(verify.Selector{Query: query}, s.Secrets...)
	}
}

// signalWire verifies forms in one way, and everything else in another.
type signalWire struct {
	forms  *twilio
	others *verify.Signature
}

// CoversURL reports that the URL is signed.
func (*signalWire) CoversURL() bool { return true }

// Verify implements [verify.Verifier].
func (v *signalWire) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	form, err := isForm(r)
	switch {
	case err != nil:
		return verify.Identity{}, err
	case form:
		return v.forms.Verify(ctx, r, now)
	default:
		return v.others.Verify(ctx, r, now)
	}
}

// Sign implements [verify.Signer].
func (v *signalWire) Sign(r *verify.Request, now time.Time) error {
	if form, err := isForm(r); err != nil || form {
		return errors.Join(err, v.forms.Sign(r, now))
	}
	return v.others.Sign(r, now)
}
