//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// renderer renders the request of one event after another into one buffer,
// which the next call overwrites.
type renderer interface {
	render(sequence uint64, now time.Time) []byte
}

// What asks for a short message: the same text to a number of its own for each
// event, from the same sender.
const (
	messageSource = "12345"
	messageText   = "Your verification code is 123456. It expires in 10 minutes."
	numberPrefix  = "+4917"
	numberDigits  = 10
)

// newMessageWriter returns a writer of signed requests for short messages.
func newMessageWriter(host, secret string) (*requestWriter, error) {
	const start = `{"to":"` + numberPrefix
	body := start + strings.Repeat("0", numberDigits) + `","text":"` + messageText + `"}`
	w, err := newRequestWriter(host, secret, []byte(body))
	if err != nil {
		return nil, err
	}
	w.sequence = w.body[len(start) : len(start)+numberDigits]
	return w, nil
}

// sendSMSWriter renders requests of the HTTP interface of Kannel.
type sendSMSWriter struct {
	request        []byte
	number, callID []byte // the places in request that differ
}

const (
	// callbackPath and its query say which event a callback of Kannel is about,
	// and how far it has come.
	callbackPath = "/callback?state="
	callbackID   = "&id="
	// account is the name and the password of all accounts.
	account = "bench"
)

// newSendSMSWriter returns a writer of requests with a dlr-mask, whose callbacks
// go to the address of a sink.
func newSendSMSWriter(host, sink string, mask int) *sendSMSWriter {
	id := strings.Repeat("0", idDigits)
	number := url.QueryEscape(numberPrefix) + strings.Repeat("0", numberDigits)
	// %d is Kannel's placeholder of the state.
	callback := url.QueryEscape("http://" + sink + callbackPath + "%d" + callbackID + id)
	w := &sendSMSWriter{request: fmt.Appendf(nil, "GET /cgi-bin/sendsms?username=%s&password=%s&from=%s&to=%s&text=%s&dlr-mask=%d&dlr-url=%s HTTP/1.1\r\n"+
		"Host: %s\r\n\r\n", account, account, messageSource, number, url.QueryEscape(messageText), mask, callback, host)}
	end := bytes.Index(w.request, []byte("&text="))
	w.number = w.request[end-numberDigits : end]
	end = bytes.Index(w.request, []byte(" HTTP/1.1"))
	w.callID = w.request[end-idDigits : end]
	return w
}

// render implements renderer.
func (w *sendSMSWriter) render(sequence uint64, _ time.Time) []byte {
	putDecimal(w.number, sequence)
	putDecimal(w.callID, sequence)
	return w.request
}

// parseReceipt returns which event a receipt of the relay is about. It reports
// false if the body is none, or not one of a message that was delivered.
func parseReceipt(body []byte) (sequence uint64, ok bool) {
	if !bytes.Contains(body, []byte(`"state":"delivered"`)) {
		return 0, false
	}
	_, id, found := bytes.Cut(body, []byte(`"event":{"id":"`+idPrefix))
	if !found || len(id) < idDigits {
		return 0, false
	}
	return parseDecimal(id[:idDigits])
}

// States of Kannel's callbacks. A dlr-mask adds those up that are sent.
const (
	kannelDelivered = 1
	kannelFailed    = 2
	kannelBuffered  = 4
	kannelSubmitted = 8 // the SMSC has the message
	kannelRejected  = 16

	kannelFinal = kannelDelivered | kannelFailed
	kannelEvery = kannelFinal | kannelBuffered | kannelSubmitted | kannelRejected
)

// parseCallback returns which event the target of a callback of Kannel is about,
// and its state.
func parseCallback(target []byte) (sequence, state uint64, ok bool) {
	query, found := bytes.CutPrefix(target, []byte(callbackPath))
	if !found {
		return 0, 0, false
	}
	before, id, _ := bytes.Cut(query, []byte(callbackID))
	if len(before) == 0 || len(before) > 2 || len(id) != idDigits {
		return 0, 0, false
	}
	if state, ok = parseDecimal(before); !ok {
		return 0, 0, false
	}
	sequence, ok = parseDecimal(id)
	return sequence, state, ok
}
