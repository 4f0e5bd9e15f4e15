package caddymodule

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-relay/caddy-relay/verify"
)

// capture is a request that was saved to a file.
type capture struct {
	http *http.Request
	body []byte
	// dropped are the names of header fields that the server removes.
	dropped []string
	// remarks are about what is odd with the file.
	remarks []string
	// cutOff is set if the body is shorter than was announced.
	cutOff bool
}

var errNoRequest = errors.New("no HTTP/1.1 request: it begins with a line such as POST /hooks HTTP/1.1, and the header ends with an empty line")

// parseCapture reads a request in the form of HTTP/1.1 (RFC 9112), with the lines
// of its header ended by CRLF or LF. The body is kept as it is, but for chunks. If
// there is no Content-Length, the body is all that follows the header.
func parseCapture(raw []byte) (*capture, error) {
	reader := bufio.NewReader(bytes.NewReader(raw))
	r, err := http.ReadRequest(reader)
	if err != nil {
		return nil, errNoRequest // The reason may quote what is in the file.
	}
	c := &capture{http: r}
	if err := c.readBody(reader); err != nil {
		return nil, err
	}
	c.dropFields()
	if r.Host == "" {
		c.remarks = append(c.remarks, "The request has no Host, which servers refuse.")
	}
	// Senders use https, and a request does not tell.
	r.TLS = new(tls.ConnectionState)
	return c, nil
}

func (c *capture) readBody(reader *bufio.Reader) error {
	chunked := len(c.http.TransferEncoding) > 0
	body, decodeErr := io.ReadAll(c.http.Body)
	rest, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	switch announced := c.http.ContentLength; {
	case chunked && decodeErr != nil:
		return errors.New("the body is not in chunks, as the header says, or cut off; if it was decoded already, remove Transfer-Encoding")
	case chunked:
		c.body = body
	case c.http.Header["Content-Length"] == nil:
		c.body = rest
	default:
		c.body = body
		if missing := announced - int64(len(body)); missing > 0 {
			c.cutOff = true
			c.remarks = append(c.remarks, fmt.Sprintf(
				"The body is %d bytes shorter than Content-Length says: it was cut off, or saved with other line breaks.", missing))
		}
		if len(rest) > 0 {
			c.remarks = append(c.remarks, fmt.Sprintf(
				"There are %d bytes more than Content-Length says, which were left out.", len(rest)))
		}
	}
	return nil
}

// dropFields removes what Caddy removes from the header of every request, unless
// its options expected_underscore_headers and expected_dot_headers say otherwise.
func (c *capture) dropFields() {
	for name := range c.http.Header {
		if strings.ContainsAny(name, "_.") {
			c.dropped = append(c.dropped, name)
			delete(c.http.Header, name)
		}
	}
	slices.Sort(c.dropped)
}

// request returns what the handler's scheme gets to see.
func (c *capture) request(h *Verify, url *publicURL) verify.Request {
	body := c.body
	if !h.needsBody {
		body = nil
	}
	r := verifyRequest(c.http, body)
	url.apply(&r)
	return r
}
