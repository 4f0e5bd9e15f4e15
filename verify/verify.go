package verify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"net/netip"
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
	// Host is the host, with the port if the sender gave one. If the URL is
	// known from the configuration it may begin with "user:password@", which
	// some senders sign.
	Host string
	// Target is the path and query in their escaped form, beginning with a
	// slash (the origin-form of RFC 9112, section 3.2.1).
	Target string
	Header http.Header
	// Body is the raw body, before any decoding.
	Body []byte
	// ClientIP is the address of the sender, or the zero Addr if it is not
	// known.
	ClientIP netip.Addr
	// Certificate is what the sender's TLS client proved to own, and what the
	// server found trustworthy, or nil.
	Certificate *x509.Certificate
}

// SetHeader sets a field of the header in place of those with its name.
func (r *Request) SetHeader(name, value string) {
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Set(name, value)
}

// URL returns the absolute URL.
func (r *Request) URL() string { return r.Scheme + "://" + r.Host + r.Target }

// Path returns the escaped path, without the query.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// Query returns the raw query, without the question mark.
func (r *Request) Query() string {
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
	// Expires is when a token is no longer accepted, or zero.
	Expires time.Time
	// Key is the position of the secret that matched, from 1.
	Key int
	// Subject is the user or service that the credentials belong to.
	Subject string
	// Claims are the verified statements of a token, by name.
	Claims map[string]any
	// IDSigned reports that ID is signed, so that nobody else could change it.
	IDSigned bool
	// Digest differs between any two messages that the sender signed, and is
	// the same when one of them is sent again by somebody else. It is zero if
	// the scheme does not sign the message.
	Digest [sha256.Size]byte
}

// OfToken reports whether the ID is that of a token which does not say what
// message it is for: it is signed then, and nothing of the message is.
func (i *Identity) OfToken() bool {
	return i.IDSigned && i.Digest == [sha256.Size]byte{}
}

// MessageID returns the ID, unless it is that of a token which may be used for
// many messages.
func (i *Identity) MessageID() string {
	if i.OfToken() {
		return ""
	}
	return i.ID
}

// ReplayKey returns what a message is recognized by when it comes again: its
// signed id, which honest repeats have in common too, or else its Digest. ok is
// false if the scheme provides neither.
func (i *Identity) ReplayKey() (key [sha256.Size]byte, ok bool) {
	if i.IDSigned && i.ID != "" {
		return sha256.Sum256([]byte(i.ID)), true
	}
	return i.Digest, i.Digest != [sha256.Size]byte{}
}

// Handshaker is implemented by verifiers of senders that try an endpoint before
// they send events to it.
type Handshaker interface {
	// Handshake returns the answer to r if it is no event but such a try, and
	// nil otherwise. The error is like that of [Verifier].
	Handshake(ctx context.Context, r *Request, now time.Time) (*Response, error)
}

// Response is the answer to a handshake.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Signer is implemented by verifiers that can also do what the sender does.
type Signer interface {
	// Sign adds to r what makes the verifier accept it at the time now.
	Sign(r *Request, now time.Time) error
}
