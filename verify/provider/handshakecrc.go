package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// crcHandshake answers the challenge-response check that X makes every hour.
// https://docs.x.com/x-api/webhooks/quickstart
//
// Nobody signs the check, and the key of the answer is that of the events, so
// anybody can have anything signed that passes for a token. What does is
// therefore never accepted as the body of an event, and can't be by its form:
// events are JSON objects.
type crcHandshake struct{ secret []byte }

// newCRCHandshake takes the consumer secrets of the app. Checks are answered
// with the first, which must be the one in use.
func newCRCHandshake(secrets ...string) (*crcHandshake, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	return &crcHandshake{secret: []byte(secrets[0])}, nil
}

func (h *crcHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if isToken(r.Body, maxToken) {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
	}
	if r.Method != http.MethodGet || !strings.Contains(r.Query(), "crc_token=") {
		return nil, nil
	}
	params, ok := singleParams(r, "crc_token")
	if !ok || !isToken(params[0], maxToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	mac := hmac.New(sha256.New, h.secret)
	_, _ = mac.Write([]byte(params[0])) // a hash never fails
	token := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return respondJSON([]byte(`{"response_token":"sha256=` + token + `"}`)), nil
}

// Interface guard
var _ handshake = (*crcHandshake)(nil)
