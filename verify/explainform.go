package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

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
