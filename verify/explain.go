package verify

import (
	"context"
	"errors"
	"time"
)

// Hint is the likely cause of a refusal, for whoever has to find out why good
// requests are refused. It is not for senders.
type Hint struct {
	// Cause is from a closed set, so that it can label a metric.
	Cause Cause
	// Sentence says what it means and what can be done about it. It may have
	// numbers and configured names in it, and what an authentic token states,
	// but neither secrets nor signatures nor anything else that somebody
	// unknown has sent.
	Sentence string
}

// Explainer is implemented by verifiers that know more of the cause of a
// refusal than can be found out by trying other requests.
type Explainer interface {
	// Explain returns the likely cause of refused, which Verify has returned
	// for r at the time now. ok is false if none is known.
	Explain(ctx context.Context, r *Request, now time.Time, refused *Error) (hint Hint, ok bool)
}

// Explain returns the likely cause of an error that v has returned for r at the
// time now. It tries what usually goes wrong, a fixed list of variants of the
// request and of the configuration, each of which may take as long as Verify
// does: some dozens, until ctx is done. ok is false if the error is no refusal.
func Explain(ctx context.Context, v Verifier, r *Request, now time.Time, err error) (hint Hint, ok bool) {
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		return Hint{}, false
	}
	if x, ok := v.(Explainer); ok {
		if hint, ok := x.Explain(ctx, r, now, refused); ok {
			return hint, true
		}
	}
	for changed, hint := range requestVariants(r, refused) {
		if ctx.Err() != nil {
			break
		}
		if _, err := v.Verify(ctx, &changed, now); err == nil {
			return hint, true
		}
	}
	u, ok := v.(urlCoverer)
	return usualHint(refused, ok && u.CoversURL()), true
}

// urlCoverer is implemented by verifiers whose signatures may cover the URL, so
// that another one is a likely cause of mismatches.
type urlCoverer interface{ CoversURL() bool }
