package provider

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// Explain implements [verify.Explainer].
func (v *Verifier) Explain(ctx context.Context, r *verify.Request, now time.Time, refused *verify.Error) (verify.Hint, bool) {
	if refused.Reason == verify.ReasonMissing || refused.Reason == verify.ReasonPrefix {
		if hint, ok := ExplainSender(r.Header, v.profile); ok {
			return hint, true
		}
	}
	if x, ok := v.Verifier.(verify.Explainer); ok {
		if hint, ok := x.Explain(ctx, r, now, refused); ok {
			return hint, true
		}
	}
	if v.trial == nil || (refused.Reason != verify.ReasonMismatch && refused.Reason != verify.ReasonCredentials) {
		return verify.Hint{}, false
	}
	return v.trial().Explain(ctx, r, now)
}

// newTrial returns what tries the secrets of a provider with code of its own in
// other forms. It is a function, so that nothing that prints the verifier prints
// the secrets.
func (p *Profile) newTrial(s Settings) func() *verify.SecretTrial {
	return func() *verify.SecretTrial {
		return &verify.SecretTrial{Encoding: verify.KeyRaw, Secrets: s.Secrets, Build: func(key []byte) (verify.Verifier, error) {
			other := s
			other.Secrets = []string{string(key)}
			return p.new(p, &other)
		}}
	}
}

// ExplainSender returns a hint if a header has the signature of another provider
// than p, which may be nil.
func ExplainSender(h http.Header, p *Profile) (verify.Hint, bool) {
	field, found := recognize(h)
	if len(found) == 0 || slices.Contains(found, p) {
		return verify.Hint{}, false
	}
	names := make([]string, len(found))
	for i, other := range found {
		names[i] = "verify " + other.Name
	}
	return verify.Hint{
		Cause: verify.CauseSender,
		Sentence: "The request has " + field + ", as those have that are for " + strings.Join(names, " or ") +
			": it is of another sender than the scheme is for.",
	}, true
}

// recognize returns the providers whose signatures are in a header, and the
// name of the field.
func recognize(h http.Header) (field string, found []*Profile) {
	// In the order of the documentation, and not at random.
	for _, p := range profiles {
		for _, name := range senderFields(p) {
			if (field == "" || name == field) && hasPrefix(h[name], p) {
				field, found = name, append(found, p)
			}
		}
	}
	return field, found
}

// senderFields returns the canonical names of the header fields that p is told
// by.
func senderFields(p *Profile) []string {
	if p.Signature == nil {
		return ownFields[p.Name]
	}
	var names []string
	for _, name := range p.Signature.Signature.Headers {
		if name = http.CanonicalHeaderKey(name); !slices.Contains(commonFields, name) {
			names = append(names, name)
		}
	}
	return names
}

// hasPrefix reports whether there are values, and they have what signatures of p
// begin with.
func hasPrefix(values []string, p *Profile) bool {
	if len(values) == 0 || p.Signature == nil {
		return len(values) > 0
	}
	return strings.Contains(values[0], p.Signature.Signature.Prefix)
}

// commonFields have names that anybody might choose.
var commonFields = []string{"Authorization", "Signature", "X-Signature"}

// ownFields are those of the providers with code of their own.
var ownFields = map[string][]string{
	"twilio":      {"X-Twilio-Signature"},
	"signalwire":  {"X-Signalwire-Signature"},
	"plivo":       {"X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"},
	"plivo_v2":    {"X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"},
	"messagebird": {"Messagebird-Signature-Jwt"},
	"gatewayapi":  {"X-Gwapi-Signature"},
	"telegram":    {"X-Telegram-Bot-Api-Secret-Token"},
	"gitlab":      {"X-Gitlab-Token"},
	"asana":       {hookSignature},
	"aws_sns":     {"X-Amz-Sns-Message-Type"},
	"fusionauth":  {"X-Fusionauth-Signature-Jwt"},
	"paypal":      {"Paypal-Transmission-Sig"},
	"deepgram":    {"Dg-Token"},
}

var _ verify.Explainer = (*Verifier)(nil)
