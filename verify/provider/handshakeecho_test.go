package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// longest is the longest token that is echoed.
var longest = strings.Repeat("Az09_-xy", maxToken/8)

func TestMetaHandshake(t *testing.T) {
	h := made[*metaHandshake](t)(newMetaHandshake("old", "new"))
	v := signatureVerifier(t, verify.SignatureConfig{Signature: inFieldAfter("X-Hub-Signature-256", "sha256=")}, "secret")
	const good = "/in?hub.mode=subscribe&hub.verify_token=new&hub.challenge=12"
	testHandshake(t, h, v, []handshakeCase{
		{"ok", get(good), 200, "12"},
		{"other token", get("/in?hub.mode=subscribe&hub.verify_token=old&hub.challenge=12"), 200, "12"},
		{"own parameter", get("/in?tenant=1&hub.mode=subscribe&hub.verify_token=new&hub.challenge=12"), 200, "12"},
		{"longest", get("/in?hub.mode=subscribe&hub.verify_token=new&hub.challenge=" + longest), 200, longest},
		{"too long", get("/in?hub.mode=subscribe&hub.verify_token=new&hub.challenge=x" + longest), 403, ""},
		{"wrong token", get("/in?hub.mode=subscribe&hub.verify_token=ne&hub.challenge=12"), 403, ""},
		{"empty token", get("/in?hub.mode=subscribe&hub.verify_token=&hub.challenge=12"), 403, ""},
		{"no token", get("/in?hub.mode=subscribe&hub.challenge=12"), 403, ""},
		{"no challenge", get("/in?hub.mode=subscribe&hub.verify_token=new"), 403, ""},
		{"empty challenge", get("/in?hub.mode=subscribe&hub.verify_token=new&hub.challenge="), 403, ""},
		{"unsubscribe", get("/in?hub.mode=unsubscribe&hub.verify_token=new&hub.challenge=12"), 403, ""},
		{"two tokens", get(good + "&hub.verify_token=x"), 403, ""},
		{"two challenges", get(good + "&hub.challenge=13"), 403, ""},
		{"two modes", get(good + "&hub.mode=subscribe"), 403, ""},
		{"line break", get("/in?hub.mode=subscribe&hub.verify_token=new&hub.challenge=1%0d%0a2"), 403, ""},
		{"bad escape", get(good + "&x=%zz"), 403, ""},
		{"semicolon", get(good + ";hub.challenge=13"), 403, ""},
		{"nothing", get("/in"), 401, ""},
		{"post", request(http.MethodPost, good, ""), 401, ""},
		{"head", request(http.MethodHead, good, ""), 401, ""},
		{"event", signed(t, v, request(http.MethodPost, good, "{}")), 202, ""},
	})
}

func TestMetaHandshakeWithoutVerifyToken(t *testing.T) {
	v, err := Lookup("meta").New(Settings{Secrets: []string{"secret"}})
	require.NoError(t, err)
	for _, token := range []string{"", "x"} {
		_, err = v.Handshake(t.Context(), get("/in?hub.mode=subscribe&hub.challenge=12&hub.verify_token="+token), handshakeTime)
		require.ErrorContains(t, err, "handshake_refused: hub.")
	}
	response, err := v.Handshake(t.Context(), request(http.MethodPost, "/in?hub.mode=subscribe", "{}"), handshakeTime)
	require.NoError(t, err)
	require.Nil(t, response)
}

func TestDropboxHandshake(t *testing.T) {
	v := signatureVerifier(t, verify.SignatureConfig{Signature: inField("X-Dropbox-Signature")}, "secret")
	testHandshake(t, dropboxHandshake{}, v, []handshakeCase{
		{"ok", get("/in?challenge=abc-1_2"), 200, "abc-1_2"},
		{"longest", get("/in?challenge=" + longest), 200, longest},
		{"too long", get("/in?challenge=x" + longest), 400, ""},
		{"empty", get("/in?challenge="), 400, ""},
		{"two", get("/in?challenge=a&challenge=a"), 400, ""},
		{"html", get("/in?challenge=%3Cscript%3E"), 400, ""},
		{"other name", get("/in?xchallenge=a"), 400, ""},
		{"nothing", get("/in"), 401, ""},
		{"post", request(http.MethodPost, "/in?challenge=abc", ""), 401, ""},
		{"event", signed(t, v, request(http.MethodPost, "/in?challenge=abc", "{}")), 202, ""},
	})
}

