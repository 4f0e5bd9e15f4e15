package verify

import (
	"context"
	"fmt"
	"time"
)

// Explain implements [Explainer].
func (v *Signature) Explain(ctx context.Context, r *Request, now time.Time, refused *Error) (Hint, bool) {
	switch refused.Reason {
	case ReasonMissing:
		if hint, ok := explainMissing(r, refused.Field); ok {
			return hint, true
		}
	case ReasonStale, ReasonFuture:
		return v.explainTime(ctx, r, now)
	case ReasonMalformed:
		if hint, ok := v.explainTimeFormat(r, now); ok {
			return hint, true
		}
	case ReasonMismatch:
		if hint, ok := v.explainSecret(ctx, r, now); ok {
			return hint, true
		}
	case ReasonPrefix:
	default:
		return Hint{}, false
	}
	return v.explainForm(ctx, r, now, refused)
}

// explainMissing is for a header field that is not there, or is empty.
func explainMissing(r *Request, name string) (Hint, bool) {
	if hint, ok := droppedHint(name); ok {
		return hint, true
	}
	if values := r.Header[name]; len(values) == 1 && values[0] == "" {
		return Hint{CauseEmpty, "The request has " + name + ", but it is empty: the sender has no secret yet, or something in between removed its value."}, true
	}
	return Hint{}, false
}

// explainTime says how far the timestamp is from ours. It is what the verifier
// looks at first, so whether the signature would match is said, too.
func (v *Signature) explainTime(ctx context.Context, r *Request, now time.Time) (Hint, bool) {
	if hint, ok := v.explainTimeFormat(r, now); ok {
		return hint, true
	}
	text, _, err := v.timestamp.Selector.single(r, new(jsonBody))
	t, ok := v.timestamp.Format.parse(text)
	if err != nil || !ok {
		return Hint{}, false
	}
	_, err = v.Verify(ctx, r, t)
	return TimeHint(t, now, v.timestamp.Tolerance, err == nil), true
}

// TimeHint returns the hint for a time t that is further from now than the
// tolerance. matches is set if the signature would be accepted at t.
func TimeHint(t, now time.Time, tolerance time.Duration, matches bool) Hint {
	verdict := "The signature does not match either."
	if matches {
		verdict = "The signature itself is right."
	}
	age, limit := int64(now.Sub(t)/time.Second), int64(tolerance/time.Second)
	if age < 0 {
		return Hint{CauseAhead, fmt.Sprintf(
			"The timestamp is %d s ahead of the clock here, and at most %d s are accepted: that clock is wrong, or the sender's. %s", -age, limit, verdict,
		)}
	}
	return Hint{CauseOld, fmt.Sprintf(
		"The timestamp is %d s old, and at most %d s are accepted: the request came late or is an old one sent again, or a clock is wrong. %s", age, limit, verdict,
	)}
}

// plausible is how far a time may be from ours and still be one that a request
// was sent at. Seconds that are taken for milliseconds, or the other way round,
// are much further away.
const plausible = 10 * 365 * 24 * time.Hour

// explainTimeFormat finds out whether the timestamp is a plausible one only if
// it is read in another way.
func (v *Signature) explainTimeFormat(r *Request, now time.Time) (Hint, bool) {
	if v.timestamp == nil {
		return Hint{}, false
	}
	text, _, err := v.timestamp.Selector.single(r, new(jsonBody))
	if err != nil {
		return Hint{}, false
	}
	for _, format := range []TimestampFormat{v.timestamp.Format, Unix, UnixMilli, RFC3339} {
		if t, ok := format.parse(text); !ok || now.Sub(t).Abs() > plausible {
			continue
		}
		if format == v.timestamp.Format {
			return Hint{}, false
		}
		return Hint{CauseTimeFormat, fmt.Sprintf(
			"The timestamp is written in %s (%s), but read as %s (%s): the sender is another one than the scheme is for, or the format is wrong.",
			formatNames[format], format, formatNames[v.timestamp.Format], v.timestamp.Format,
		)}, true
	}
	return Hint{}, false
}

var formatNames = map[TimestampFormat]string{Unix: "seconds", UnixMilli: "milliseconds", RFC3339: "date and time"}

func (v *Signature) explainSecret(ctx context.Context, r *Request, now time.Time) (Hint, bool) {
	if !v.config.Algorithm.Symmetric() {
		return Hint{}, false
	}
	c := v.config
	trial := SecretTrial{
		Encoding: c.KeyEncoding, Prefix: c.KeyPrefix, Secrets: v.secrets(),
		Build: func(key []byte) (Verifier, error) {
			raw := c
			raw.KeyEncoding, raw.KeyPrefix = KeyRaw, ""
			return NewSignature(raw, string(key))
		},
	}
	return trial.Explain(ctx, r, now)
}
