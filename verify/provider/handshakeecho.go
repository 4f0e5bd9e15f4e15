package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// metaHandshake answers the verification request of Meta: the challenge, if the
// request has the token that was chosen in the App Dashboard.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
type metaHandshake struct{ tokens [][sha256.Size]byte }

func newMetaHandshake(verifyTokens ...string) (*metaHandshake, error) {
	if err := checkSecrets(verifyTokens); err != nil {
		return nil, err
	}
	h := &metaHandshake{tokens: make([][sha256.Size]byte, len(verifyTokens))}
	for i, token := range verifyTokens {
		h.tokens[i] = sha256.Sum256([]byte(token))
	}
	return h, nil
}

func (h *metaHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodGet || !strings.Contains(r.Query(), "hub.") {
		return nil, nil
	}
	params, ok := singleParams(r, "hub.mode", "hub.verify_token", "hub.challenge")
	if !ok {
		return nil, refused("hub.*")
	}
	mode, challenge := params[0], params[2]
	sent, found := sha256.Sum256([]byte(params[1])), 0
	for i := range h.tokens {
		found |= subtle.ConstantTimeCompare(h.tokens[i][:], sent[:])
	}
	switch {
	case found == 0:
		return nil, refused("hub.verify_token")
	case mode != "subscribe":
		return nil, refused("hub.mode")
	case !isToken(challenge, maxToken):
		return nil, refused("hub.challenge")
	}
	return respondText(challenge), nil
}

// dropboxHandshake echoes the challenge of Dropbox.
// https://www.dropbox.com/developers/reference/webhooks
type dropboxHandshake struct{}

func (dropboxHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodGet || !strings.Contains(r.Query(), "challenge=") {
		return nil, nil
	}
	params, ok := singleParams(r, "challenge")
	if !ok || !isToken(params[0], maxToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	return respondText(params[0]), nil
}

// graphHandshake echoes the validation token of Microsoft Graph, which comes
// when a subscription is made or renewed. Events have a body, and so are none
// of its business whatever their query is.
// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
type graphHandshake struct{}

// maxGraphToken is larger than maxToken, since the tokens are sentences:
// "Validation: Testing client application reachability for subscription
// Request-Id: …".
const maxGraphToken = 512

func (graphHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodPost || len(r.Body) > 0 || !strings.Contains(r.Query(), "validationToken=") {
		return nil, nil
	}
	params, ok := singleParams(r, "validationToken")
	if !ok || !isPlainText(params[0], maxGraphToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	return respondText(params[0]), nil
}

// isPlainText reports whether s has between 1 and limit printable ASCII
// characters, none of which means anything in HTML. Microsoft asks to escape
// those, but an escaped token would not be the one that is expected.
func isPlainText(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || strings.IndexByte(`<>&"'`, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// ringCentralHandshake echoes the validation token that RingCentral sends when
// a subscription is made. Events may have the same header field, with the token
// that was chosen for them, but always have a body.
// https://developers.ringcentral.com/guide/notifications/webhooks/creating-webhooks
type ringCentralHandshake struct{}

// validationToken is the header field, which is returned in the response.
const validationToken = "Validation-Token"

func (ringCentralHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodPost || len(r.Body) > 0 || len(r.Header[validationToken]) == 0 {
		return nil, nil
	}
	// The limit also keeps the response below the 1024 bytes that are read.
	token, err := verify.HeaderValue(r.Header, validationToken)
	if err != nil || !isToken(token, maxToken) {
		return respondStatus(http.StatusBadRequest), nil
	}
	response := respondStatus(http.StatusOK)
	response.Header.Set(validationToken, token)
	return response, nil
}

// trelloHandshake answers the HEAD request that Trello makes when a webhook is
// created.
// https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/
type trelloHandshake struct{}

func (trelloHandshake) respond(_ context.Context, _ verify.Verifier, r *verify.Request, _ time.Time) (*verify.Response, error) {
	if r.Method != http.MethodHead {
		return nil, nil
	}
	return respondStatus(http.StatusOK), nil
}

// Interface guards
var (
	_ handshake = (*metaHandshake)(nil)
	_ handshake = dropboxHandshake{}
	_ handshake = graphHandshake{}
	_ handshake = ringCentralHandshake{}
	_ handshake = trelloHandshake{}
)
