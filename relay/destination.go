package relay

import (
	"context"
	"time"
)

// Delivery is one event for one destination, as a [Destination] sees it.
type Delivery struct {
	// ID identifies the delivery. It is the same on every attempt, and no
	// other delivery of any queue has it, so receivers can drop repeats by it.
	ID string
	// Event is shared between deliveries and must not be changed.
	Event *Event
	// Destination is the name of the destination.
	Destination string
	// Index tells the deliveries of the event to the destination apart, from 0.
	// Without a [Splitter] there is one.
	Index int
	// Attempt counts the tries of this delivery, this one included, from 1.
	Attempt int
	// Note is what an earlier attempt wanted to be kept, see [Result]. It must
	// not be changed.
	Note []byte
	// Report is what was reported apart from attempts, see [Settlement]. It must
	// not be changed.
	Report []byte
}

// Destination is a way out. Deliver tries a delivery once and classifies what
// happened; when to try again is not its business. It is called from many
// goroutines at a time, and returns soon after ctx is done.
type Destination interface {
	Deliver(ctx context.Context, d *Delivery) Result
}

// Reporter is a [Destination] whose receivers report later what became of an
// event. A report is a [Settlement].
type Reporter interface {
	// Overdue is called when no report has settled a delivery within the time
	// that its result has set. It returns Delivered or Permanent to stop waiting,
	// where only a delivery that awaits its report becomes a dead letter, or
	// Retry to be called again, after a minute at least.
	Overdue(ctx context.Context, d *Delivery) Result
}

// Outcome says what is to become of a delivery after an attempt.
type Outcome uint8

const (
	// Delivered means that the receiver has taken the event.
	Delivered Outcome = iota
	// Retry means that another attempt may succeed.
	Retry
	// Permanent means that no further attempt can succeed.
	Permanent
	// Taken means that the receiver has the event, and will report whether it
	// has taken it for good. The delivery is neither delivered nor tried again
	// until then, or until the time of ReportWithin is over.
	Taken
)

// Reason is the cause of an attempt's failure, from a closed set so that it
// can label a metric.
type Reason string

// The reasons an attempt can fail for.
const (
	ReasonStatus     Reason = "status"      // the receiver answered, but not with success
	ReasonRedirect   Reason = "redirect"    // the receiver answered with a redirect, which is never followed
	ReasonTimeout    Reason = "timeout"     // no complete answer within the timeout
	ReasonDNS        Reason = "dns"         // the receiver's name did not resolve
	ReasonConnect    Reason = "connect"     // no connection could be made, or it broke
	ReasonTLS        Reason = "tls"         // the TLS handshake or the certificate failed
	ReasonForbidden  Reason = "forbidden"   // the receiver's address is one that must not be called
	ReasonBadRequest Reason = "bad_request" // the event can't be expressed as a request to this destination
	ReasonCanceled   Reason = "canceled"    // the attempt was cut short by our own shutdown or reload, and does not count
	ReasonPanic      Reason = "panic"       // the destination's code failed
	ReasonReport     Reason = "report"      // the receiver has reported a failure, or nothing in time
)

// Result is what an attempt came to.
type Result struct {
	Outcome Outcome
	// Reason is empty when Outcome is Delivered.
	Reason Reason
	// Status is the receiver's status code, or 0 if it gave none.
	Status int
	// RetryAfter is the shortest wait that the receiver asked for, or 0.
	RetryAfter time.Duration
	// Uncounted is set with Retry if there was nobody to send to, and Deliver has
	// waited in vain. The attempt is made again soon and does not count, as long
	// as the schedule has not given up on the event for its age.
	Uncounted bool
	// Response is the beginning of the receiver's answer, at most 16 KiB.
	Response []byte
	// Detail explains a failure to a human. It never holds a secret: no
	// userinfo or query of a URL, no header value of ours.
	Detail string
	// ReportWithin is how long to wait for a report, if Outcome is Taken or
	// Delivered. 0 does not wait after Delivered, and for a day after Taken.
	ReportWithin time.Duration
	// Note is kept with the delivery, also beyond its end, and handed to the
	// next attempt. It replaces the last one; nil leaves that as it is, and an
	// empty one that is not nil removes it. At most [MaxNoteLength] bytes. It
	// must not be changed afterwards.
	Note []byte
	// Links are kept together with the outcome of the attempt.
	Links []Link
}

// MaxNoteLength is the longest note of a delivery, in bytes.
const MaxNoteLength = 64 << 10
