package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"strings"
	"time"
)

// SecretTrial finds out whether a request is authentic with the secrets written
// or read in another way.
type SecretTrial struct {
	// Encoding is how the secrets are decoded, and Prefix is what is removed
	// from them before.
	Encoding KeyEncoding
	Prefix   string
	// Secrets are the configured ones.
	Secrets []string
	// Build returns a verifier with a key, which is decoded already.
	Build func(key []byte) (Verifier, error)
}

// Explain returns what is wrong with a secret, if r would be accepted without
// that.
func (t *SecretTrial) Explain(ctx context.Context, r *Request, now time.Time) (Hint, bool) {
	for _, secret := range t.Secrets {
		for key, cause := range t.keys(secret) {
			if ctx.Err() != nil {
				return Hint{}, false
			}
			v, err := t.Build(key)
			if err != nil {
				continue
			}
			if _, err := v.Verify(ctx, r, now); err == nil {
				return Hint{cause, secretSentences[cause]}, true
			}
		}
	}
	return Hint{}, false
}

var secretSentences = map[Cause]string{
	CauseSecretBase64: "The signature matches if the secret is decoded from base64, which it is not here: set key_encoding base64, or check that the scheme is that of the sender.",
	CauseSecretHex:    "The signature matches if the secret is decoded from hexadecimal digits, which it is not here: set key_encoding hex, or check that the scheme is that of the sender.",
	CauseSecretText:   "The signature matches if the secret is used as the text that it is, but it is decoded here: set key_encoding raw, or check that the scheme is that of the sender.",
	CauseSecretPrefix: "The signature matches the secret without what stands before the underscore, such as whsec_: leave it out, or set key_prefix.",
	CauseSecretSpace:  "The signature matches the secret without the spaces or quotation marks around it: remove them from the configuration, the variable, or the file.",
}

// whsec begins secrets of Standard Webhooks, and of Stripe, where it is part of
// the key.
const whsec = "whsec_"

// keys iterates over what a secret could stand for, beside what it is taken for.
func (t *SecretTrial) keys(secret string) iter.Seq2[[]byte, Cause] {
	rest := strings.TrimPrefix(secret, t.Prefix)
	current, _ := t.Encoding.decode(rest)
	text, trimmed := rest, unquote(rest)
	return func(yield func([]byte, Cause) bool) {
		for _, candidate := range []struct {
			key   []byte
			cause Cause
		}{
			{[]byte(secret), CauseSecretText},
			{[]byte(text), CauseSecretText},
			{[]byte(trimmed), CauseSecretSpace},
			{anyBase64(trimmed), CauseSecretBase64},
			{anyHex(trimmed), CauseSecretHex},
			{[]byte(strings.TrimPrefix(trimmed, whsec)), CauseSecretPrefix},
			{anyBase64(strings.TrimPrefix(trimmed, whsec)), CauseSecretBase64},
			{anyHex(strings.TrimPrefix(trimmed, whsec)), CauseSecretHex},
		} {
			if len(candidate.key) > 0 && !bytes.Equal(candidate.key, current) && !yield(candidate.key, candidate.cause) {
				return
			}
		}
	}
}

// anyBase64 decodes base64 with either alphabet, with or without padding. It
// returns nil if s is none.
func anyBase64(s string) []byte {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func anyHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
