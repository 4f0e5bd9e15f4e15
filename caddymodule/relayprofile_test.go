package caddymodule

import (
	"net/http"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

func TestRelayTakesDefaultsFromProfiles(t *testing.T) {
	for name, tt := range map[string]struct {
		handler  Relay
		identity verify.Identity
		body     string
		header   []string
		status   int
		id, typ  string
	}{
		"id and type in the body": {
			identity: verify.Identity{Scheme: "stripe"}, body: `{"id":"evt_1","type":"charge.succeeded"}`,
			status: 202, id: "evt_1", typ: "charge.succeeded",
		},
		"id of the verifier": {
			identity: verify.Identity{Scheme: "github", ID: "d1"}, header: []string{"X-GitHub-Event", "push"},
			status: 202, id: "d1", typ: "push",
		},
		"status": {
			identity: verify.Identity{Scheme: "slack"}, body: `{"event_id":"Ev1","event":{"type":"message"}}`,
			status: 200, id: "Ev1", typ: "message",
		},
		"the configuration comes first": {
			handler: Relay{
				ID: "{event.json.other}", Type: "fixed", Respond: Responses{Accepted: &Response{Status: http.StatusCreated}},
			},
			identity: verify.Identity{Scheme: "slack"}, body: `{"event_id":"Ev1","other":"o1"}`,
			status: 201, id: "o1", typ: "fixed",
		},
		"no id there": {
			identity: verify.Identity{Scheme: "stripe"}, body: `{"type":"x"}`, header: []string{"Idempotency-Key", "k1"},
			status: 202, id: "k1", typ: "x",
		},
		"id of a token for many messages": {
			identity: verify.Identity{Scheme: "jwt", ID: "jti", IDSigned: true}, body: `{}`, header: []string{"Webhook-Id", "w1"},
			status: 202, id: "w1",
		},
		"id of a token for one message": {
			identity: verify.Identity{Scheme: "jwt", ID: "jti", IDSigned: true, Digest: [32]byte{1}}, body: `{}`, header: []string{"Webhook-Id", "w1"},
			status: 202, id: "jti",
		},
		"CloudEvent": {
			identity: verify.Identity{Scheme: "cloudevents"}, header: []string{"Ce-Id", "1", "Ce-Source", "/a", "Ce-Type", "x"},
			status: 202, id: "/a 1", typ: "x",
		},
		"CloudEvent without a source": {
			identity: verify.Identity{Scheme: "cloudevents"}, header: []string{"Ce-Id", "1"},
			status: 202, id: "1",
		},
		"another scheme": {
			identity: verify.Identity{Scheme: "hmac"}, body: `{"id":"evt_1","type":"x"}`, header: []string{"Webhook-Id", "w1"},
			status: 202, id: "w1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newTestRelay(t, &tt.handler)
			r := newEventRequest(tt.body, tt.header...)
			newVerification(r).publish(r, tt.identity)
			w, err := offer(h, r)
			require.NoError(t, err)
			require.Equal(t, tt.status, w.Code)
			<-c.got
			require.Equal(t, []string{tt.id, tt.typ}, []string{c.events[0].ID, c.events[0].Type})
		})
	}
}

// TestUnverifiedRequestsHaveNoProfile sees to it that a request which no verifier
// let pass is nobody's.
func TestUnverifiedRequestsHaveNoProfile(t *testing.T) {
	h, c := newTestRelay(t, &Relay{})
	r := newEventRequest(`{"id":"evt_1","type":"charge.succeeded"}`)
	newVerification(r)
	w, err := offer(h, r)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, w.Code)
	<-c.got
	require.NotEqual(t, "evt_1", c.events[0].ID)
	require.Empty(t, c.events[0].Type)
}

// TestCheckedTokensAreNotKept sees to it that a token which a verifier has
// checked is not stored with the event.
func TestCheckedTokensAreNotKept(t *testing.T) {
	signed := signJWT(t, "s3cret", gojwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()})
	for scheme, header := range map[string][2]string{
		`{"name":"gitlab","secrets":["s3cret"]}`:                                             {"X-Gitlab-Token", "s3cret"},
		`{"name":"gatewayapi","secrets":["s3cret"]}`:                                         {"X-Gwapi-Signature", signed},
		`{"name":"jwt","secrets":["s3cret"],"algorithms":["HS256"],"header":"X-Hook-Token"}`: {"X-Hook-Token", signed},
	} {
		h, c := newTestRelay(t, &Relay{})
		v := newVerify(t, `{"scheme":`+scheme+`}`)
		r := newEventRequest("{}", header[0], header[1], "X-Gitlab-Event", "Push Hook")
		requireAnswer(t, r, http.StatusAccepted, false, v, h)
		<-c.got
		require.NotContains(t, string(c.events[0].Header), header[1])
		require.Equal(t, "Push Hook", c.events[0].Header.Get("X-Gitlab-Event"))
	}
}
