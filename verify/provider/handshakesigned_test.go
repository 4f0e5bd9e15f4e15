package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

const (
	slackBody  = `{"token":"x","challenge":"3eZbrw1aBm2r","type":"url_verification"}`
	zoomBody   = `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1,"event":"endpoint.url_validation"}`
	twitchBody = `{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"status":"webhook_callback_verification_pending"}}`
)

func TestSlackHandshake(t *testing.T) {
	v := slackVerifier(t, "secret")
	other := slackVerifier(t, "other")
	padding := strings.Repeat(" ", maxHandshakeBody)
	testHandshake(t, slackHandshake{}, v, []handshakeCase{
		{"ok", signed(t, v, post(slackBody)), 200, "3eZbrw1aBm2r"},
		{"unsigned", post(slackBody), 401, ""},
		{"signed by another", signed(t, other, post(slackBody)), 401, ""},
		{"html", signed(t, v, post(`{"challenge":"<b>","type":"url_verification"}`)), 400, ""},
		{"no challenge", signed(t, v, post(`{"type":"url_verification"}`)), 400, ""},
		{"event that says so", signed(t, v, post(`{"type":"event_callback","text":"url_verification"}`)), 202, ""},
		{"forged event that says so", post(`{"type":"event_callback","text":"url_verification"}`), 401, ""},
		{"no json", signed(t, v, post(`"url_verification" {`)), 202, ""},
		{"large", signed(t, v, post(slackBody+padding)), 202, ""},
		{"get", signed(t, v, request(http.MethodGet, "/in", slackBody)), 202, ""},
	})
}

func TestZoomHandshake(t *testing.T) {
	h := made[*zoomHandshake](t)(newZoomHandshake("old", "new"))
	v := zoomVerifier(t, "old", "new")
	token := func(s string) string {
		return fmt.Sprintf(`{"event":"endpoint.url_validation","payload":{"plainToken":%q}}`, s)
	}
	encrypted := func(secret, token string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token))
		return fmt.Sprintf(`{"plainToken":%q,"encryptedToken":"%s"}`, token, hex.EncodeToString(mac.Sum(nil)))
	}
	const plain = "qgg8vlvZRS6UYooatFL8Aw"
	testHandshake(t, h, v, []handshakeCase{
		{"ok", signed(t, v, post(zoomBody)), 200, encrypted("old", plain)},
		{"secret that signed", signed(t, zoomVerifier(t, "new"), post(zoomBody)), 200, encrypted("new", plain)},
		{"longest", signed(t, v, post(token(longest[:128]))), 200, encrypted("old", longest[:128])},
		{"unsigned", post(zoomBody), 401, ""},
		{"signed by another", signed(t, zoomVerifier(t, "x"), post(zoomBody)), 401, ""},
		{"too long", signed(t, v, post(token(longest[:129]))), 400, ""},
		{"signed content", signed(t, v, post(token("v0:1700000000:{}"))), 400, ""},
		{"empty", signed(t, v, post(token(""))), 400, ""},
		{"number", signed(t, v, post(strings.Replace(zoomBody, `"qgg8vlvZRS6UYooatFL8Aw"`, "1", 1))), 202, ""},
		{"event", signed(t, v, post(`{"event":"meeting.started","topic":"endpoint.url_validation"}`)), 202, ""},
	})
	// The table must give both the same secrets.
	response, err := made[*zoomHandshake](t)(newZoomHandshake("old")).
		respond(t.Context(), v, signed(t, zoomVerifier(t, "new"), post(zoomBody)), handshakeTime)
	require.ErrorContains(t, err, "other secrets")
	require.Nil(t, response)
}

