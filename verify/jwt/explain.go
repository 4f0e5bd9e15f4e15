package jwt

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// Causes of refusals beside those of package verify.
const (
	causeExpired   verify.Cause = "token_expired"
	causeIssuer    verify.Cause = "token_issuer"
	causeAudience  verify.Cause = "token_audience"
	causeAlgorithm verify.Cause = "token_algorithm"
)

// Explain implements [verify.Explainer].
func (v *Verifier) Explain(ctx context.Context, r *verify.Request, now time.Time, refused *verify.Error) (verify.Hint, bool) {
	text, err := token.Find(r.Header, v.header)
	if err != nil {
		return verify.Hint{}, false
	}
	switch refused.Reason {
	case verify.ReasonAlgorithm:
		return v.explainAlgorithm(text)
	case verify.ReasonMismatch:
		return v.explainSecret(ctx, r, now)
	case verify.ReasonExpired, verify.ReasonFuture, verify.ReasonClaim:
		// These come after the signature was checked, so the claims are
		// authentic.
		t, err := v.parse(text)
		if err != nil {
			return verify.Hint{}, false
		}
		claims, err := token.Decode(t.payload)
		if err != nil {
			return verify.Hint{}, false
		}
		return v.explainClaim(claims, now, refused)
	default:
		return verify.Hint{}, false
	}
}

// explainAlgorithm says which algorithm the token names, if it is one.
func (v *Verifier) explainAlgorithm(text string) (verify.Hint, bool) {
	header, _, _ := strings.Cut(text, ".")
	decoded, err := base64url.DecodeString(header)
	if err != nil {
		return verify.Hint{}, false
	}
	members, err := token.Decode(decoded)
	if err != nil {
		return verify.Hint{}, false
	}
	name, err := members.String("alg")
	if err != nil || (Algorithm(name).Validate() != nil && name != "none") {
		return verify.Hint{}, false
	}
	allowed := make([]string, len(v.algorithms))
	for i, a := range v.algorithms {
		allowed[i] = string(a)
	}
	return verify.Hint{Cause: causeAlgorithm, Sentence: fmt.Sprintf(
		"The token is signed with the algorithm %s, and only %s may be used.", name, strings.Join(allowed, ", "),
	)}, true
}

// explainSecret tries the shared secrets as they may be meant.
func (v *Verifier) explainSecret(ctx context.Context, r *verify.Request, now time.Time) (verify.Hint, bool) {
	keys, ok := v.keys.(staticKeys)
	if !ok || !v.algorithms[0].Symmetric() {
		return verify.Hint{}, false
	}
	trial := verify.SecretTrial{Encoding: v.keyEncoding, Build: func(key []byte) (verify.Verifier, error) {
		other := *v
		other.keys = staticKeys{{position: 1, material: key}}
		return &other, nil
	}}
	for _, k := range keys {
		trial.Secrets = append(trial.Secrets, encodeSecret(v.keyEncoding, k.material.([]byte)))
	}
	return trial.Explain(ctx, r, now)
}

// encodeSecret returns the text of a secret, but for the case of hexadecimal
// digits.
func encodeSecret(e verify.KeyEncoding, secret []byte) string {
	switch e {
	case verify.KeyBase64:
		return base64.StdEncoding.EncodeToString(secret)
	case verify.KeyHex:
		return hex.EncodeToString(secret)
	default:
		return string(secret)
	}
}

func (v *Verifier) explainClaim(claims token.Claims, now time.Time, refused *verify.Error) (verify.Hint, bool) {
	name := refused.Field
	switch refused.Reason {
	case verify.ReasonExpired, verify.ReasonFuture:
		t, err := claims.Time(name)
		if err != nil {
			return verify.Hint{}, false
		}
		distance := int64(now.Sub(t) / time.Second)
		if refused.Reason == verify.ReasonExpired {
			return verify.Hint{Cause: causeExpired, Sentence: fmt.Sprintf(
				"The token is authentic, but expired %d s ago: its claim exp is %d. It was sent late or again, or a clock is wrong.", distance, t.Unix(),
			)}, true
		}
		return verify.Hint{Cause: verify.CauseAhead, Sentence: fmt.Sprintf(
			"The token is authentic, but its claim %s is %d, which is %d s ahead of the clock here: that clock is wrong, or the sender's.", name, t.Unix(), -distance,
		)}, true
	}
	switch name {
	case "iss":
		return wrongClaim(causeIssuer, claims, name, v.rules.Issuers), true
	case "aud":
		return wrongClaim(causeAudience, claims, name, v.rules.Audiences), true
	default:
		return verify.Hint{}, false
	}
}

// wrongClaim returns the hint for an issuer or audience, which are no secrets.
func wrongClaim(cause verify.Cause, claims token.Claims, name string, required []string) verify.Hint {
	const longest = 200 // bytes of what is shown of a claim
	shown := []byte("not there")
	if value, ok := claims[name]; ok {
		shown, _ = json.Marshal(value)
	}
	if len(shown) > longest {
		shown = append(shown[:longest:longest], "..."...)
	}
	expected, _ := json.Marshal(required)
	return verify.Hint{Cause: cause, Sentence: fmt.Sprintf(
		"The token is authentic, but its claim %s is %s, and one of %s is required.", name, strings.ToValidUTF8(string(shown), ""), expected,
	)}
}

var _ verify.Explainer = (*Verifier)(nil)
