//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitRequest(t *testing.T) {
	const head = "POST /hook HTTP/1.1\r\nHost: a\r\ncontent-length:  5\r\n\r\n"
	tests := map[string]struct {
		in     string
		target string
		body   string
		length int
		err    error
	}{
		"nothing":          {in: ""},
		"part of the head": {in: head[:len(head)-1]},
		"part of the body": {in: head + "1234"},
		"complete":         {in: head + "12345", target: "/hook", body: "12345", length: len(head) + 5},
		"followed by more": {in: head + "12345POST", target: "/hook", body: "12345", length: len(head) + 5},
		"empty body":       {in: "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", target: "/", length: 37},
		"no length":        {in: "GET /hook HTTP/1.1\r\nHost: a\r\n\r\n", target: "/hook", length: 31},
		"chunked":          {in: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", err: errNoLength},
		"two lengths":      {in: "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1", err: errMalformed},
		"empty length":     {in: "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", err: errMalformed},
		"negative length":  {in: "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", err: errMalformed},
		"huge length":      {in: "POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", err: errMalformed},
		"long body":        {in: "POST / HTTP/1.1\r\nContent-Length: 16385\r\n\r\n", err: errTooLong},
		"bare line feeds":  {in: "GET / HTTP/1.1\n\r\nContent-Length:1\r\n\r\n1", err: errMalformed},
		"line without name": {
			in: "POST / HTTP/1.1\r\nnonsense\r\nContent-Length: 1\r\n\r\n1", err: errMalformed,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, length, err := splitRequest([]byte(tt.in))
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.target, string(r.target))
			require.Equal(t, tt.body, string(r.body))
			require.Equal(t, tt.length, length)
		})
	}
}

func TestSplitResponse(t *testing.T) {
	tests := map[string]struct {
		in     string
		status int
		length int
		err    error
	}{
		"part of the head": {in: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"},
		"part of the body": {in: "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n1"},
		"complete":         {in: "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n12", status: 202, length: 46},
		"no content":       {in: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, length: 27},
		"no reason":        {in: "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", status: 503, length: 35},
		"no length":        {in: "HTTP/1.1 200 OK\r\n\r\n", err: errNoLength},
		"old version":      {in: "HTTP/1.0 200 OK\r\n\r\n", err: errMalformed},
		"no status":        {in: "HTTP/1.1 \r\n\r\n", err: errMalformed},
		"status in words":  {in: "HTTP/1.1 OKAY\r\n\r\n", err: errMalformed},
		"interim response": {in: "HTTP/1.1 100 Continue\r\n\r\n", err: errMalformed},
		"status too high":  {in: "HTTP/1.1 600 No\r\n\r\n", err: errMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, length, err := splitResponse([]byte(tt.in))
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.status, status)
			require.Equal(t, tt.length, length)
		})
	}
}

// FuzzSplitResponse holds the parser against net/http: what it accepts, the
// standard library reads with the same result.
func FuzzSplitResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n12"))
	f.Add([]byte("HTTP/1.1 204 No Content\r\nServer: Caddy\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		status, length, err := splitResponse(in)
		if err != nil || length == 0 {
			return
		}
		require.LessOrEqual(t, length, len(in))
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), nil)
		if err != nil {
			return // stricter than a parser for a trusted peer has to be
		}
		require.Equal(t, resp.StatusCode, status)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.True(t, strings.HasSuffix(string(in[:length]), "\r\n\r\n"+string(body)))
	})
}

func FuzzSplitRequest(f *testing.F) {
	f.Add([]byte("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"))
	f.Add([]byte("GET / HTTP/1.1\n\r\nContent-Length:1\r\n\r\n1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, length, err := splitRequest(in)
		if err != nil || length == 0 {
			return
		}
		require.LessOrEqual(t, length, len(in))
		require.True(t, bytes.HasSuffix(in[:length], append([]byte("\r\n\r\n"), got.body...)))
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		want, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got.body))
	})
}
