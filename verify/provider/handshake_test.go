package provider

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

var handshakeTime = time.Unix(1_700_000_000, 0)

// The verifiers of the providers whose handshakes are signed.

func signatureVerifier(t testing.TB, c verify.SignatureConfig, secrets ...string) *verify.Signature {
	t.Helper()
	v, err := verify.NewSignature(c, secrets...)
	require.NoError(t, err)
	return v
}

func inField(name string) verify.Selector { return inFieldAfter(name, "") }

func inFieldAfter(name, prefix string) verify.Selector {
	return verify.Selector{Headers: []string{name}, Prefix: prefix}
}

func slackVerifier(t testing.TB, secrets ...string) *verify.Signature {
	return signatureVerifier(t, verify.SignatureConfig{
		Signature: inFieldAfter("X-Slack-Signature", "v0="),
		Signed:    "v0:{timestamp}:{body}",
		Timestamp: &verify.TimestampConfig{Selector: inField("X-Slack-Request-Timestamp")},
	}, secrets...)
}

func zoomVerifier(t testing.TB, secrets ...string) *verify.Signature {
	return signatureVerifier(t, verify.SignatureConfig{
		Signature: inFieldAfter("X-Zm-Signature", "v0="),
		Signed:    "v0:{timestamp}:{body}",
		Timestamp: &verify.TimestampConfig{Selector: inField("X-Zm-Request-Timestamp")},
	}, secrets...)
}

func twitchVerifier(t testing.TB, secrets ...string) *verify.Signature {
	id := inField("Twitch-Eventsub-Message-Id")
	return signatureVerifier(t, verify.SignatureConfig{
		Signature: inFieldAfter("Twitch-Eventsub-Message-Signature", "sha256="),
		Signed:    "{id}{timestamp}{body}",
		Timestamp: &verify.TimestampConfig{
			Selector:  inField("Twitch-Eventsub-Message-Timestamp"),
			Format:    verify.RFC3339,
			Tolerance: 10 * time.Minute,
		},
		ID: &id,
	}, secrets...)
}

// base64Verifier is that of X, Xero and LINE.
func base64Verifier(t testing.TB, field string, secrets ...string) *verify.Signature {
	return signatureVerifier(t, verify.SignatureConfig{
		Signature: inFieldAfter(field, map[bool]string{true: "sha256="}[strings.HasPrefix(field, "X-Twitter")]),
		Encoding:  verify.Base64,
	}, secrets...)
}

var discordKey = ed25519.NewKeyFromSeed([]byte("a seed that has exactly 32 bytes"))

func discordVerifier(t testing.TB) *verify.Signature {
	return signatureVerifier(t, verify.SignatureConfig{
		Algorithm:   verify.Ed25519,
		KeyEncoding: verify.KeyHex,
		Signature:   inField("X-Signature-Ed25519"),
		Signed:      "{timestamp}{body}",
		Timestamp:   &verify.TimestampConfig{Selector: inField("X-Signature-Timestamp")},
	}, hex.EncodeToString(discordKey.Public().(ed25519.PublicKey)))
}

func tokenVerifier(t testing.TB, field, token string) verify.Verifier {
	v, err := verify.NewToken(inField(field), token)
	require.NoError(t, err)
	return v
}

// anyone accepts everything, as if all of it were signed.
type anyone struct{}

func (anyone) Verify(context.Context, *verify.Request, time.Time) (verify.Identity, error) {
	return verify.Identity{Scheme: "anyone", Key: 1}, nil
}

