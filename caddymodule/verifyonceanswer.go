package caddymodule

import (
	"bytes"
	"cmp"
	"net/http"

	"github.com/caddy-relay/caddy-relay/verify/replay"
)

// answerRecorder notes the status of an answer, and its body if that is small,
// while it is written.
type answerRecorder struct {
	http.ResponseWriter
	status int
	body   []byte
	long   bool // the body is too long to be kept
}

// WriteHeader implements [http.ResponseWriter].
func (a *answerRecorder) WriteHeader(status int) {
	// The informational ones come before the answer, but for the last.
	if a.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (a *answerRecorder) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	switch {
	case a.long:
	case len(a.body)+len(p) > replay.MaxBody:
		a.body, a.long = nil, true
	default:
		a.body = append(a.body, p...)
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (a *answerRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// accepted reports whether the answer is 2xx, which it is if there is none.
func (a *answerRecorder) accepted() bool {
	return a.status == 0 || a.status/100 == 2
}

// answer returns what repeats get. A body that was encoded for this client may
// be of no use to another.
func (a *answerRecorder) answer() replay.Answer {
	answer := replay.Answer{Status: cmp.Or(a.status, http.StatusOK)}
	if header := a.Header(); len(a.body) > 0 && header.Get("Content-Encoding") == "" {
		answer.ContentType, answer.Body = header.Get("Content-Type"), bytes.Clone(a.body)
	}
	return answer
}
