// Package fetch gets small documents that verifiers need: key sets,
// certificates, and what an authorization server knows of a token. Whoever is
// asked, or stands in between, can neither hold a verifier up nor fill its
// memory, nor lead it elsewhere: time and size are limited and redirects are
// refused.
//
// The package imports nothing but the standard library.
package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const (
	// timeout bounds a request as a whole, unless the client has a shorter one.
	timeout = 10 * time.Second
	// dialTimeout leaves time for a second address if one doesn't answer.
	dialTimeout = 5 * time.Second
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 90 * time.Second
	// maxIdleConns is for introspection, which asks the same server often.
	maxIdleConns = 16
	// maxHeader bounds the memory that an answer's header can take.
	maxHeader = 32 << 10
)

// Client gets documents. It is safe for concurrent use.
type Client struct {
	// HTTP makes the requests. Its CheckRedirect has no effect.
	HTTP *http.Client
	// AllowHTTP also allows URLs without TLS, where whoever stands in between
	// could answer.
	AllowHTTP bool
}

// Control is the type of [net.Dialer.ControlContext].
type Control func(ctx context.Context, network, address string, conn syscall.RawConn) error

// NewHTTPClient returns an HTTP client that connects only to addresses that
// control returns no error for, directly whatever the environment says of
// proxies, and for at most 10 seconds.
func NewHTTPClient(control Control) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    dialTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    maxIdleConns,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// Get returns the document at a URL, of at most limit bytes.
func (c *Client) Get(ctx context.Context, rawURL string, limit int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, errMalformed
	}
	body, _, err := c.Do(r, limit)
	return body, err
}

// Do returns what r is answered with, which must be status 200 and have at most
// limit bytes in its body. No error holds the URL or anything of the answer but
// its status.
func (c *Client) Do(r *http.Request, limit int64) ([]byte, http.Header, error) {
	if err := c.check(r.URL); err != nil {
		return nil, nil, err
	}
	client := *c.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.Timeout == 0 {
		client.Timeout = timeout
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("answered with status %d, not 200", answer.StatusCode)
	}
	if answer.ContentLength > limit {
		return nil, nil, tooLarge(limit)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer: %w", withoutURL(err))
	}
	if int64(len(body)) > limit {
		return nil, nil, tooLarge(limit)
	}
	return body, answer.Header, nil
}

var errMalformed = errors.New("the url is malformed")

// CheckURL returns an error if no document can be had from a URL. It leaves the
// URL out of the error, since it may hold a secret.
func (c *Client) CheckURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return errMalformed
	}
	return c.check(u)
}

func (c *Client) check(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !c.AllowHTTP):
		return errors.New("the url must begin with https://")
	case u.Hostname() == "":
		return errors.New("the url has no host")
	case u.User != nil:
		return errors.New("the url must not contain a user name or password")
	case u.Fragment != "":
		return errors.New("the url must not have a fragment, which is never sent")
	}
	return nil
}

// withoutURL returns what went wrong with a request without the request's URL,
// which net/http puts before it.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func tooLarge(limit int64) error {
	return fmt.Errorf("the answer is larger than %d bytes", limit)
}
