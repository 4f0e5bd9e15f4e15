package verify

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Credential is a user with a password.
type Credential struct {
	Username, Password string
}

func (c Credential) validate() error {
	switch {
	case c.Username == "" || c.Password == "":
		return errors.New("empty username or password")
	case strings.Contains(c.Username, ":"):
		return errors.New("username with a colon (RFC 7617, section 2)")
	case strings.ContainsFunc(c.Username+c.Password, isControl):
		return errors.New("control character in username or password (RFC 7617, section 2)")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Basic is a [Verifier] of HTTP Basic authentication (RFC 7617) in UTF-8. The
// Subject of its identities is the username.
type Basic struct {
	accounts []account
	first    Credential
}

type account struct {
	name           string
	user, password digest
}

// NewBasic returns a verifier that accepts any of the credentials. A user may
// have several passwords.
func NewBasic(credentials ...Credential) (*Basic, error) {
	if err := CheckCount(len(credentials)); err != nil {
		return nil, err
	}
	v := &Basic{accounts: make([]account, len(credentials)), first: credentials[0]}
	for i, c := range credentials {
		if err := c.validate(); err != nil {
			return nil, fmt.Errorf("credential %d: %w", i+1, err)
		}
		v.accounts[i] = account{name: c.Username, user: digestOf(c.Username), password: digestOf(c.Password)}
	}
	return v, nil
}

// Verify implements [Verifier].
func (v *Basic) Verify(_ context.Context, r *Request, _ time.Time) (Identity, error) {
	encoded, err := authorization(r.Header, "Basic")
	if err != nil {
		return Identity{}, err
	}
	username, password, ok := parseBasic(encoded)
	if !ok {
		return Identity{}, &Error{Reason: ReasonMalformed, Field: "Authorization"}
	}
	user, pass, found := digestOf(username), digestOf(password), 0
	for i := range v.accounts {
		a := &v.accounts[i]
		equal := subtle.ConstantTimeCompare(a.user[:], user[:]) & subtle.ConstantTimeCompare(a.password[:], pass[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	if found == 0 {
		return Identity{}, &Error{Reason: ReasonCredentials, Field: "Authorization"}
	}
	return Identity{Scheme: "basic", Key: found, Subject: v.accounts[found-1].name}, nil
}

// parseBasic decodes the credentials of the Basic scheme. The first colon ends
// the username; the password may hold more.
func parseBasic(encoded string) (username, password string, ok bool) {
	decoded, err := DecodeBase64(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}

// Sign implements [Signer] with the first credential.
func (v *Basic) Sign(r *Request, _ time.Time) error {
	r.SetHeader("Authorization", "Basic "+strictBase64.EncodeToString([]byte(v.first.Username+":"+v.first.Password)))
	return nil
}

// Interface guards
var (
	_ Verifier = (*Basic)(nil)
	_ Signer   = (*Basic)(nil)
)
