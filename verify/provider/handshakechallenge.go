package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// slackHandshake echoes the challenge of Slack.
// https://docs.slack.dev/reference/events/url_verification
type slackHandshake struct{}

func (slackHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if !mayHold(r, `"url_verification"`) {
		return nil, nil
	}
	var body struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	_, ok, err := decodeVerified(ctx, v, r, now, &body)
	switch {
	case err != nil:
		return nil, err
	case !ok || body.Type != "url_verification":
		return nil, nil
	case !isToken(body.Challenge, maxToken):
		return respondStatus(http.StatusBadRequest), nil
	}
	return respondText(body.Challenge), nil
}

// zoomHandshake answers the validation that Zoom repeats every 72 hours.
// https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
//
// The key of the answer is that of the events, so only what Zoom signed is
// answered, and only a token that can't be the signed content of an event,
// which has colons.
type zoomHandshake struct{ secrets []string }

// newZoomHandshake takes the secret tokens of the app, in the order in which the
// verifier has them.
func newZoomHandshake(secrets ...string) (*zoomHandshake, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	return &zoomHandshake{secrets: secrets}, nil
}

// maxZoomToken is half of maxToken, still far beyond the 22 characters of
// Zoom's tokens.
const maxZoomToken = 128

func (h *zoomHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if !mayHold(r, `"endpoint.url_validation"`) {
		return nil, nil
	}
	var body struct {
		Event   string `json:"event"`
		Payload struct {
			PlainToken string `json:"plainToken"`
		} `json:"payload"`
	}
	identity, ok, err := decodeVerified(ctx, v, r, now, &body)
	token := body.Payload.PlainToken
	switch {
	case err != nil:
		return nil, err
	case !ok || body.Event != "endpoint.url_validation":
		return nil, nil
	case !isToken(token, maxZoomToken):
		return respondStatus(http.StatusBadRequest), nil
	case identity.Key < 1 || identity.Key > len(h.secrets):
		return nil, errors.New("zoom: the verifier has other secrets than the handshake")
	}
	// During a rotation Zoom expects the secret that it signs with itself.
	mac := hmac.New(sha256.New, []byte(h.secrets[identity.Key-1]))
	_, _ = mac.Write([]byte(token)) // a hash never fails
	return respondJSON(fmt.Appendf(nil, `{"plainToken":%q,"encryptedToken":"%x"}`, token, mac.Sum(nil))), nil
}

// twitchHandshake echoes the challenge of Twitch. The header field that
// announces it is not signed, but without a signed challenge there is no answer.
// https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#responding-to-a-challenge-request
type twitchHandshake struct{}

const twitchMessageType = "Twitch-Eventsub-Message-Type"

func (twitchHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if r.Header.Get(twitchMessageType) != "webhook_callback_verification" || !mayHold(r, `"challenge"`) {
		return nil, nil
	}
	var body struct {
		Challenge *string         `json:"challenge"`
		Event     json.RawMessage `json:"event"`
	}
	_, ok, err := decodeVerified(ctx, v, r, now, &body)
	switch {
	case err != nil:
		return nil, err
	case !ok || body.Challenge == nil || body.Event != nil:
		return nil, nil
	case !isToken(*body.Challenge, maxToken):
		return respondStatus(http.StatusBadRequest), nil
	}
	return respondText(*body.Challenge), nil
}

// oktaHandshake echoes the challenge of Okta, which comes with the same
// credentials as events.
// https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request
type oktaHandshake struct{}

const oktaChallenge = "X-Okta-Verification-Challenge"

func (oktaHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if r.Method != http.MethodGet || len(r.Header[oktaChallenge]) == 0 {
		return nil, nil
	}
	if _, err := v.Verify(ctx, r, now); err != nil {
		return nil, err
	}
	challenge, err := verify.HeaderValue(r.Header, oktaChallenge)
	if err != nil || !isToken(challenge, maxToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	return respondJSON([]byte(`{"verification":"` + challenge + `"}`)), nil
}

// Interface guards
var (
	_ handshake = slackHandshake{}
	_ handshake = (*zoomHandshake)(nil)
	_ handshake = twitchHandshake{}
	_ handshake = oktaHandshake{}
)
