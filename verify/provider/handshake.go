package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// handshake answers the requests with which a provider tries an endpoint before
// it sends events there.
//
// A handshake sees every request before it is verified, so telling that one is
// an ordinary event is cheap and allocates nothing. What is told by anything
// that is not signed can't be an event: it has another method, or no body. What
// looks like an event must be signed like one, and then only what the provider
// signed decides. The body must have been read, even if the verifier does not
// look at it: without it an event may look like a handshake.
type handshake interface {
	// respond returns nil, nil if r is no handshake. v is the verifier of the
	// provider's events. A handshake that may not be answered is an error with
	// [verify.ReasonHandshake], or the error of v if it must be signed. One
	// that may, but has something in it that is not safe to answer, is
	// answered with status 400.
	respond(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time) (*verify.Response, error)
}

const (
	// maxHandshakeBody is the size, in bytes, from which on a body is taken
	// for an event without looking into it. Handshakes have less than 2 KiB.
	maxHandshakeBody = 8 << 10
	// maxToken is the longest challenge that is answered. Those of the
	// providers have less than 100 characters.
	maxToken = 256
)

// isToken reports whether s has between 1 and limit letters, digits, hyphens and
// underscores. This is all that is echoed or signed for somebody unknown: it
// means nothing in HTML, JSON, header fields, forms, or signed content with
// separators.
func isToken[T string | []byte](s T, limit int) bool {
	if len(s) == 0 || len(s) > limit {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// singleParams returns the values of query parameters that must each be there
// once, and not be empty. Others may be there, too, since they belong to the
// URL that the provider was given.
func singleParams(r *verify.Request, names ...string) ([]string, bool) {
	query, err := url.ParseQuery(r.Query())
	if err != nil {
		return nil, false
	}
	params := make([]string, len(names))
	for i, name := range names {
		values := query[name]
		if len(values) != 1 || values[0] == "" {
			return nil, false
		}
		params[i] = values[0]
	}
	return params, true
}

// mayHold reports whether the body is small enough for a handshake and has the
// marker in it. Text in JSON never has an unescaped quotation mark, so a marker
// in quotation marks is a whole name or value.
func mayHold(r *verify.Request, marker string) bool {
	return r.Method == http.MethodPost && len(r.Body) <= maxHandshakeBody && bytes.Contains(r.Body, []byte(marker))
}

// decodeVerified verifies r, and only then decodes its body. ok is false if the
// body is something else, which is then for others to judge.
func decodeVerified(ctx context.Context, v verify.Verifier, r *verify.Request, now time.Time, body any) (identity verify.Identity, ok bool, err error) {
	if identity, err = v.Verify(ctx, r, now); err != nil {
		return verify.Identity{}, false, err
	}
	return identity, json.Unmarshal(r.Body, body) == nil, nil
}

// refused returns the error for a handshake that may not be answered.
func refused(field string) error {
	return &verify.Error{Reason: verify.ReasonHandshake, Field: field}
}

// respondText echoes a challenge. A browser that is led here must not take it
// for anything but text.
func respondText(text string) *verify.Response {
	return respondBody("text/plain", []byte(text))
}

func respondJSON(body []byte) *verify.Response {
	return respondBody("application/json", body)
}

func respondBody(contentType string, body []byte) *verify.Response {
	return &verify.Response{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {contentType}, "X-Content-Type-Options": {"nosniff"}},
		Body:   body,
	}
}

func respondStatus(status int) *verify.Response {
	return &verify.Response{Status: status, Header: http.Header{}}
}
