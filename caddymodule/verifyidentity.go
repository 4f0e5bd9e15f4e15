package caddymodule

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// verificationVar is the name of the request variable that holds the
// *verification.
const verificationVar = "relay.verification"

// verification is what is known of a request's sender. There is one of a
// request, however many verifiers it passes.
type verification struct {
	request  verify.Request
	identity verify.Identity
	verified bool
	// secretHeaders are the fields of the header with credentials, which are
	// not to be kept.
	secretHeaders []string

	// What the relay handler shall keep with the event for verifiers that let
	// messages pass once. It sets kept when it did, and repeat if it has an
	// answer for repeats that is another than for the event.
	marks     []relay.Mark
	markSpace [1]relay.Mark // backs marks in the usual case
	kept      bool
	repeat    *replay.Answer
}

// String keeps the request out of logs and responses, since variables can be
// printed with placeholders.
func (v *verification) String() string { return v.identity.Scheme }

// newVerification returns the verification of r without an identity: what an
// earlier verifier found out must not outlive the failure of a later one.
func newVerification(r *http.Request) *verification {
	v, ok := caddyhttp.GetVar(r.Context(), verificationVar).(*verification)
	if !ok {
		v = new(verification)
		caddyhttp.SetVar(r.Context(), verificationVar, v)
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Map(v.placeholder)
		}
	}
	v.identity, v.verified = verify.Identity{}, false
	return v
}

// expect adds a mark to those that are to be kept.
func (v *verification) expect(m relay.Mark) {
	if v.marks == nil {
		v.marks = v.markSpace[:0]
	}
	v.marks = append(v.marks, m)
	v.kept, v.repeat = false, nil
}

// expects reports whether a verifier before has added a mark for a message.
func (v *verification) expects(key replay.Key) bool {
	return slices.ContainsFunc(v.marks, func(m relay.Mark) bool { return m.Hash == relay.MarkHash(key) })
}

// expectedMarks returns the verification of a request with marks that are to be
// kept with the event, or nil if there are none.
func expectedMarks(r *http.Request) *verification {
	v, ok := caddyhttp.GetVar(r.Context(), verificationVar).(*verification)
	if !ok || len(v.marks) == 0 {
		return nil
	}
	return v
}

// userPlaceholder is where Caddy's own handlers of authentication put the user,
// and where access logs take it from.
const userPlaceholder = "http.auth.user.id"

// publish makes the identity visible to later handlers.
func (v *verification) publish(r *http.Request, identity verify.Identity) {
	v.identity, v.verified = identity, true
	if identity.Subject == "" {
		return
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// A user that another handler has set would come before ours.
		repl.Delete(userPlaceholder)
	}
}

// verifiedIdentity returns who sent r, and whether that was verified.
func verifiedIdentity(r *http.Request) (verify.Identity, bool) {
	v, ok := caddyhttp.GetVar(r.Context(), verificationVar).(*verification)
	if !ok || !v.verified {
		return verify.Identity{}, false
	}
	return v.identity, true
}

// secretFields returns the names of the header fields of r that have credentials
// which a verifier has checked.
func secretFields(r *http.Request) []string {
	if v, ok := caddyhttp.GetVar(r.Context(), verificationVar).(*verification); ok {
		return v.secretHeaders
	}
	return nil
}

// placeholder returns the value of a {verify.*} placeholder, or the user. It is
// asked each time, so a user does not outlive the identity that it is of.
func (v *verification) placeholder(key string) (any, bool) {
	if key == userPlaceholder {
		return v.identity.Subject, true
	}
	name, ok := strings.CutPrefix(key, "verify.")
	if !ok {
		return nil, false
	}
	switch name {
	case "scheme":
		return v.identity.Scheme, true
	case "id":
		return v.identity.ID, true
	case "timestamp":
		if v.identity.Timestamp.IsZero() {
			return "", true
		}
		return strconv.FormatInt(v.identity.Timestamp.Unix(), 10), true
	case "key":
		if v.identity.Key == 0 {
			return "", true
		}
		return v.identity.Key, true
	case "subject":
		return v.identity.Subject, true
	}
	if claim, ok := strings.CutPrefix(name, "claims."); ok {
		return v.identity.Claims[claim], true
	}
	return nil, false
}

// verifyRequest returns what verifiers may see of r, with the URL as it was
// before any rewrite.
func verifyRequest(r *http.Request, body []byte) verify.Request {
	v := verify.Request{Method: r.Method, Scheme: "http", Host: r.Host, Target: r.RequestURI, Header: r.Header, Body: body}
	if r.TLS != nil {
		v.Scheme = "https"
	}
	url := r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		v.Method, v.Target, url = original.Method, original.RequestURI, original.URL
	}
	if !strings.HasPrefix(v.Target, "/") {
		v.Target = url.RequestURI() // a client may send the absolute URL
	}
	v.ClientIP, v.Certificate = clientIP(r), clientCertificate(r)
	return v
}
