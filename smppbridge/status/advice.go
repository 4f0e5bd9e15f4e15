package status

import (
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Advice is what to do about a status.
type Advice struct {
	Class Class
	// Wait is how long to wait before the next try at least; 0 leaves it to the
	// schedule of retries, or with [Throttle] to the rate of the bind.
	Wait time.Duration
	// Tries is how many times to try again at most; 0 leaves it to the schedule
	// of retries.
	Tries int
	// Remedy is what else to try, once, before giving up.
	Remedy Remedy
	// Note tells people what the status mostly comes from, if that is more than
	// its name says. It is a sentence without a period.
	Note string
}

// Final tells that the message is not to be tried again as it is.
func (a Advice) Final() bool { return a.Class == Permanent || a.Class == Delivered }

// Remedy is a change to a message that may make an SMSC take it.
type Remedy uint8

// The remedies.
const (
	NoRemedy Remedy = iota
	// DropTLVs is to leave the optional parameters out.
	DropTLVs
	// UseSubmitSM is to send submit_sm where it was data_sm or submit_multi.
	UseSubmitSM
	// DropIntermediate is to ask for no intermediate notifications, which many
	// SMSCs refuse.
	DropIntermediate
	// UseRelativeTime is to give times as periods from now, since the clocks may
	// differ.
	UseRelativeTime
)

// What is advised if a code is of a class without more being known of it.
var classAdvice = [...]Advice{
	Delivered:   {Class: Delivered},
	Permanent:   {Class: Permanent},
	Retry:       {Class: Retry, Wait: retryWait},
	Throttle:    {Class: Throttle},
	Rebind:      {Class: Rebind},
	BindRefused: {Class: BindRefused},
	Ambiguous:   {Class: Ambiguous, Wait: retryWait, Tries: ambiguousTries},
}

const (
	retryWait      = 30 * time.Second
	ambiguousTries = 2
	// queueWait is longer: the full queue may be that of one recipient, which
	// takes minutes to empty, and others should pass meanwhile.
	queueWait = 3 * time.Minute
)

// deliveryFailure is the advice for ESME_RDELIVERYFAILURE, which has its reason
// in a TLV (3.4 section 5.3.2.33).
var deliveryFailure = map[pdu.DeliveryFailureReason]Advice{
	pdu.DeliveryFailureUnavailable:    {Class: Retry, Wait: retryWait, Note: "the recipient can't be reached now"},
	pdu.DeliveryFailureInvalidAddress: {Class: Permanent, Note: "the destination address is invalid"},
	pdu.DeliveryFailurePermanent:      {Class: Permanent, Note: "the network has a lasting error"},
	pdu.DeliveryFailureTemporary:      {Class: Retry, Wait: retryWait, Note: "the network has a passing error"},
}
