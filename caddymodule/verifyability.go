package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// challenger is implemented by schemes that use HTTP authentication (RFC 9110,
// section 11), where a 401 must say what is asked for.
type challenger interface {
	// WWWAuthenticate returns the value of the WWW-Authenticate header field,
	// or "" if there is none.
	WWWAuthenticate() string
}

func challenge(scheme verify.Verifier) string {
	if c, ok := scheme.(challenger); ok {
		return c.WWWAuthenticate()
	}
	return ""
}

// bodyUser is implemented by schemes that may not need the body. Of others it
// is assumed that they do.
type bodyUser interface {
	// NeedsBody reports whether the scheme looks at the body. If it does not,
	// the body is not read before the request is known to be authentic, and
	// the Body of the [verify.Request] may be nil.
	NeedsBody() bool
}

func needsBody(scheme verify.Verifier) bool {
	u, ok := scheme.(bodyUser)
	return !ok || u.NeedsBody()
}

// repeatKnower is implemented by schemes that may not tell one message from
// another. Of others it is assumed that they can.
type repeatKnower interface {
	// KnowsRepeats reports whether identities can have a replay key.
	KnowsRepeats() bool
}

func knowsRepeats(scheme verify.Verifier) bool {
	k, ok := scheme.(repeatKnower)
	return !ok || k.KnowsRepeats()
}

// ager is implemented by schemes that sign the time of sending.
type ager interface {
	// Tolerance returns how far that time may be from ours, or 0 if it does
	// not matter.
	Tolerance() time.Duration
}

func tolerance(scheme verify.Verifier) time.Duration {
	if a, ok := scheme.(ager); ok {
		return a.Tolerance()
	}
	return 0
}

// scrubber is implemented by schemes that find credentials where handlers
// would store, log or forward them.
type scrubber interface {
	// Scrub removes the credentials from an authentic request.
	Scrub(r *http.Request)
}

// secretCarrier is implemented by schemes whose credentials are in header fields
// that only this scheme knows to be secret.
type secretCarrier interface {
	// SecretHeaders returns the canonical names of these fields.
	SecretHeaders() []string
}

func secretHeaders(scheme verify.Verifier) []string {
	if c, ok := scheme.(secretCarrier); ok {
		return c.SecretHeaders()
	}
	return nil
}