func TestGraphHandshake(t *testing.T) {
	v, err := verify.NewToken(verify.Selector{JSON: "/clientState"}, "state")
	require.NoError(t, err)
	probe := func(query string) *verify.Request { return request(http.MethodPost, "/in?"+query, "") }
	testHandshake(t, graphHandshake{}, v, []handshakeCase{
		{
			"ok", probe("validationToken=Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+522a8e7e-096a"),
			200, "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a",
		},
		{"opaque", probe("validationToken=a%2Fb%2Bc%3D%25"), 200, "a/b+c=%"},
		{"longest", probe("validationToken=" + longest + longest), 200, longest + longest},
		{"too long", probe("validationToken=x" + longest + longest), 400, ""},
		{"empty", probe("validationToken="), 400, ""},
		{"two", probe("validationToken=a&validationToken=a"), 400, ""},
		{"html", probe("validationToken=%3Cb%3E"), 400, ""},
		{"quote", probe("validationToken=%22"), 400, ""},
		{"ampersand", probe("validationToken=%26lt"), 400, ""},
		{"line break", probe("validationToken=a%0Ab"), 400, ""},
		{"not ascii", probe("validationToken=%C3%A4"), 400, ""},
		{"nothing", probe("x=1"), 401, ""},
		{"get", get("/in?validationToken=a"), 401, ""},
		{"forged event", request(http.MethodPost, "/in?validationToken=a", `{"clientState":"x"}`), 401, ""},
		{"event", request(http.MethodPost, "/in?validationToken=a", `{"clientState":"state"}`), 202, ""},
	})
}

func TestRingCentralHandshake(t *testing.T) {
	// The token of events may be in the same field.
	v := tokenVerifier(t, validationToken, "chosen")
	testHandshake(t, ringCentralHandshake{}, v, []handshakeCase{
		{"ok", post("", validationToken, "8c4ab0f1-95b8"), 200, ""},
		{"too long", post("", validationToken, "x"+longest), 400, ""},
		{"two", post("", validationToken, "a", validationToken, "a"), 400, ""},
		{"html", post("", validationToken, "<b>"), 400, ""},
		{"empty", post("", validationToken, ""), 400, ""},
		{"nothing", post(""), 401, ""},
		{"get", get("/in", validationToken, "a"), 401, ""},
		{"forged event", post("{}", validationToken, "a"), 401, ""},
		{"event", post("{}", validationToken, "chosen"), 202, ""},
	})
	got := answer(t, ringCentralHandshake{}, v, post("", validationToken, longest), handshakeTime)
	require.Equal(t, http.Header{validationToken: {longest}}, got.Header)
}

func TestTrelloHandshake(t *testing.T) {
	v := tokenVerifier(t, "X-Trello-Webhook", "signature")
	testHandshake(t, trelloHandshake{}, v, []handshakeCase{
		{"ok", request(http.MethodHead, "/in", ""), 200, ""},
		{"get", get("/in"), 401, ""},
		{"post", post(""), 401, ""},
		{"event", post("{}", "X-Trello-Webhook", "signature"), 202, ""},
	})
}

