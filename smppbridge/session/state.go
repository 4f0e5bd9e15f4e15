package session

import "github.com/caddy-relay/caddy-relay/smppbridge/pdu"

// role is the side of a session.
type role uint8

const (
	esme role = iota // binds
	smsc             // is bound to
)

// busy is the status of requests that can't be taken now. It makes the peer keep
// them and try again.
func (r role) busy() pdu.CommandStatus {
	if r == esme {
		return pdu.StatusRxTAppn
	}
	return pdu.StatusThrottled
}

// State is where a session stands (3.4 section 2.2).
type State uint8

const (
	// StateOpen means connected, and not bound yet.
	StateOpen State = iota
	// StateBound means bound, in the mode of the session.
	StateBound
	// StateUnbound means that the end has begun: no more requests are sent or
	// taken.
	StateUnbound
	// StateClosed means that the connection is gone.
	StateClosed
)

var stateNames = [...]string{"open", "bound", "unbound", "closed"}

// String returns one word.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// transmits tells whether the ESME may submit messages.
func transmits(m pdu.BindMode) bool { return m == pdu.BindTransmitter || m == pdu.BindTransceiver }

// receives tells whether the ESME gets messages.
func receives(m pdu.BindMode) bool { return m == pdu.BindReceiver || m == pdu.BindTransceiver }

// allows tells whether the side r of a session that is bound in mode m may send
// a request (3.4 section 2.3). It is only asked about requests of messages.
func allows(r role, m pdu.BindMode, id pdu.CommandID) bool {
	switch id {
	case pdu.CommandDeliverSM, pdu.CommandAlertNotification:
		return r == smsc && receives(m)
	case pdu.CommandDataSM:
		return r == smsc && receives(m) || r == esme && transmits(m)
	case pdu.CommandSubmitSM, pdu.CommandSubmitMulti, pdu.CommandQuerySM, pdu.CommandCancelSM, pdu.CommandReplaceSM,
		pdu.CommandBroadcastSM, pdu.CommandQueryBroadcastSM, pdu.CommandCancelBroadcastSM:
		return r == esme && transmits(m)
	default:
		return false
	}
}

// maySend tells whether our side may send a request of messages. It is what the
// peer may send us, but that an ESME can also send deliver_sm: there are servers
// that take messages that way.
func maySend(r role, m pdu.BindMode, id pdu.CommandID) bool {
	if id == pdu.CommandAlertNotification {
		// It has no response to wait for.
		return false
	}
	return allows(r, m, id) || id == pdu.CommandDeliverSM && r == esme && transmits(m)
}
