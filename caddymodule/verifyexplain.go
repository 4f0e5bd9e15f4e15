package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/provider"
)

// explain returns the likely cause of an error that a scheme has returned for r
// at the time now. It tries the scheme some dozens of times, until ctx is done.
// ok is false if the error is no refusal.
func explain(ctx context.Context, scheme verify.Verifier, r *verify.Request, now time.Time, err error) (hint verify.Hint, ok bool) {
	refused, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return verify.Hint{}, false
	}
	if refused.Reason == verify.ReasonMissing && !ignoresHeader(scheme) {
		if hint, ok := provider.ExplainSender(r.Header, nil); ok {
			return hint, true
		}
	}
	return verify.Explain(ctx, scheme, r, now, err)
}

// ignoresHeader reports whether what a scheme misses is not in the header, or the
// scheme knows of other senders itself.
func ignoresHeader(scheme verify.Verifier) bool {
	switch scheme.(type) {
	case *PresetScheme, *AnyScheme, *MTLSScheme, *ClientIPScheme:
		return true
	default:
		return false
	}
}

// Explain implements [verify.Explainer] with the alternative whose refusal tells
// the most.
func (s *AnyScheme) Explain(ctx context.Context, r *verify.Request, now time.Time, _ *verify.Error) (verify.Hint, bool) {
	var failure error
	var scheme verify.Verifier
	for _, alternative := range s.schemes {
		if _, err := alternative.Verify(ctx, r, now); weight(err) > weight(failure) {
			failure, scheme = err, alternative
		}
	}
	if scheme == nil {
		return verify.Hint{}, false
	}
	hint, ok := explain(ctx, scheme, r, now, failure)
	if ok {
		hint.Sentence = "As a request for " + schemeName(scheme) + ": " + hint.Sentence
	}
	return hint, ok
}

var _ verify.Explainer = (*AnyScheme)(nil)
