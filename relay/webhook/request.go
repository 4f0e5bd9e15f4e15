package webhook

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
)

func newBaseRequest(u *url.URL) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// payload is the body of a request and the storage of its own header values,
// which makes one allocation of many.
type payload struct {
	reader bytes.Reader
	body   []byte
	values [6]string
	used   int
}

// open returns the body from its beginning. It is of types that net/http knows
// to be in memory: for any other it sends header and body separately, which
// costs a second system call and packet.
func (p *payload) open() io.ReadCloser {
	p.reader.Reset(p.body)
	return io.NopCloser(&p.reader)
}

// again returns the body anew, for [http.Request.GetBody]. The first reader
// may still be in use.
func (p *payload) again() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(p.body)), nil
}

// list returns value as the values of a header field.
func (p *payload) list(value string) []string {
	i := p.used
	p.values[i] = value
	p.used++
	return p.values[i : i+1 : i+1]
}

// request makes the request for an attempt. Per attempt it allocates the
// request, the payload with its Body and GetBody, the header's map, the text of the
// webhook-* values, and what the event's header is asked for.
func (w *Destination) request(ctx context.Context, d *relay.Delivery) (*http.Request, error) {
	p := &payload{body: d.Event.Body}
	header := make(http.Header, w.header.size())
	if err := w.setEventFields(header, p, d); err != nil {
		return nil, err
	}
	if err := w.header.apply(header, d); err != nil {
		return nil, err
	}
	req := w.base.WithContext(ctx)
	req.Header = header
	if len(p.body) == 0 {
		req.Body = http.NoBody
		return req, nil
	}
	req.Body = p.open()
	req.GetBody = p.again
	req.ContentLength = int64(len(p.body))
	return req, nil
}

// setEventFields sets the fields that tell of the event and the attempt.
func (w *Destination) setEventFields(h http.Header, p *payload, d *relay.Delivery) error {
	if err := checkFieldValue(headerID, d.ID); err != nil {
		return err
	}
	h[headerID] = p.list(d.ID)
	names := [...]string{headerContentType, headerContentEncoding}
	for i, name := range names {
		if i == 0 && w.header.hasContentType {
			continue
		}
		value := d.Event.Header.Get(name)
		if value == "" {
			continue
		}
		if err := checkFieldValue(name, value); err != nil {
			return err
		}
		h[name] = p.list(value)
	}
	w.setAttemptFields(h, p, d)
	return nil
}

// setAttemptFields builds its values in one string and shares that out.
func (w *Destination) setAttemptFields(h http.Header, p *payload, d *relay.Delivery) {
	buf := make([]byte, 0, 160)
	buf = strconv.AppendInt(buf, time.Now().Unix(), 10)
	timestampEnd := len(buf)
	buf = strconv.AppendInt(buf, int64(d.Attempt), 10)
	attemptEnd := len(buf)
	buf = w.signer.appendSignatures(buf, d.ID, buf[:timestampEnd], p.body)
	text := string(buf)
	h[headerTimestamp] = p.list(text[:timestampEnd])
	h[headerAttempt] = p.list(text[timestampEnd:attemptEnd])
	if attemptEnd < len(text) {
		h[headerSignature] = p.list(text[attemptEnd:])
	}
}
