//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

func TestRenderMessage(t *testing.T) {
	w, err := newMessageWriter("127.0.0.1:8080", testSecret)
	require.NoError(t, err)
	verifier, err := standardwebhooks.NewWebhook(testSecret)
	require.NoError(t, err)

	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.render(42, time.Now()))))
	require.NoError(t, err)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.NoError(t, verifier.Verify(body, req.Header))
	require.Equal(t, "msg_0000000000000042", req.Header.Get("webhook-id"))

	var message struct{ To, Text string }
	require.NoError(t, json.Unmarshal(body, &message))
	require.Equal(t, "+49170000000042", message.To)
	require.Equal(t, messageText, message.Text)
}

func TestRenderSendSMS(t *testing.T) {
	w := newSendSMSWriter("127.0.0.1:8080", "127.0.0.1:9000", kannelEvery)
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.render(42, time.Now()))))
	require.NoError(t, err)
	require.Equal(t, "/cgi-bin/sendsms", req.URL.Path)
	require.Equal(t, url.Values{
		"username": {account}, "password": {account}, "from": {messageSource}, "to": {"+49170000000042"}, "text": {messageText},
		"dlr-mask": {"31"}, "dlr-url": {"http://127.0.0.1:9000/callback?state=%d&id=0000000000000042"},
	}, req.URL.Query())
	sequence, state, ok := parseCallback([]byte("/callback?state=8&id=0000000000000042"))
	require.True(t, ok)
	require.Equal(t, uint64(42), sequence)
	require.Equal(t, uint64(kannelSubmitted), state)
}

func TestParseReceipt(t *testing.T) {
	const valid = `{"state":"delivered","final":true,"event":{"id":"msg_0000000000000042","source":"bench"}}`
	sequence, ok := parseReceipt([]byte(valid))
	require.True(t, ok)
	require.Equal(t, uint64(42), sequence)

	tests := map[string]string{
		"empty":           "",
		"another state":   strings.Replace(valid, "delivered", "expired", 1),
		"unknown message": `{"state":"delivered","event":null}`,
		"another id":      strings.Replace(valid, "msg_", "evt_", 1),
		"letter in id":    strings.Replace(valid, "42", "4x", 1),
		"cut":             valid[:60],
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			_, ok := parseReceipt([]byte(body))
			require.False(t, ok)
		})
	}
}

func TestParseCallbackRefuses(t *testing.T) {
	for _, target := range []string{
		"", "/callback", "/callback?state=", "/callback?state=1", "/callback?state=&id=0000000000000042",
		"/callback?state=x&id=0000000000000042", "/callback?state=100&id=0000000000000042",
		"/callback?state=1&id=42", "/callback?state=1&id=000000000000004x", "/other?state=1&id=0000000000000042",
	} {
		t.Run(target, func(t *testing.T) {
			_, _, ok := parseCallback([]byte(target))
			require.False(t, ok)
		})
	}
}

func TestSinkCountsReceipts(t *testing.T) {
	var s sink
	now := time.Now()
	get := func(target string) { s.record(request{target: []byte(target)}, now) }
	get("/callback?state=8&id=0000000000000001")
	require.Zero(t, s.countsNow(), "the last state is still to come")
	get("/callback?state=1&id=0000000000000001")
	get("/callback?state=1&id=0000000000000001")
	s.record(request{body: []byte(`{"state":"delivered","event":{"id":"msg_0000000000000002"}}`)}, now)
	c := counts{Distinct: 2, Repeats: 1, First: now.UnixNano(), Last: now.UnixNano()}
	require.Equal(t, c, s.countsNow())
	require.Empty(t, s.latency, "nothing tells when they were sent")

	get("/callback?state=2&id=0000000000000003")
	c.Foreign, c.Sample = 1, "/callback?state=2&id=0000000000000003 "
	require.Equal(t, c, s.countsNow())
}

func FuzzParseArrivals(f *testing.F) {
	f.Add([]byte(`{"state":"delivered","event":{"id":"msg_0000000000000002"}}`))
	f.Add([]byte("/callback?state=1&id=0000000000000001"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, ok := parseReceipt(in); ok {
			require.Contains(t, string(in), `"state":"delivered"`)
		}
		if sequence, state, ok := parseCallback(in); ok {
			require.Less(t, sequence, uint64(1e16))
			require.Less(t, state, uint64(100))
		}
	})
}
