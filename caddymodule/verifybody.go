package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-relay/caddy-relay/verify"
)

// The reasons a body can't be had for, beside those of the verify package.
const (
	reasonBodyTooLarge   verify.Reason = "body_too_large"
	reasonBodyUnreadable verify.Reason = "body_unreadable"
)

// presizeLimit bounds the memory that is set aside for a body that was only
// announced: most events are smaller, and connections that send nothing more
// cost no more than this.
const presizeLimit = 64 << 10

// bufferedBody is a request body that is in memory.
type bufferedBody struct {
	bytes.Reader
	data []byte
}

func newBufferedBody(data []byte) *bufferedBody {
	b := &bufferedBody{data: data}
	b.Reset(data)
	return b
}

// Close implements [io.Closer]. The body stays readable.
func (b *bufferedBody) Close() error { return nil }

// bytes returns the whole body, whatever of it was read already. It is shared,
// so it must not be changed.
func (b *bufferedBody) bytes() []byte { return b.data }

// readBody returns the body of r, at most limit bytes, and leaves it in place,
// unread, for later handlers. A body that was buffered before is not copied.
// The error is a [caddyhttp.HandlerError]: 413 if the body is larger, 400 or
// 408 if the client did not send all of it, or what an earlier handler that
// guards the body, such as request_body, made of it.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	b, ok := r.Body.(*bufferedBody)
	if !ok {
		if r.ContentLength > limit {
			return nil, errBodyTooLarge(limit)
		}
		if r.Body == nil {
			r.Body = http.NoBody
		}
		data, err := readAll(r.Body, r.ContentLength, limit)
		if err != nil {
			return nil, bodyError(err)
		}
		b = newBufferedBody(data)
		r.Body = b
	}
	if int64(len(b.data)) > limit {
		return nil, errBodyTooLarge(limit)
	}
	b.Reset(b.data)
	if size := int64(len(b.data)); r.ContentLength != size {
		// The length was not announced. Now that it is known, whoever the
		// request goes to shall not get it in chunks.
		r.ContentLength = size
		r.TransferEncoding = nil
	}
	return b.bytes(), nil
}

// readAll reads body until its end, or just beyond limit. The buffer has the
// announced size, if any, so that usually nothing is copied; the byte more is
// for readers that report the end only when they are asked again.
func readAll(body io.Reader, announced, limit int64) ([]byte, error) {
	if announced < 0 {
		announced = 4 << 10
	}
	data := make([]byte, 0, min(announced, presizeLimit)+1)
	for int64(len(data)) <= limit {
		if len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

func errBodyTooLarge(limit int64) error {
	return caddyhttp.Error(http.StatusRequestEntityTooLarge, &http.MaxBytesError{Limit: limit})
}

// bodyError gives an error of reading a body the status that it deserves.
func bodyError(err error) error {
	if _, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		return err
	}
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return caddyhttp.Error(http.StatusRequestEntityTooLarge, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return caddyhttp.Error(http.StatusRequestTimeout, err)
	default:
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
}

// bodyReason returns why readBody failed.
func bodyReason(err error) verify.Reason {
	if he, ok := errors.AsType[caddyhttp.HandlerError](err); ok && he.StatusCode == http.StatusRequestEntityTooLarge {
		return reasonBodyTooLarge
	}
	return reasonBodyUnreadable
}

var _ io.ReadCloser = (*bufferedBody)(nil)
