package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"github.com/caddy-relay/caddy-relay/verify"
)

// discordHandshake answers the PING of Discord, of both kinds of endpoints: for
// interactions, where 1 is the type of a PING, and for webhook events, where it
// is 0 and events have 1.
// https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint
// https://docs.discord.com/developers/events/webhook-events#preparing-for-events
type discordHandshake struct{}

func (discordHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if r.Method != http.MethodPost || len(r.Body) > maxHandshakeBody {
		return nil, nil
	}
	if t := gjson.GetBytes(r.Body, "type").Raw; (t != "0" && t != "1") || bytes.Contains(r.Body, []byte(`"event":`)) {
		return nil, nil
	}
	var body struct {
		Type  *int            `json:"type"`
		Event json.RawMessage `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	_, ok, err := decodeVerified(ctx, v, r, now, &body)
	switch {
	case err != nil:
		return nil, err
	case !ok || body.Type == nil || body.Event != nil || body.Data != nil:
		return nil, nil
	case *body.Type == 0:
		return respondStatus(http.StatusNoContent), nil
	case *body.Type == 1:
		return respondJSON([]byte(`{"type":1}`)), nil
	}
	return nil, nil
}

// emptyBatchHandshake answers what has the form of a batch of events but has
// none in it. This is how Xero asks for the intent to receive, with good and bad
// signatures, and how LINE verifies an endpoint. Xero wants no body.
// https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/
// https://developers.line.biz/en/docs/messaging-api/verify-webhook-url/
type emptyBatchHandshake struct{}

func (emptyBatchHandshake) respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error) {
	if !mayHold(r, `"events"`) || !hasEmptyEvents(r.Body) {
		return nil, nil
	}
	var body struct {
		Events []json.RawMessage `json:"events"`
	}
	_, ok, err := decodeVerified(ctx, v, r, now, &body)
	if err != nil {
		return nil, err
	}
	if !ok || body.Events == nil || len(body.Events) > 0 {
		return nil, nil
	}
	return respondStatus(http.StatusOK), nil
}

// hasEmptyEvents reports whether there is an empty array of events anywhere in a
// JSON text.
func hasEmptyEvents(text []byte) bool {
	for found := true; found; {
		if _, text, found = bytes.Cut(text, []byte(`"events"`)); found && beginsWith(text, ":[]") {
			return true
		}
	}
	return false
}

// beginsWith reports whether a JSON text goes on with tokens of one character
// each.
func beginsWith(text []byte, tokens string) bool {
	for i := range len(tokens) {
		text = bytes.TrimLeft(text, " \t\r\n")
		if len(text) == 0 || text[0] != tokens[i] {
			return false
		}
		text = text[1:]
	}
	return true
}

// Interface guards
var (
	_ handshake = discordHandshake{}
	_ handshake = emptyBatchHandshake{}
)