// request makes a request with pairs of header names and values.
func request(method, target, body string, header ...string) *verify.Request {
	r := &verify.Request{
		Method: method, Scheme: "https", Host: "hooks.example.com", Target: target,
		Header: make(http.Header), Body: []byte(body),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func get(target string, header ...string) *verify.Request {
	return request(http.MethodGet, target, "", header...)
}

func post(body string, header ...string) *verify.Request {
	return request(http.MethodPost, "/in", body, header...)
}

// signed adds what the sender's signature consists of.
func signed(t testing.TB, v *verify.Signature, r *verify.Request) *verify.Request {
	t.Helper()
	require.NoError(t, v.Sign(r, handshakeTime))
	return r
}

func made[T any](t testing.TB) func(h T, err error) T {
	return func(h T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return h
	}
}

// answer is what a server makes of a request: the response of the handshake,
// or the status of its refusal or that of the verifier, or 202 for an event.
func answer(t testing.TB, h handshake, v verify.Verifier, r *verify.Request, now time.Time) *verify.Response {
	t.Helper()
	response, err := h.respond(t.Context(), v, r, now)
	if err == nil && response == nil {
		if _, err = v.Verify(t.Context(), r, now); err == nil {
			return respondStatus(http.StatusAccepted)
		}
	}
	if err == nil {
		return response
	}
	require.Nil(t, response)
	e, ok := errors.AsType[*verify.Error](err)
	switch {
	case !ok:
		return respondStatus(http.StatusServiceUnavailable)
	case e.Reason == verify.ReasonHandshake, e.Reason == verify.ReasonForbidden:
		return respondStatus(http.StatusForbidden)
	default:
		return respondStatus(http.StatusUnauthorized)
	}
}

// handshakeVector is a request with the answer it must get.
type handshakeVector struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Secret   string `json:"secret"`
	Now      int64  `json:"now"`
	Why      string `json:"why"`
	Request  struct {
		Method  string      `json:"method"`
		URL     string      `json:"url"`
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		JSON    json.RawMessage   `json:"json"`
	} `json:"response"`
	Config struct {
		AllowedOrigins []string `json:"allowed_origins"`
		Rate           int      `json:"rate"`
	} `json:"config"`
}

func (v *handshakeVector) handshake(t testing.TB) (h handshake, verifier verify.Verifier, err error) {
	switch v.Provider {
	case "meta":
		h, err = newMetaHandshake(v.Secret)
		return h, signatureVerifier(t, verify.SignatureConfig{Signature: inFieldAfter("X-Hub-Signature-256", "sha256=")}, "app secret"), err
	case "slack":
		return slackHandshake{}, slackVerifier(t, v.Secret), nil
	case "zoom":
		h, err = newZoomHandshake(v.Secret)
		return h, zoomVerifier(t, v.Secret), err
	case "cloudevents":
		h, err = newCloudEventsHandshake(v.Config.AllowedOrigins, v.Config.Rate)
		return h, tokenVerifier(t, "Authorization", "Bearer token"), err
	case "ringcentral":
		return ringCentralHandshake{}, tokenVerifier(t, "Verification-Token", "token"), nil
	case "discord":
		return discordHandshake{}, discordVerifier(t), nil
	}
	t.Fatalf("no handshake of %s", v.Provider)
	return nil, nil, nil
}

func TestHandshakeVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/handshakes.json")
	require.NoError(t, err)
	var vectors []handshakeVector
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			h, verifier, err := v.handshake(t)
			if v.ID == "meta/empty-secret" {
				require.ErrorContains(t, err, "empty") // refused before any request
				return
			}
			require.NoError(t, err)
			u, err := url.Parse(v.Request.URL)
			require.NoError(t, err)
			r := request(v.Request.Method, u.RequestURI(), v.Request.Body)
			for _, field := range v.Request.Headers {
				r.Header.Add(field[0], field[1])
			}
			got := answer(t, h, verifier, r, time.Unix(v.Now, 0))
			require.Equal(t, v.Response.Status, got.Status, v.Why)
			for name, value := range v.Response.Headers {
				require.Equal(t, value, got.Header.Get(name), v.Why)
			}
			if v.Response.JSON != nil {
				require.JSONEq(t, string(v.Response.JSON), string(got.Body), v.Why)
				return
			}
			require.Equal(t, v.Response.Body, string(got.Body), v.Why)
			for _, name := range []string{allowedOrigin, allowedRate} {
				if v.Response.Headers[strings.Replace(name, "Webhook", "WebHook", 1)] == "" {
					require.NotContains(t, got.Header, name, v.Why)
				}
			}
		})
	}
}

// handshakeCase is a request and what becomes of it: 202 if it is taken for an
// event that is authentic.
type handshakeCase struct {
	name    string
	request *verify.Request
	status  int
	body    string
}

func testHandshake(t *testing.T, h handshake, v verify.Verifier, cases []handshakeCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := answer(t, h, v, c.request, handshakeTime)
			require.Equal(t, c.status, got.Status)
			require.Equal(t, c.body, string(got.Body))
			require.Empty(t, got.Header["Set-Cookie"])
			if c.body != "" {
				require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
				require.Contains(t, []string{"text/plain", "application/json"}, got.Header.Get("Content-Type"))
			}
		})
	}
}

func TestRefusedHandshakeConfigurations(t *testing.T) {
	many := strings.Split(strings.Repeat("x", 17), "")
	for name, build := range map[string]func(secrets ...string) error{
		"meta": func(secrets ...string) error { _, err := newMetaHandshake(secrets...); return err },
		"zoom": func(secrets ...string) error { _, err := newZoomHandshake(secrets...); return err },
		"crc":  func(secrets ...string) error { _, err := newCRCHandshake(secrets...); return err },
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, build(), "no secret")
			err := build("sEcReT", "")
			require.ErrorContains(t, err, "secret 2: empty")
			require.NotContains(t, err.Error(), "sEcReT")
			require.ErrorContains(t, build(many...), "17 secrets")
			require.NoError(t, build(many[1:]...))
		})
	}
	for message, origins := range map[string][]string{
		"no origin":             nil,
		`"" is not a host name`: {"example.com", ""},
		"is not a host name":    {"a b"},
	} {
		_, err := newCloudEventsHandshake(origins, 1)
		require.ErrorContains(t, err, message)
	}
	_, err := newCloudEventsHandshake([]string{"example.com"}, -1)
	require.ErrorContains(t, err, "negative rate")
}

// TestStaleHandshakes replays signed handshakes when they are too old.
func TestStaleHandshakes(t *testing.T) {
	for name, c := range map[string]struct {
		handshake handshake
		verifier  *verify.Signature
		request   *verify.Request
		tolerance time.Duration
	}{
		"slack": {slackHandshake{}, slackVerifier(t, "s"), post(slackBody), 5 * time.Minute},
		"zoom":  {made[*zoomHandshake](t)(newZoomHandshake("s")), zoomVerifier(t, "s"), post(zoomBody), 5 * time.Minute},
		"twitch": {
			twitchHandshake{},
			twitchVerifier(t, "s"),
			post(twitchBody, twitchMessageType, "webhook_callback_verification"),
			10 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, c.verifier, c.request)
			for age, status := range map[time.Duration]int{
				c.tolerance:                http.StatusOK,
				c.tolerance + time.Second:  http.StatusUnauthorized,
				-c.tolerance - time.Second: http.StatusUnauthorized,
			} {
				got := answer(t, c.handshake, c.verifier, r, handshakeTime.Add(age))
				require.Equal(t, status, got.Status, age)
				require.Equal(t, status == http.StatusOK, len(got.Body) > 0)
			}
		})
	}
}
