//go:build linux

package main

import (
	"bytes"
	"errors"
)

// The sender and the sink share the machine with what they measure, so they
// speak as much HTTP/1.1 as they need and no more: messages with a known
// length over kept-alive connections. Everything else is an error.
var (
	errMalformed = errors.New("malformed HTTP/1.1 message")
	errNoLength  = errors.New("HTTP/1.1 message without a known length")
	errTooLong   = errors.New("HTTP/1.1 message longer than the buffer")
)

// bufferSize is what a whole message must fit in.
const bufferSize = 16 << 10

// request is what a sink needs to know of one.
type request struct {
	target, body []byte
}

// splitRequest returns the request at the start of buf and its whole length,
// which is 0 if more input is needed. One that tells no length has no body (RFC
// 9112, section 6.3).
func splitRequest(buf []byte) (r request, length int, err error) {
	head, rest, complete := bytes.Cut(buf, []byte("\r\n\r\n"))
	if !complete {
		return request{}, 0, nil
	}
	bodyLength, _, err := contentLength(head)
	if err != nil || len(rest) < bodyLength {
		return request{}, 0, err
	}
	_, start, _ := bytes.Cut(head, []byte(" ")) // behind the method
	r.target, _, _ = bytes.Cut(start, []byte(" "))
	r.body = rest[:bodyLength]
	return r, len(head) + 4 + bodyLength, nil
}

// splitResponse returns the status of the response at the start of buf and the
// length of the whole response. The length is 0 if more input is needed.
func splitResponse(buf []byte) (status, length int, err error) {
	head, rest, complete := bytes.Cut(buf, []byte("\r\n\r\n"))
	if !complete {
		return 0, 0, nil
	}
	const version = "HTTP/1.1 "
	if !bytes.HasPrefix(head, []byte(version)) || len(head) < len(version)+3 {
		return 0, 0, errMalformed
	}
	code, ok := parseDecimal(head[len(version) : len(version)+3])
	if !ok || code < 200 || code > 599 {
		return 0, 0, errMalformed
	}
	status = int(code) //nolint:gosec // three digits
	length = len(head) + 4
	if status == 204 || status == 304 {
		return status, length, nil
	}
	bodyLength, known, err := contentLength(head)
	if err == nil && !known {
		err = errNoLength
	}
	if err != nil || len(rest) < bodyLength {
		return 0, 0, err
	}
	return status, length + bodyLength, nil
}

// contentLength returns the value of the only Content-Length field of head, and
// whether there is one.
func contentLength(head []byte) (length int, known bool, err error) {
	start, fields, _ := bytes.Cut(head, []byte("\r\n"))
	// Others may take a bare LF for the end of a line (RFC 9112, section 2.2).
	if bytes.IndexByte(start, '\n') >= 0 {
		return 0, false, errMalformed
	}
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(field, []byte(":"))
		if !ok || bytes.IndexByte(field, '\n') >= 0 {
			return 0, false, errMalformed
		}
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			value = bytes.Trim(value, " \t")
			n, ok := parseDecimal(value)
			if !ok || len(value) == 0 || len(value) > 9 || known {
				return 0, false, errMalformed
			}
			length, known = int(n), true //nolint:gosec // at most nine digits
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, false, errNoLength
		}
	}
	if length > bufferSize {
		return 0, false, errTooLong
	}
	return length, known, nil
}