func TestTwitchHandshake(t *testing.T) {
	v := twitchVerifier(t, "secret")
	send := func(messageType, body string) *verify.Request {
		return signed(t, v, post(body, twitchMessageType, messageType))
	}
	const verification = "webhook_callback_verification"
	testHandshake(t, twitchHandshake{}, v, []handshakeCase{
		{"ok", send(verification, twitchBody), 200, "pogchamp-kappa-360noscope-vohiyo"},
		{"unsigned", post(twitchBody, twitchMessageType, verification), 401, ""},
		{"signed by another", signed(t, twitchVerifier(t, "x"), post(twitchBody, twitchMessageType, verification)), 401, ""},
		{"html", send(verification, `{"challenge":"<b>"}`), 400, ""},
		{"empty", send(verification, `{"challenge":""}`), 400, ""},
		// Nobody signs the type, so others can give it to an event.
		{"event with the type", send(verification, `{"event":{"challenge":"x"}}`), 202, ""},
		{"event with all of it", send(verification, `{"event":{},"challenge":"x"}`), 202, ""},
		{"event", send("notification", twitchBody), 202, ""},
		{"revocation", send("revocation", `{"subscription":{}}`), 202, ""},
	})
}

func TestOktaHandshake(t *testing.T) {
	v := tokenVerifier(t, "Authorization", "secret")
	testHandshake(t, oktaHandshake{}, v, []handshakeCase{
		{"ok", get("/in", oktaChallenge, "Me_rShK8-x", "Authorization", "secret"), 200, `{"verification":"Me_rShK8-x"}`},
		{"no credentials", get("/in", oktaChallenge, "a"), 401, ""},
		{"wrong credentials", get("/in", oktaChallenge, "a", "Authorization", "x"), 401, ""},
		{"two", get("/in", oktaChallenge, "a", oktaChallenge, "a", "Authorization", "secret"), 400, ""},
		{"quote", get("/in", oktaChallenge, `a"`, "Authorization", "secret"), 400, ""},
		{"empty", get("/in", oktaChallenge, "", "Authorization", "secret"), 400, ""},
		{"too long", get("/in", oktaChallenge, "x"+longest, "Authorization", "secret"), 400, ""},
		{"event", post("{}", oktaChallenge, "a", "Authorization", "secret"), 202, ""},
	})
}

func TestDiscordHandshake(t *testing.T) {
	v := discordVerifier(t)
	send := func(body string) *verify.Request {
		r := post(body)
		require.NoError(t, v.SignWith(discordKey, r, handshakeTime))
		return r
	}
	tampered := send(`{"type":2,"data":{}}`)
	tampered.Body = []byte(`{"type":1}`)
	testHandshake(t, discordHandshake{}, v, []handshakeCase{
		{"interaction", send(`{"id":"1","type":1,"user":{"id":"2"},"version":1}`), 200, `{"type":1}`},
		{"webhook", send(`{"version":1,"application_id":"1","type":0}`), 204, ""},
		{"unsigned", post(`{"type":1}`), 401, ""},
		{"tampered", tampered, 401, ""},
		{"command", send(`{"type":2,"data":{}}`), 202, ""},
		{"webhook event", send(`{"version":1,"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`), 202, ""},
		{"spaced webhook event", send(`{"type":1, "event" : {}}`), 202, ""},
		{"data", send(`{"type":1,"data":{}}`), 202, ""},
		{"two types", send(`{"type":1,"type":2}`), 202, ""},
		{"no json", send(`{"type":1`), 202, ""},
		{"no object", send(`[{"type":1}]`), 202, ""},
		{"text", send(`{"type":"1"}`), 202, ""},
		{"empty", send(""), 202, ""},
		{"get", get("/in"), 401, ""},
	})
}

func TestEmptyBatchHandshake(t *testing.T) {
	for _, field := range []string{"X-Xero-Signature", "X-Line-Signature"} {
		v := base64Verifier(t, field, "secret")
		testHandshake(t, emptyBatchHandshake{}, v, []handshakeCase{
			{"ok", signed(t, v, post(`{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "S0m3"}`)), 200, ""},
			{"spaced", signed(t, v, post("{\r\n\t\"events\" : [ ]}")), 200, ""},
			{"unsigned", post(`{"events":[]}`), 401, ""},
			{"signed by another", signed(t, base64Verifier(t, field, "x"), post(`{"events":[]}`)), 401, ""},
			{"event", signed(t, v, post(`{"events":[{"id":1}]}`)), 202, ""},
			{"nested", signed(t, v, post(`{"events":[{"events":[]}]}`)), 202, ""},
			{"elsewhere", signed(t, v, post(`{"x":{"events":[]}}`)), 202, ""},
			{"in text", signed(t, v, post(`{"text":"\"events\":[]"}`)), 202, ""},
			{"no json", signed(t, v, post(`{"events":[]`)), 202, ""},
		})
	}
}

