package verify

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Verifier decides whether a request is authentic.
type Verifier interface {
	// Verify returns who sent r, or an [*Error] that says why r can't be
	// trusted. Any other error means that it could not be decided, and that
	// the sender may try again. No error holds a secret, or what the sender
	// sent. The time is passed in so that age limits can be tested; ctx bounds
	// the calls of schemes that must ask somebody else. Neither r nor what it
	// refers to is changed, or kept beyond the strings of the Identity.
	Verify(ctx context.Context, r *Request, now time.Time) (Identity, error)
}

// Request is what a verifier may look at. The URL is in the parts in which it
// crossed the wire, since schemes that sign it sign those bytes: parsing and
// printing a URL may change its escaping.
type Request struct {
	Method string
	// Scheme is "https" or "http", as the sender used it.
	Scheme string
	// Host is the host, with the port if the sender gave one.
	Host string
	// Target is the path and query in their escaped form, beginning with a
	// slash (the origin-form of RFC 9112, section 3.2.1).
	Target string
	Header http.Header
	// Body is the raw body, before any decoding.
	Body []byte
}

// path returns the escaped path, without the query.
func (r *Request) path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// query returns the raw query, without the question mark.
func (r *Request) query() string {
	_, query, _ := strings.Cut(r.Target, "?")
	return query
}

// Identity says who sent an authentic request. What a scheme does not provide
// is left at the zero value.
type Identity struct {
	// Scheme is the name of the scheme that accepted the request.
	Scheme string
	// ID identifies the message. A sender that repeats a message repeats the
	// ID. Not every scheme signs it, so it serves to drop repeats of honest
	// senders, and is no protection against replays by others.
	ID string
	// Timestamp is the signed time of sending.
	Timestamp time.Time
	// Key is the position of the secret that matched, from 1.
	Key int
	// Subject is the user or service that the credentials belong to.
	Subject string
	// Claims are the verified statements of a token, by name.
	Claims map[string]any
}