func TestCloudEventsHandshake(t *testing.T) {
	v := tokenVerifier(t, "Authorization", "Bearer token")
	ask := func(header ...string) *verify.Request { return request(http.MethodOptions, "/in", "", header...) }
	limited := made[*cloudEventsHandshake](t)(newCloudEventsHandshake([]string{"Events.example.com", "b.example"}, 100))
	unlimited := made[*cloudEventsHandshake](t)(newCloudEventsHandshake([]string{"b.example"}, 0))
	allow := func(fields ...string) http.Header {
		return request("", "", "", append(fields, "Allow", "POST")...).Header
	}
	for name, c := range map[string]struct {
		handshake *cloudEventsHandshake
		request   *verify.Request
		header    http.Header // nil if the status is 400
	}{
		"less than allowed": {
			limited, ask(requestOrigin, "b.example", requestRate, "99"),
			allow(allowedOrigin, "b.example", allowedRate, "99"),
		},
		"more than allowed": {
			limited, ask(requestOrigin, "EVENTS.example.com", requestRate, "101"),
			allow(allowedOrigin, "events.example.com", allowedRate, "100"),
		},
		"any rate": {
			unlimited, ask(requestOrigin, "b.example", requestRate, "5000"),
			allow(allowedOrigin, "b.example", allowedRate, "5000"),
		},
		"callback": {
			unlimited, ask(requestOrigin, "b.example", "WebHook-Request-Callback", "http://127.0.0.1/"),
			allow(allowedOrigin, "b.example"),
		},
		"subdomain":       {limited, ask(requestOrigin, "x.b.example", requestRate, "9"), allow()},
		"negative rate":   {limited, ask(requestOrigin, "b.example", requestRate, "-1"), nil},
		"signed rate":     {limited, ask(requestOrigin, "b.example", requestRate, "+1"), nil},
		"no rate":         {limited, ask(requestOrigin, "b.example", requestRate, "0"), nil},
		"empty rate":      {limited, ask(requestOrigin, "b.example", requestRate, ""), nil},
		"huge rate":       {limited, ask(requestOrigin, "b.example", requestRate, strings.Repeat("9", 30)), nil},
		"two rates":       {limited, ask(requestOrigin, "b.example", requestRate, "1", requestRate, "1"), nil},
		"two origins":     {limited, ask(requestOrigin, "b.example", requestOrigin, "x"), nil},
		"an empty origin": {limited, ask(requestOrigin, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := answer(t, c.handshake, v, c.request, handshakeTime)
			require.Empty(t, got.Body)
			if c.header == nil {
				require.Equal(t, http.StatusBadRequest, got.Status)
				require.Empty(t, got.Header)
				return
			}
			require.Equal(t, http.StatusOK, got.Status)
			require.Equal(t, c.header, got.Header)
		})
	}
	testHandshake(t, limited, v, []handshakeCase{
		{"preflight", ask("Origin", "https://b.example", "Access-Control-Request-Method", "POST"), 401, ""},
		{"post", post("{}", requestOrigin, "b.example"), 401, ""},
		{"event", post("{}", requestOrigin, "b.example", "Authorization", "Bearer token"), 202, ""},
	})
}

func TestCRCHandshake(t *testing.T) {
	h := made[*crcHandshake](t)(newCRCHandshake("consumer secret", "old secret"))
	v := base64Verifier(t, "X-Twitter-Webhooks-Signature", "consumer secret", "old secret")
	testHandshake(t, h, v, []handshakeCase{
		// printf foo | openssl dgst -sha256 -hmac 'consumer secret' -binary | base64
		{"ok", get("/in?crc_token=foo&nonce=bar"), 200, `{"response_token":"sha256=` + crcOfFoo + `"}`},
		{"json", get("/in?crc_token=%7B%22for_user_id%22%3A%221%22%7D"), 400, ""},
		{"form", get("/in?crc_token=a%3Db"), 400, ""},
		{"empty", get("/in?crc_token="), 400, ""},
		{"two", get("/in?crc_token=a&crc_token=b"), 400, ""},
		{"too long", get("/in?crc_token=x" + longest), 400, ""},
		{"space", get("/in?crc_token=a+b"), 400, ""},
		{"nothing", get("/in"), 401, ""},
		{"post", request(http.MethodPost, "/in?crc_token=foo", ""), 401, ""},
		{"event", signed(t, v, request(http.MethodPost, "/in?crc_token=foo", "{}")), 202, ""},
	})
}

const crcOfFoo = "Zfyi9VtVnf9hutO87+cWwEoyJTjz1OvMuANw5qCVeUE="

// TestCRCIsNoOracle sends the token and the answer of a check as an event.
func TestCRCIsNoOracle(t *testing.T) {
	h := made[*crcHandshake](t)(newCRCHandshake("consumer secret"))
	v := base64Verifier(t, "X-Twitter-Webhooks-Signature", "consumer secret")
	for _, token := range []string{"foo", "1", "null", longest} {
		got := answer(t, h, v, get("/in?crc_token="+token), handshakeTime)
		require.Equal(t, http.StatusOK, got.Status)
		signature := strings.TrimSuffix(strings.TrimPrefix(string(got.Body), `{"response_token":"`), `"}`)
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut} {
			r := request(method, "/in", token, "X-Twitter-Webhooks-Signature", signature)
			_, err := v.Verify(t.Context(), r, handshakeTime)
			require.NoError(t, err, "the verifier alone can't tell")
			require.Equal(t, http.StatusUnauthorized, answer(t, h, v, r, handshakeTime).Status)
		}
	}
}