// amazon counts what is got.
type amazon struct {
	urls []string
	err  error
}

func (a *amazon) Get(_ context.Context, url string, limit int64) ([]byte, error) {
	if limit <= 0 {
		return nil, errors.New("no limit")
	}
	a.urls = append(a.urls, url)
	return nil, a.err
}

const (
	snsTopic     = "arn:aws:sns:us-east-2:123456789012:MyTopic"
	subscribeURL = "https://sns.us-east-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=2336412f"
)

func snsMessageOf(messageType, url string) string {
	return fmt.Sprintf(
		`{"Type":%q,"MessageId":"1","TopicArn":%q,"Message":"m","SubscribeURL":%q,"Token":"2336412f",`+
			`"Timestamp":"2012-04-26T20:45:04.751Z","SignatureVersion":"2","Signature":"c2ln","SigningCertURL":"x"}`,
		messageType, snsTopic, url)
}

// trustingSNS takes every message for one that Amazon signed.
type trustingSNS struct{ *sns }

func (trustingSNS) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	return anyone{}.Verify(ctx, r, now)
}

func newTrustingSNS(t testing.TB) trustingSNS {
	return trustingSNS{made[*sns](t)(newSNS("aws_sns", &amazon{}, snsTopic))}
}

func TestSNSHandshake(t *testing.T) {
	v := newTrustingSNS(t)
	confirm := func(url string) *verify.Request { return post(snsMessageOf(snsSubscription, url)) }
	for name, c := range map[string]struct {
		request *verify.Request
		status  int
		urls    []string
	}{
		"ok":             {confirm(subscribeURL), 200, []string{subscribeURL}},
		"other region":   {confirm(strings.Replace(subscribeURL, "east", "west", 1)), 403, nil},
		"other action":   {confirm(strings.Replace(subscribeURL, "Confirm", "Delete", 1)), 403, nil},
		"unsubscription": {post(snsMessageOf(snsUnsubscription, subscribeURL)), 200, nil},
		"notification":   {post(snsMessageOf(snsNotification, subscribeURL)), 202, nil},
		"says so":        {post(strings.Replace(snsMessageOf(snsNotification, "x"), `"m"`, `"SubscriptionConfirmation"`, 1)), 202, nil},
		// What is signed is not what other parsers would take.
		"two types": {
			post(strings.Replace(snsMessageOf(snsNotification, subscribeURL), "{", `{"Type":"SubscriptionConfirmation",`, 1)), 401, nil,
		},
		"other case": {
			post(strings.Replace(snsMessageOf(snsNotification, subscribeURL), "{", `{"type":"SubscriptionConfirmation",`, 1)), 202, nil,
		},
		"no json": {post(`"SubscriptionConfirmation"`), 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var client amazon
			got := answer(t, snsHandshake{client: &client}, v, c.request, handshakeTime)
			require.Equal(t, c.status, got.Status)
			require.Empty(t, got.Body)
			require.Equal(t, c.urls, client.urls)
		})
	}
	for name, c := range map[string]struct {
		verifier verify.Verifier
		err      error
		status   int
		got      int
	}{
		"not verified":  {tokenVerifier(t, "X-Token", "x"), nil, 401, 0},
		"other scheme":  {anyone{}, nil, 503, 0},
		"not confirmed": {v, errors.New("answered with status 500, not 200"), 503, 1},
	} {
		t.Run(name, func(t *testing.T) {
			client := amazon{err: c.err}
			got := answer(t, snsHandshake{client: &client}, c.verifier, confirm(subscribeURL), handshakeTime)
			require.Equal(t, c.status, got.Status)
			require.Len(t, client.urls, c.got)
		})
	}
}
