package smppbridge

import (
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// Observer is told what the bridge does, so that it can be counted. Its methods
// must return at once.
type Observer interface {
	// Submitted is called for each response to a part of a message. It took so
	// long, waiting for room in a window included.
	Submitted(destination string, status pdu.CommandStatus, took time.Duration)
	// Unknown is called for each part of which it is unknown whether the SMSC has
	// it. A response that is late is one of [session.EventLate].
	Unknown(destination string)
	// Received is called for each request of the SMSC with our answer. The kind is
	// "receipt", "message" or "other".
	Received(destination, kind string, status pdu.CommandStatus)
	// Reported is called for each receipt that became an event, and for each that
	// did not come.
	Reported(destination string, state receipt.State)
	// Session is called for what happens to the sessions of the destination.
	Session(destination string, e session.Event)
}

// nopObserver is the Observer of a destination that was given none.
type nopObserver struct{}

func (nopObserver) Submitted(string, pdu.CommandStatus, time.Duration) {}
func (nopObserver) Unknown(string)                                     {}
func (nopObserver) Received(string, string, pdu.CommandStatus)         {}
func (nopObserver) Reported(string, receipt.State)                     {}
func (nopObserver) Session(string, session.Event)                      {}

// joinNames lists what an enumeration takes.
func joinNames(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
