package smsc

import (
	"context"
	"crypto/tls"
	"log/slog"
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

const (
	// DefaultType is the type of events unless a [Route] says otherwise.
	DefaultType = "smpp.submit"
	// DefaultReceiptTime is how long receipts of a message should be expected.
	DefaultReceiptTime = 7 * 24 * time.Hour
)

// Store keeps what ESMEs submit. A [relay.Engine] is one.
type Store interface {
	// Keep keeps an event and links, or what there is of them, and returns once that
	// is durable. The links of a duplicate are not kept.
	Keep(a relay.Acceptance) (duplicate bool, err error)
	// Linked returns the values of the links with a hash, the newest first.
	Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error)
	// EachLinked calls f with the values of all of them, the oldest first.
	EachLinked(ctx context.Context, hash relay.LinkHash, f func(value []byte) error) error
}

// Observer is told what a server does, so that it can be counted. Its methods
// must return at once.
type Observer interface {
	// Bind is called for each try to bind.
	Bind(smsc string, result BindResult)
	// Answered is called for each message that was submitted, with our answer.
	Answered(smsc string, status pdu.CommandStatus)
}

// Route says what becomes of messages. It can change while a [Server] and its
// sessions stay.
type Route struct {
	// Store keeps the events.
	Store Store
	// To names the destinations of events.
	To []string
	// Type is the type of events. Default: smpp.submit.
	Type string
	// ReceiptTime is how long receipts are expected for messages with which they are
	// asked for. What a [ReceiptDestination] needs to send them is kept a day longer.
	// Default: it is not kept at all.
	ReceiptTime time.Duration
	// TLS has the certificate, if the server uses TLS.
	TLS *tls.Config
	// Logger may be nil. It gets no texts and no passwords.
	Logger *slog.Logger
	// Observer may be nil.
	Observer Observer
}

// Attachment ties a [Route] to a server. Several can be attached at a time, as
// while one config replaces another: the one activated last counts.
type Attachment struct {
	server *Server
	route  Route
}

// Attach announces a route without any effect yet.
func (s *Server) Attach(r Route) *Attachment {
	if r.Type == "" {
		r.Type = DefaultType
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.Observer == nil {
		r.Observer = nopObserver{}
	}
	return &Attachment{server: s, route: r}
}

// Activate makes the attachment the one that counts. The first one has the server
// accept connections.
func (a *Attachment) Activate() {
	s := a.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attached = append(slices.DeleteFunc(s.attached, func(other *Attachment) bool { return other == a }), a)
	s.current.Store(&a.route)
	s.serve()
}

// Detach takes the attachment away. The one activated before it counts again if
// there is one; otherwise messages are refused for now.
func (a *Attachment) Detach() {
	s := a.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attached = slices.DeleteFunc(s.attached, func(other *Attachment) bool { return other == a })
	if n := len(s.attached); n > 0 {
		s.current.Store(&s.attached[n-1].route)
		return
	}
	s.current.Store(nil)
}

func (s *Server) logger() *slog.Logger {
	if r := s.current.Load(); r != nil {
		return r.Logger
	}
	return slog.New(slog.DiscardHandler)
}

func (s *Server) observer() Observer {
	if r := s.current.Load(); r != nil {
		return r.Observer
	}
	return nopObserver{}
}

type nopObserver struct{}

func (nopObserver) Bind(string, BindResult)            {}
func (nopObserver) Answered(string, pdu.CommandStatus) {}
