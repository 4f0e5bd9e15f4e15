package receipt

import (
	"fmt"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// State is what has become of a message (SMPP 3.4 section 5.2.28, 5.0 section
// 4.7.15).
type State uint8

// The states. Those up to Accepted are on the way: although the specification
// counts Accepted among the last ones, SMSCs use it to say that the network has
// taken the message.
const (
	// Unknown is also the state of a receipt that tells none, or none that is
	// known.
	Unknown State = iota
	Scheduled
	Enroute
	Accepted
	Delivered
	Expired
	Deleted
	Undeliverable
	Rejected
	Skipped
)

var stateNames = [...]string{
	Unknown: "unknown", Scheduled: "scheduled", Enroute: "enroute", Accepted: "accepted", Delivered: "delivered",
	Expired: "expired", Deleted: "deleted", Undeliverable: "undeliverable", Rejected: "rejected", Skipped: "skipped",
}

// String returns the name, such as "undeliverable".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText writes the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *State) UnmarshalText(text []byte) error {
	for state, name := range stateNames {
		if string(text) == name {
			*s = State(state) //nolint:gosec // There are ten.
			return nil
		}
	}
	return fmt.Errorf("unknown state '%s'", text)
}

// Definite tells that nothing more will happen to the message.
func (s State) Definite() bool { return s >= Delivered && s <= Skipped }

// Failed tells that the message will never be delivered.
func (s State) Failed() bool { return s.Definite() && s != Delivered }

// onTheWay tells that the message will get another state.
func (s State) onTheWay() bool { return s >= Scheduled && s <= Accepted }

// wireStates are the states by their number in a PDU.
var wireStates = [...]State{
	pdu.MessageStateScheduled: Scheduled, pdu.MessageStateEnroute: Enroute, pdu.MessageStateDelivered: Delivered,
	pdu.MessageStateExpired: Expired, pdu.MessageStateDeleted: Deleted, pdu.MessageStateUndeliverable: Undeliverable,
	pdu.MessageStateAccepted: Accepted, pdu.MessageStateUnknown: Unknown, pdu.MessageStateRejected: Rejected,
	pdu.MessageStateSkipped: Skipped,
}

// StateOf returns the state that message_state tells, and whether it is one of
// the specification.
func StateOf(s pdu.MessageState) (State, bool) {
	if int(s) >= len(wireStates) {
		return Unknown, false
	}
	return wireStates[s], true
}

// stateTexts are the names in the text of receipts (3.4 appendix B), and what is
// met instead of them.
var stateTexts = map[string]State{
	"DELIVRD": Delivered, "DELIVERED": Delivered, "DELIVERD": Delivered, "DLVRD": Delivered, "SUCCESS": Delivered,
	"EXPIRED": Expired, "EXPIRD": Expired,
	"DELETED": Deleted, "CANCELED": Deleted, "CANCELLED": Deleted, //nolint:misspell // It is what SMSCs send.
	"UNDELIV": Undeliverable, "UNDELIVERABLE": Undeliverable, "UNDELIVERED": Undeliverable, "UNDELIVRD": Undeliverable,
	"UNDELIVD": Undeliverable, "UNDLVRD": Undeliverable, "FAILED": Undeliverable, "FAIL": Undeliverable, "FAILURE": Undeliverable,
	"ERROR":   Undeliverable,
	"ACCEPTD": Accepted, "ACCEPTED": Accepted, "ACKED": Accepted,
	"ENROUTE": Enroute, "BUFFRED": Enroute, "BUFFERD": Enroute, "BUFFERED": Enroute, "PENDING": Enroute, "QUEUED": Enroute,
	"UNKNOWN": Unknown,
	"REJECTD": Rejected, "REJECTED": Rejected, "REJECT": Rejected,
	"SCHEDULED": Scheduled, "SCHEDLD": Scheduled, "SKIPPED": Skipped,
}

// ParseState returns the state that the text of a receipt tells, in any case,
// and whether the text is known.
func ParseState(text string) (State, bool) {
	var upper [16]byte
	if len(text) > len(upper) {
		return Unknown, false
	}
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	s, ok := stateTexts[string(upper[:len(text)])]
	return s, ok
}
