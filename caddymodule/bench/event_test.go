//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestRenderIsASignedRequest(t *testing.T) {
	w, err := newEventWriter("127.0.0.1:8080", testSecret)
	require.NoError(t, err)
	verifier, err := standardwebhooks.NewWebhook(testSecret)
	require.NoError(t, err)

	for _, sequence := range []uint64{0, 42, 9_999_999_999_999_999} {
		now := time.Now()
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.render(sequence, now))))
		require.NoError(t, err)
		require.Equal(t, http.MethodPost, req.Method)
		require.Equal(t, "/in", req.URL.Path)
		require.Equal(t, "127.0.0.1:8080", req.Host)
		require.Equal(t, "application/json", req.Header.Get("Content-Type"))
		body, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Len(t, body, bodySize)
		require.NoError(t, verifier.Verify(body, req.Header))

		var event struct {
			ID   string `json:"id"`
			Sent int64  `json:"sent"`
			Data string `json:"data"`
		}
		require.NoError(t, json.Unmarshal(body, &event))
		require.Equal(t, req.Header.Get("webhook-id"), event.ID)
		require.Equal(t, now.UnixNano(), event.Sent)
		require.NotEmpty(t, event.Data)

		gotSequence, gotSent, ok := parseBody(body)
		require.True(t, ok)
		require.Equal(t, sequence, gotSequence)
		require.Equal(t, now.UnixNano(), gotSent)
	}
}

func TestNewEventWriterRefusesBadSecret(t *testing.T) {
	_, err := newEventWriter("127.0.0.1:8080", "whsec_!")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "!")
}

func TestParseBodyRefuses(t *testing.T) {
	valid := newBody()
	_, _, ok := parseBody(valid)
	require.True(t, ok, "the body that the cases below break")

	changed := func(at int, to byte) []byte {
		b := bytes.Clone(valid)
		b[at] = to
		return b
	}
	tests := map[string][]byte{
		"empty":             nil,
		"too short":         valid[:bodySize-1],
		"too long":          append(bytes.Clone(valid), ' '),
		"another prefix":    changed(2, 'I'),
		"letter in id":      changed(len(bodyStart), 'x'),
		"letter in time":    changed(bodySent, 'x'),
		"letter at the end": changed(bodySent+sentDigits-1, 'x'),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, ok := parseBody(body)
			require.False(t, ok)
		})
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add(newBody())
	f.Fuzz(func(t *testing.T, body []byte) {
		sequence, sent, ok := parseBody(body)
		if !ok {
			return
		}
		// What is accepted is what a sender renders.
		again := bytes.Clone(body)
		putDecimal(again[len(bodyStart):len(bodyStart)+idDigits], sequence)
		putDecimal(again[bodySent:bodySent+sentDigits], uint64(sent))
		require.Equal(t, body, again)
	})
}

func BenchmarkRender(b *testing.B) {
	w, err := newEventWriter("127.0.0.1:8080", testSecret)
	require.NoError(b, err)
	now := time.Now()
	b.ReportAllocs()
	var sequence uint64
	for b.Loop() {
		w.render(sequence, now)
		sequence++
	}
}
