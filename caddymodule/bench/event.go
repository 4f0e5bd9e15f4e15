//go:build linux

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"strings"
	"time"
)

// An event's body says which event it is and when it was sent, because the
// body is the only part of a request that a relay and a proxy both pass on
// unchanged. All fields have a fixed width, so that rendering and parsing are
// copies to and from fixed places:
//
//	{"id":"msg_0000000000000042","sent":1700000000000000000,"data":"…"}
const (
	bodySize   = 1024
	idPrefix   = "msg_"
	idDigits   = 16
	sentDigits = 19 // nanoseconds since 1970; enough until 2286

	bodyStart  = `{"id":"` + idPrefix
	bodyMiddle = `","sent":`
	bodyData   = `,"data":"`
	bodyEnd    = `"}`

	bodySent = len(bodyStart) + idDigits + len(bodyMiddle)
)

// requestWriter renders the signed POST request of one event after another
// into one buffer. The signature is the one of Standard Webhooks: HMAC-SHA256
// over "id.timestamp.body". It is not safe for concurrent use.
type requestWriter struct {
	request []byte
	// The places in request that differ from one event to the next.
	id, timestamp, signature, body []byte
	// The places in body that do: of the sequence number, and of the time if it
	// has one.
	sequence, sent []byte

	mac    hash.Hash
	sum    []byte
	signed []byte // "id.timestamp.", the part of the signed content before the body
}

// newEventWriter returns a writer of events with bodies of [bodySize].
func newEventWriter(host, secret string) (*requestWriter, error) {
	w, err := newRequestWriter(host, secret, newBody())
	if err != nil {
		return nil, err
	}
	w.sequence = w.body[len(bodyStart) : len(bodyStart)+idDigits]
	w.sent = w.body[bodySent : bodySent+sentDigits]
	return w, nil
}

func newRequestWriter(host, secret string, body []byte) (*requestWriter, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return nil, errors.New("the secret is not base64")
	}
	id := idPrefix + strings.Repeat("0", idDigits)
	timestamp := strings.Repeat("0", 10)
	signature := strings.Repeat("0", base64.StdEncoding.EncodedLen(sha256.Size))
	head := fmt.Sprintf("POST /in HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"webhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: v1,%s\r\n\r\n",
		host, len(body), id, timestamp, signature)

	w := &requestWriter{
		request: append([]byte(head), body...),
		mac:     hmac.New(sha256.New, key),
		signed:  []byte(id + "." + timestamp + "."),
	}
	place := func(name string, prefix, length int) []byte {
		start := strings.Index(head, name+": ") + len(name) + len(": ") + prefix
		return w.request[start : start+length]
	}
	w.id = place("webhook-id", len(idPrefix), idDigits)
	w.timestamp = place("webhook-timestamp", 0, len(timestamp))
	w.signature = place("webhook-signature", len("v1,"), len(signature))
	w.body = w.request[len(head):]
	return w, nil
}

// newBody returns a body with zeros for its numbers. The data is random, so
// that a queue which compresses gains nothing that real events would not give.
func newBody() []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, 0, bodySize)
	b = append(b, bodyStart+strings.Repeat("0", idDigits)+bodyMiddle+strings.Repeat("0", sentDigits)+bodyData...)
	for len(b) < bodySize-len(bodyEnd) {
		b = append(b, letters[rand.IntN(len(letters))]) //nolint:gosec // filler, not a secret
	}
	return append(b, bodyEnd...)
}

// render implements renderer.
func (w *requestWriter) render(sequence uint64, now time.Time) []byte {
	putDecimal(w.id, sequence)
	putDecimal(w.timestamp, uint64(now.Unix())) //nolint:gosec // now is after 1970
	putDecimal(w.sequence, sequence)
	putDecimal(w.sent, uint64(now.UnixNano())) //nolint:gosec // now is after 1970
	copy(w.signed[len(idPrefix):], w.id)
	copy(w.signed[len(idPrefix)+idDigits+1:], w.timestamp)
	w.mac.Reset()
	w.mac.Write(w.signed)
	w.mac.Write(w.body)
	w.sum = w.mac.Sum(w.sum[:0])
	base64.StdEncoding.Encode(w.signature, w.sum)
	return w.request
}

// putDecimal fills dst with the last digits of n.
func putDecimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
}

// parseBody returns the sequence number of an event and when it was sent, in
// nanoseconds since 1970. It reports false if body is not one that a
// requestWriter made.
func parseBody(body []byte) (sequence uint64, sent int64, ok bool) {
	if len(body) != bodySize || !bytes.HasPrefix(body, []byte(bodyStart)) {
		return 0, 0, false
	}
	sequence, ok = parseDecimal(body[len(bodyStart) : len(bodyStart)+idDigits])
	if !ok {
		return 0, 0, false
	}
	nanoseconds, ok := parseDecimal(body[bodySent : bodySent+sentDigits])
	return sequence, int64(nanoseconds), ok //nolint:gosec // 19 digits fit
}

func parseDecimal(digits []byte) (n uint64, ok bool) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0')
	}
	return n, true
}
