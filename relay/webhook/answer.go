package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

const (
	// maxResponse is how much of an answer is kept, in bytes.
	maxResponse = 16 << 10
	// maxDrain is how much more is read so that the connection can be used
	// again, in bytes. Beyond that, a new connection is cheaper.
	maxDrain = 256 << 10
)

var responseBuffers = sync.Pool{New: func() any { return new([maxResponse]byte) }}

// answer judges a response and closes its body.
func (w *Destination) answer(ctx context.Context, resp *http.Response) relay.Result {
	defer func() { _ = resp.Body.Close() }()
	result := w.judge(resp)
	// After 101, the body is the bare connection, which no deadline covers.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return result
	}
	var err error
	result.Response, err = readResponse(resp)
	if err != nil && result.Outcome == relay.Delivered {
		// A success that broke off may be the work of a proxy in between.
		failure := w.failure(ctx, err)
		failure.Status, failure.Response = result.Status, result.Response
		failure.Detail = fmt.Sprintf("the answer %d broke off: %s", result.Status, failure.Detail)
		return failure
	}
	return result
}

// judge classifies a response by its status.
func (w *Destination) judge(resp *http.Response) relay.Result {
	status := resp.StatusCode
	if status >= 200 && status <= 299 {
		return relay.Result{Outcome: relay.Delivered, Status: status}
	}
	result := relay.Result{
		Outcome: relay.Retry,
		Reason:  relay.ReasonStatus,
		Status:  status,
		Detail:  fmt.Sprintf("answered %d %s", status, http.StatusText(status)),
	}
	if status >= 300 && status <= 399 {
		result.Reason = relay.ReasonRedirect
		result.Detail += "; redirects are not followed"
	}
	if w.permanent.contains(status) {
		result.Outcome = relay.Permanent
		return result
	}
	result.RetryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	return result
}

// readResponse returns the beginning of the body. It fails only if that could
// not be read; what is after it does not matter.
func readResponse(resp *http.Response) ([]byte, error) {
	if resp.Body == http.NoBody {
		return nil, nil
	}
	buf := responseBuffers.Get().(*[maxResponse]byte)
	defer responseBuffers.Put(buf)
	n, err := readFull(resp.Body, buf[:])
	// A copy of what is there keeps the queue of results small.
	response := bytes.Clone(buf[:n])
	switch {
	case errors.Is(err, io.EOF):
		return response, nil
	case err != nil:
		return response, err
	case resp.ContentLength <= maxResponse+maxDrain:
		drain(resp.Body, buf[:])
	}
	return response, nil
}

// readFull is like [io.ReadFull], but returns the reader's own error: a body
// cut short must not look like one that ended.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// drain reads up to maxDrain bytes into buf, over and over.
func drain(r io.Reader, buf []byte) {
	for n := 0; n < maxDrain; {
		m, err := r.Read(buf)
		if err != nil {
			return
		}
		n += m
	}
}
