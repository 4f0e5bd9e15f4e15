package httpsig

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// Name is the scheme of the identities.
const Name = "rfc9421"

// maxSkew is how far our clock may be behind that of the sender, or the max age
// if that is less.
const maxSkew = time.Minute

// Verifier is a [verify.Verifier] of HTTP message signatures. Its identities
// have the key's id as their Subject, the time of creation as their Timestamp,
// and the nonce, if there is one, as their signed ID. They have no Digest if the
// signature covers nothing, or not the body that there is.
type Verifier struct {
	keys       []*key
	label, tag string
	required   []covered // nil for the default
	maxAge     time.Duration
}

// HeaderNames returns the names of the header fields that must be covered.
func (v *Verifier) HeaderNames() []string {
	var names []string
	for i := range v.required {
		if name := v.required[i].name; !strings.HasPrefix(name, "@") {
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	return names
}

// Tolerance returns how old a signature may be.
func (v *Verifier) Tolerance() time.Duration { return v.maxAge }

// CoversBody reports whether a body must be covered. If not, whoever sees a
// request can send another body under its signature.
func (v *Verifier) CoversBody() bool {
	return v.required == nil || coversName(v.required, digestComponent)
}

// CoversURL reports whether the host must be covered, so that the URL that the
// sender used must be known.
func (v *Verifier) CoversURL() bool {
	return v.required == nil || coversName(v.required, targetURIComponent) || coversName(v.required, authorityComponent)
}

// Verify implements [verify.Verifier].
func (v *Verifier) Verify(_ context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	s, err := v.find(r.Header)
	if err != nil {
		return verify.Identity{}, err
	}
	position, err := v.findKey(s)
	if err != nil {
		return verify.Identity{}, err
	}
	if err := v.checkTime(s, now); err != nil {
		return verify.Identity{}, err
	}
	if err := v.checkCoverage(s.covered, r); err != nil {
		return verify.Identity{}, err
	}
	base, err := v.base(s, r)
	if err != nil {
		return verify.Identity{}, err
	}
	if !v.keys[position].verify(base, s.value) {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMismatch, Field: signatureField}
	}
	if err := checkContentDigest(r); err != nil {
		return verify.Identity{}, err
	}
	identity := verify.Identity{
		Scheme:    Name,
		ID:        s.nonce,
		IDSigned:  s.nonce != "",
		Timestamp: s.created,
		Key:       position + 1,
		Subject:   s.keyID,
	}
	// Two messages of one second may differ in the body only.
	if len(s.covered) > 0 && (s.nonce != "" || len(r.Body) == 0 || coversName(s.covered, digestComponent)) {
		identity.Digest = sha256.Sum256(base)
	}
	return identity, nil
}

// findKey returns the index of the key that the signature names.
func (v *Verifier) findKey(s *signature) (int, error) {
	if s.keyID == "" {
		return 0, &verify.Error{Reason: verify.ReasonMissing, Field: "keyid"}
	}
	for i, k := range v.keys {
		if k.id != s.keyID {
			continue
		}
		if s.algorithm != "" && s.algorithm != string(k.algorithm) {
			return 0, &verify.Error{Reason: verify.ReasonAlgorithm, Field: "alg"}
		}
		return i, nil
	}
	return 0, &verify.Error{Reason: verify.ReasonKey, Field: "keyid"}
}

// checkTime refuses signatures that are not of now. All limits are inclusive.
func (v *Verifier) checkTime(s *signature, now time.Time) error {
	// Sub saturates, so absurd times stay on their side of the limits.
	switch age := now.Sub(s.created); {
	case age > v.maxAge:
		return &verify.Error{Reason: verify.ReasonStale, Field: "created"}
	case age < -min(maxSkew, v.maxAge):
		return &verify.Error{Reason: verify.ReasonFuture, Field: "created"}
	case !s.expires.IsZero() && now.After(s.expires):
		return &verify.Error{Reason: verify.ReasonExpired, Field: "expires"}
	}
	return nil
}

// Explain implements [verify.Explainer]. It says how far the time of creation is
// from ours.
func (v *Verifier) Explain(ctx context.Context, r *verify.Request, now time.Time, refused *verify.Error) (verify.Hint, bool) {
	tolerance := v.maxAge
	switch refused.Reason {
	case verify.ReasonStale:
	case verify.ReasonFuture:
		tolerance = min(maxSkew, v.maxAge)
	default:
		return verify.Hint{}, false
	}
	s, err := v.find(r.Header)
	if err != nil {
		return verify.Hint{}, false
	}
	_, err = v.Verify(ctx, r, s.created)
	return verify.TimeHint(s.created, now, tolerance, err == nil), true
}

// checkCoverage refuses signatures that do not cover what they must.
func (v *Verifier) checkCoverage(list []covered, r *verify.Request) error {
	field := ""
	switch {
	case v.required != nil:
		for i := range v.required {
			if !covers(list, v.required[i].component) {
				return &verify.Error{Reason: verify.ReasonCoverage, Field: v.required[i].String()}
			}
		}
		return nil
	case !coversName(list, methodComponent):
		field = methodComponent
	case !coversURL(list, r):
		field = targetURIComponent
	case len(r.Body) > 0 && !coversName(list, digestComponent):
		field = digestComponent
	default:
		return nil
	}
	return &verify.Error{Reason: verify.ReasonCoverage, Field: field}
}

// coversURL reports whether no part of the URL but its scheme can be changed.
func coversURL(list []covered, r *verify.Request) bool {
	switch {
	case coversName(list, targetURIComponent):
		return true
	case !coversName(list, authorityComponent):
		return false
	case coversName(list, requestTargetComponent):
		return true
	default:
		return coversName(list, pathComponent) &&
			(coversName(list, queryComponent) || !strings.Contains(r.Target, "?"))
	}
}

// base returns what is signed (RFC 9421, section 2.5).
func (v *Verifier) base(s *signature, r *verify.Request) ([]byte, error) {
	base := make([]byte, 0, 1<<10)
	for i := range s.covered {
		c := &s.covered[i]
		base = append(base, c.identifier...)
		base = append(base, ": "...)
		var reason verify.Reason
		if base, reason = c.appendValue(base, r); reason != "" {
			return nil, &verify.Error{Reason: reason, Field: v.fieldOf(c)}
		}
		base = append(base, '\n')
	}
	base = append(base, `"@signature-params": `...)
	return append(base, s.params...), nil
}

// fieldOf returns what to call a component in errors, which hold nothing that
// the sender sent.
func (v *Verifier) fieldOf(c *covered) string {
	if covers(v.required, c.component) {
		return c.String()
	}
	return "covered component"
}

var (
	_ verify.Verifier  = (*Verifier)(nil)
	_ verify.Signer    = (*Verifier)(nil)
	_ verify.Explainer = (*Verifier)(nil)
)
