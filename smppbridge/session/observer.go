package session

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Observer is told what happens, for logs and metrics.
type Observer interface {
	// Observe is called as it happens, from any goroutine. It must not block.
	Observe(Event)
}

// EventKind is what happened.
type EventKind uint8

const (
	// EventBound means that a session is bound. By then, a [Pool] lists it.
	EventBound EventKind = iota
	// EventLost means that a bound session has ended; Err is why. It comes once
	// after each EventBound, and never without.
	EventLost
	// EventFailed means that no session could be bound; Err is why, and Delay
	// how long until the next try of a [Pool].
	EventFailed
	// EventThrottled means that the peer asked to be sent less, with Status;
	// Rate is what is sent from now on.
	EventThrottled
	// EventTimeout means that no response came in time.
	EventTimeout
	// EventLate means that a response came after its timeout; Status is its.
	EventLate
	// EventUnexpected means that a response came that nobody waits for, such as
	// a second one; Status is its.
	EventUnexpected
	// EventRefused means that a request of the peer was answered with an error
	// by the session itself; Status is the answer, and Err is why, if it was not
	// understood.
	EventRefused
)

var eventNames = [...]string{"bound", "lost", "failed", "throttled", "timeout", "late", "unexpected", "refused"}

// String returns one word, as for the label of a metric.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is something that happened. It holds no passwords and no texts.
type Event struct {
	Kind EventKind
	// Session is where it happened. It is nil for EventFailed.
	Session *Session
	// Mode is how the session is bound, or was to be.
	Mode   pdu.BindMode
	Status pdu.CommandStatus
	Rate   rate.Limit // messages a second
	Delay  time.Duration
	Err    error
}
