package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
)

// bearerToken returns a token of a minute, at the time now.
func bearerToken(t *testing.T, secret string, now time.Time) string {
	v, err := jwt.New(jwt.Config{Algorithms: []jwt.Algorithm{"HS256"}}, secret)
	require.NoError(t, err)
	r := &verify.Request{Header: make(http.Header)}
	require.NoError(t, v.Sign(r, now))
	return r.Header.Get("Authorization")
}

// TestOnceTokens sees to it that a token which does not say what it is for passes
// with one message only, and that nobody takes another message for accepted.
func TestOnceTokens(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	config := `{"scheme":{"name":"jwt","secrets":["` + secret + `"],"algorithms":["HS256"]},"once":1000000000}`
	h := newVerify(t, config)
	now := time.Unix(1700000000, 0)
	h.now = func() time.Time { return now }
	send := func(token, body string) (*http.Request, *httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		arrived, err := serve(w, newRequest(http.MethodPost, "/", strings.NewReader(body), "Authorization", token), h)
		return arrived, w, err
	}
	first, second := bearerToken(t, secret, now), bearerToken(t, secret, now)

	arrived, _, err := send(first, "a")
	require.NoError(t, err)
	require.NotNil(t, arrived)
	arrived, w, err := send(first, "a")
	require.NoError(t, err)
	require.Nil(t, arrived)
	require.Equal(t, "true", w.Header().Get("Relay-Duplicate"))

	before := rejections(t, verify.ReasonReplayed)
	arrived, _, err = send(first, "b")
	requireStatus(t, http.StatusUnauthorized, err)
	require.Nil(t, arrived)
	require.Equal(t, before+1, rejections(t, verify.ReasonReplayed))
	arrived, _, err = send(second, "b")
	require.NoError(t, err)
	require.NotNil(t, arrived)

	// The token is valid for longer than the window that is configured.
	require.Equal(t, time.Minute+defaultLeeway, time.Duration(h.once.window.Load()))
}

func TestOnceWindowOfTokens(t *testing.T) {
	o := new(once)
	now := time.Unix(1700000000, 0)
	o.window.Store(int64(time.Minute))
	for _, tt := range []struct {
		expires time.Time
		window  time.Duration
	}{
		{time.Time{}, time.Minute},
		{now.Add(-time.Second), time.Minute},
		{now.Add(time.Hour), time.Hour},
		{now.Add(30 * time.Minute), time.Hour}, // It never shrinks.
		{now.Add(1000 * time.Hour), maxWindow},
	} {
		o.cover(tt.expires, now)
		require.Equal(t, tt.window, time.Duration(o.window.Load()))
	}
}
