package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	return timeHint(t, now, v.timestamp.Tolerance, err == nil), true
}

// timeHint returns the hint for a time that is further from now than the
// tolerance.
func timeHint(t, now time.Time, tolerance time.Duration, matches bool) Hint {
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

// explainForm finds out whether the signature is written, or made, in another
// way: first with certainty, and else by what it looks like.
func (v *Signature) explainForm(ctx context.Context, r *Request, now time.Time, refused *Error) (Hint, bool) {
	var likely Hint
	if field := refused.Field; field != "" && field != v.signature.name() && !slices.Contains(v.signature.Headers, field) {
		return Hint{}, false // It is about something else.
	}
	for _, form := range v.forms() {
		if ctx.Err() != nil {
			break
		}
		c := v.config
		c.Signature.Prefix, c.Encoding, c.Algorithm = form.prefix, form.encoding, form.algorithm
		other, err := NewSignature(c, v.secrets()...)
		if err != nil {
			continue
		}
		if _, err := other.Verify(ctx, r, now); err == nil {
			return Hint{form.cause, form.sentence(&v.config) + " It matches if it is read like that."}, true
		}
		if likely.Cause == "" && refused.Reason != ReasonMismatch && other.findSignatures(r, new(jsonBody), new(signatures)) == nil {
			likely = Hint{form.cause, form.sentence(&v.config) + " It does not match if it is read like that, so the request is of another sender, or the secret is wrong, too."}
		}
	}
	return likely, likely.Cause != ""
}

// form is a way to write and make signatures.
type form struct {
	cause     Cause
	prefix    string
	encoding  Encoding
	algorithm Algorithm
}

// forms returns all combinations but the configured one, and those with few
// changes first.
func (v *Signature) forms() []form {
	c := &v.config
	var near, far []form
	for _, prefix := range c.prefixes() {
		for _, encoding := range []Encoding{Hex, Base64} {
			for _, algorithm := range v.algorithms() {
				f, changes := form{"", prefix, encoding, algorithm}, 0
				// The last one is what is seen first.
				if algorithm != c.Algorithm {
					f.cause, changes = CauseAlgorithm, changes+1
				}
				if encoding != c.Encoding {
					f.cause, changes = CauseEncoding, changes+1
				}
				if prefix != c.Signature.Prefix {
					f.cause, changes = CausePrefix, changes+1
				}
				switch changes {
				case 0:
				case 1:
					near = append(near, f)
				default:
					far = append(far, f)
				}
			}
		}
	}
	return append(near, far...)
}

// algorithms returns those that could be meant.
func (v *Signature) algorithms() []Algorithm {
	switch v.config.Algorithm {
	case MD5, SHA1, SHA256, SHA512:
		return []Algorithm{MD5, SHA1, SHA256, SHA512}
	default:
		return []Algorithm{v.config.Algorithm}
	}
}

// sentence says how the form differs from what is configured.
func (f *form) sentence(c *SignatureConfig) string {
	var differences []string
	if f.prefix != c.Signature.Prefix {
		differences = append(differences, prefixDifference(f.prefix, c.Signature.Prefix))
	}
	if f.encoding != c.Encoding {
		differences = append(differences, fmt.Sprintf("it is written as %s, and not as %s", f.encoding, c.Encoding))
	}
	if f.algorithm != c.Algorithm {
		differences = append(differences, fmt.Sprintf("it is an HMAC with %s, and not with %s", f.algorithm, c.Algorithm))
	}
	return "The signature is not as configured: " + strings.Join(differences, "; ") + "."
}

func prefixDifference(found, expected string) string {
	text := "nothing stands before it"
	if i := slices.IndexFunc(knownPrefixes, func(k knownPrefix) bool { return k.prefix == found }); i >= 0 {
		text = "it begins with " + found + ", as that of " + knownPrefixes[i].senders + " does"
	}
	if expected == "" {
		return text + ", and no prefix is expected"
	}
	return text + ", and " + expected + " is expected"
}

// knownPrefix is what signatures begin with, or the members of a list of them,
// and who sends them.
type knownPrefix struct{ prefix, senders string }

var knownPrefixes = []knownPrefix{
	{"sha1=", "GitHub before SHA-256, or Intercom,"},
	{"sha256=", "GitHub, Meta, or Bitbucket"},
	{"sha512=", "senders with SHA-512"},
	{"v0=", "Slack, Zoom, or tests of Stripe"},
	{"v1=", "Stripe or Calendly"},
	{"h1=", "Paddle"},
	{"v1,", "Standard Webhooks"},
	{"v1a,", "Standard Webhooks with public keys"},
}

// prefixes returns the configured prefix, and those that there may be instead.
func (c *SignatureConfig) prefixes() []string {
	list := []string{c.Signature.Prefix}
	if c.Signature.Prefix != "" {
		list = append(list, "")
	}
	for _, k := range knownPrefixes {
		if k.prefix != c.Signature.Prefix {
			list = append(list, k.prefix)
		}
	}
	return list
}
