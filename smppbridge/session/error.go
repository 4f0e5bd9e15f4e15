package session

import (
	"errors"
	"fmt"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// What an [*Error], or the end of a session, comes from.
var (
	// ErrTimeout means that no response came in time.
	ErrTimeout = errors.New("no response in time")
	// ErrNoRoom means that no session of a pool had a free slot in time.
	ErrNoRoom = errors.New("no session had room in time")
	// ErrStopped means that the session, or the pool, was stopped by us.
	ErrStopped = errors.New("stopped")
	// ErrNotBound means that the session is not bound in a way that allows the
	// request.
	ErrNotBound = errors.New("not bound for that")
	// ErrUnbound means that the peer sent unbind.
	ErrUnbound = errors.New("unbound by the peer")
	// ErrDead means that the peer did not answer enquire_link.
	ErrDead = errors.New("no answer to enquire_link")
	// ErrInactive means that nothing came from the peer for too long.
	ErrInactive = errors.New("nothing came for too long")
	// ErrNoBind means that a peer did not bind in time.
	ErrNoBind = errors.New("no bind in time")
	// ErrUnread means that the peer sent requests, but did not read the answers.
	ErrUnread = errors.New("the peer does not read its answers")
	// ErrAnswered means that a request of the peer has been answered before.
	ErrAnswered = errors.New("answered already")
)

// Error is why a request got no response.
type Error struct {
	// MaybeSent tells that at least a part of the request went to the
	// connection, so that the peer may have carried it out: sending it again may
	// do it twice. Otherwise the peer has not seen it.
	MaybeSent bool
	// Err is the reason: of this package, of the context, of the connection, or
	// a [*pdu.Error] if the request can't be encoded, which is for ever.
	Err error
}

func (e *Error) Error() string {
	if e.MaybeSent {
		return "smpp: sent, and the outcome is unknown: " + e.Err.Error()
	}
	return "smpp: not sent: " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

func notSent(err error) error { return &Error{Err: err} }

func maybeSent(err error) error { return &Error{MaybeSent: true, Err: err} }

// BindError means that the peer refused to be bound to.
type BindError struct {
	Status pdu.CommandStatus
}

func (e *BindError) Error() string {
	return fmt.Sprintf("smpp: the bind was refused with %s", e.Status)
}
