package provider

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// namedHandshake is a handshake with the verifier of the provider's events.
type namedHandshake struct {
	name      string
	handshake handshake
	verifier  verify.Verifier
	// signed is set if nothing is answered but what the verifier accepts.
	signed bool
}

func allHandshakes(t testing.TB) []namedHandshake {
	file := filepath.Join(t.TempDir(), "asana")
	require.NoError(t, createSecretFile(file, "secret"))
	asana := newEnrollment(t, file)
	hub := signatureVerifier(t, verify.SignatureConfig{Signature: inField("X-Hub-Signature")}, "secret")
	token := tokenVerifier(t, "X-Token", "secret")
	return []namedHandshake{
		{"meta", made[*metaHandshake](t)(newMetaHandshake("token")), hub, false},
		{"dropbox", dropboxHandshake{}, hub, false},
		{"ms_graph", graphHandshake{}, token, false},
		{"ringcentral", ringCentralHandshake{}, token, false},
		{"trello", trelloHandshake{}, hub, false},
		{"cloudevents", made[*cloudEventsHandshake](t)(newCloudEventsHandshake([]string{"a.example"}, 1)), token, false},
		{"x", made[*crcHandshake](t)(newCRCHandshake("secret")), base64Verifier(t, "X-Twitter-Webhooks-Signature", "secret"), false},
		{"slack", slackHandshake{}, slackVerifier(t, "secret"), true},
		{"zoom", made[*zoomHandshake](t)(newZoomHandshake("secret")), zoomVerifier(t, "secret"), true},
		{"twitch", twitchHandshake{}, twitchVerifier(t, "secret"), true},
		{"okta", oktaHandshake{}, token, true},
		{"discord", discordHandshake{}, discordVerifier(t), true},
		{"xero", emptyBatchHandshake{}, base64Verifier(t, "X-Xero-Signature", "secret"), true},
		{"sns", snsHandshake{client: &amazon{}}, hub, true},
		{"asana", asana, asana, false},
	}
}

// FuzzHandshake sends anything to all handshakes, once as a forgery and once as
// if it were signed, and looks at what they would say to whom.
func FuzzHandshake(f *testing.F) {
	for _, body := range []string{
		"", "{}", slackBody, zoomBody, twitchBody, `{"type":1}`, `{"type":0}`, `{"events":[]}`, "abc",
		snsMessageOf(snsSubscription, subscribeURL), snsMessageOf(snsUnsubscription, subscribeURL),
	} {
		f.Add(http.MethodPost, "validationToken=a", "", "", body)
	}
	f.Add(http.MethodGet, "hub.mode=subscribe&hub.verify_token=token&hub.challenge=1&crc_token=a&challenge=b", oktaChallenge, "c", "")
	f.Add(http.MethodPost, "", validationToken, "a", "")
	f.Add(http.MethodPost, "", hookSecret, "a", "")
	f.Add(http.MethodPost, "", twitchMessageType, "webhook_callback_verification", twitchBody)
	f.Add(http.MethodOptions, "", requestOrigin, "a.example", "")
	f.Add(http.MethodHead, "", requestRate, "1", "")
	all, trusting := allHandshakes(f), newTrustingSNS(f)
	f.Fuzz(func(t *testing.T, method, query, field, value, body string) {
		r := request(method, "/in?"+query, body)
		r.Header.Add(field, value)
		for _, h := range all {
			response, err := h.handshake.respond(t.Context(), h.verifier, r, handshakeTime)
			require.False(t, response != nil && err != nil, h.name)
			if h.signed {
				require.Nil(t, response, "%s answered what nobody signed", h.name)
			}
			if method == http.MethodPost && body != "" && response != nil {
				require.NotEqual(t, http.StatusOK, response.Status, "%s answered what may be an event", h.name)
			}
			checkResponse(t, h.name, response)
			response, _ = h.handshake.respond(t.Context(), trusting, r, handshakeTime)
			checkResponse(t, h.name, response)
		}
	})
}

// checkResponse checks that a response means nothing to anybody but the
// provider.
func checkResponse(t *testing.T, name string, response *verify.Response) {
	if response == nil {
		return
	}
	if response.Status != http.StatusOK {
		require.Empty(t, response.Body, name)
	}
	require.NotContains(t, string(response.Body), "<", name)
	require.Less(t, len(response.Body), 1024, name)
	for field, values := range response.Header {
		require.Len(t, values, 1, field)
		require.Regexp(t, `^[A-Za-z0-9_./-]+$`, values[0], field+" of "+name)
	}
}

// TestOrdinaryEventsAreNoHandshakes has events that look like handshakes on the
// outside.
func TestOrdinaryEventsAreNoHandshakes(t *testing.T) {
	target := "/in?hub.mode=subscribe&hub.verify_token=token&hub.challenge=1&crc_token=a&challenge=b&validationToken=c"
	for _, h := range allHandshakes(t) {
		r := request(http.MethodPost, target, `{"id":1}`)
		for _, field := range []string{validationToken, oktaChallenge, requestOrigin} {
			r.Header.Set(field, "x")
		}
		response, err := h.handshake.respond(t.Context(), anyone{}, r, handshakeTime)
		require.NoError(t, err, h.name)
		require.Nil(t, response, h.name)
	}
}

func BenchmarkOrdinaryEvent(b *testing.B) {
	r := post(`{"type":2,"event":{"id":"` + strings.Repeat("x", 900) + `"},"events":[` + strings.Repeat(`{"id":1},`, 12) + `{}]}`)
	now := time.Now()
	for _, h := range allHandshakes(b) {
		b.Run(h.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if response, err := h.handshake.respond(b.Context(), h.verifier, r, now); response != nil || err != nil {
					b.Fatal(response, err)
				}
			}
		})
	}
}

// TestOrdinaryEventsCostNothing keeps handshakes off the way of events.
func TestOrdinaryEventsCostNothing(t *testing.T) {
	r := post(`{"type":1,"event":{"id":"` + strings.Repeat("x", 900) + `"},"events":[` + strings.Repeat(`{"id":1},`, 12) + `{}]}`)
	for _, h := range allHandshakes(t) {
		require.Zero(t, testing.AllocsPerRun(10, func() {
			_, _ = h.handshake.respond(t.Context(), h.verifier, r, handshakeTime)
		}), h.name)
	}
}
