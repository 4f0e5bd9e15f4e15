package relay

import (
	"context"
	"errors"
	"time"
)

// Queue keeps events, deliveries and attempts durably. Engines live below
// relay/queue and pass the suite in relay/queue/queuetest.
//
// Commit and Maintain are called from one goroutine at a time, Sync from one
// other, and the rest from any, also while Commit runs.
type Queue interface {
	// ID identifies this queue among all queues ever created; it makes
	// delivery ids unique.
	ID() string
	// Commit applies b atomically. When it returns nil, everything in b that
	// has no error of its own is seen by the other methods and survives a
	// crash of the process. When it returns an error, nothing of b has been
	// applied.
	Commit(ctx context.Context, b *Batch) error
	// Sync makes all that has been committed survive a power cut too. The
	// keys of what is lost without it are not used again.
	Sync(ctx context.Context) error
	// Remembered returns the note of a mark that was committed and whose time
	// is not over, and whether there is one. A commit under way may count
	// already. It is asked for each request that must not be repeated, and
	// nearly always in vain, which must cost little.
	Remembered(ctx context.Context, hash MarkHash) (note uint16, ok bool, err error)
	// Linked returns the values of the links with a hash that were committed
	// and whose time is not over, the newest first, and at most [MaxLinked] of
	// them. A commit under way may count already.
	Linked(ctx context.Context, hash LinkHash) (values [][]byte, err error)
	// EachLinked calls f with the values of all those links, the oldest first,
	// until f returns an error, which it returns then. f may use the queue.
	EachLinked(ctx context.Context, hash LinkHash, f func(value []byte) error) error
	// Report returns what was last reported about a delivery, or nil.
	Report(ctx context.Context, key int64) ([]byte, error)
	// Claim reads deliveries that are due: those that wait for an attempt, and
	// those whose time for a report is over.
	Claim(ctx context.Context, q ClaimQuery) (Claims, error)
	// Stats counts the open deliveries and dead letters of every
	// destination that has ever had a delivery.
	Stats(ctx context.Context) ([]DestinationStats, error)
	// Oldest returns when the oldest event with a delivery in StatePending for a
	// destination was received, or the zero time if there is none.
	Oldest(ctx context.Context, destination string) (time.Time, error)
	// Maintain does one short step of housekeeping, such as pruning history,
	// and reports whether there is more to do at once.
	Maintain(ctx context.Context, limits Limits) (more bool, err error)
	// Close syncs and closes the queue. No other method may run or follow.
	Close() error
}

// MaxIDLength is the longest id of an event, in bytes.
const MaxIDLength = 512

var (
	// ErrClosed is returned for an event offered after the engine was closed.
	ErrClosed = errors.New("the queue is closed")
	// ErrFull is returned for an event that the queue has no room for.
	ErrFull = errors.New("the queue is full")
)

// Limits bound what a queue keeps.
type Limits struct {
	// History is how long finished deliveries stay.
	History time.Duration
	// MaxSize is the number of bytes that what is kept may take, or 0 for no
	// limit. A log of recent changes may come on top. History gives way to new events; unfinished deliveries and dead
	// letters don't.
	MaxSize int64
}

// Batch is a unit of work for a [Queue].
type Batch struct {
	Accepts  []*Acceptance
	Finishes []*Finish
	Limits   Limits
}

// Acceptance is an event to be kept, with the destinations it is for.
type Acceptance struct {
	// Event is nil if only the rest is to be kept.
	Event *Event
	// To names the destinations. One that is to have several deliveries is
	// there as often, without others in between.
	To []string
	// Dedup is how long the event's id is remembered. An event whose source
	// and id are remembered is a duplicate and is not kept. 0 turns this off.
	Dedup time.Duration
	// Marks are remembered together with the event, or none of it is. An event
	// with a mark that is remembered already is a duplicate, too; the other
	// marks of a duplicate are remembered nevertheless.
	Marks []Mark
	// Links are kept together with the event, or none of it is. Those of a
	// duplicate are not kept.
	Links []Link
	// Settlement may be nil. It is made in any case, also when the event is a
	// duplicate or refused.
	Settlement *Settlement

	// Duplicate is set by Commit.
	Duplicate bool
	// Keys is filled by Commit with a key for each name in To.
	Keys []int64
	// Err is set by Commit when this event was refused, as with [ErrFull].
	Err error
}

// MarkHash is what a mark is recognized by: half of a SHA-256, or as good as
// that, so that nobody can find two things with the same one.
type MarkHash [16]byte

// Mark is something that a queue remembers for a time, beside the ids of
// events. It is so small that a full queue takes it, too.
type Mark struct {
	Hash MarkHash
	// For is how long it is remembered.
	For time.Duration
	// Note is kept with it.
	Note uint16
}

// State is where a delivery is in its life.
type State uint8

// The states of a delivery. Their numbers are stored, so they must not change.
const (
	StatePending   State = 0 // waits for an attempt
	StateDelivered State = 1 // the receiver took it
	StateDead      State = 2 // a dead letter: kept until replayed or dropped
	StateDropped   State = 3 // given up without becoming a dead letter
	// StateUnreported is that of a delivery that the receiver took, and of which
	// it is expected to report what became of it.
	StateUnreported State = 4
	// StateAwaiting is that of one which is not delivered before such a report.
	StateAwaiting State = 5
)

// Finish records an attempt and the state the delivery has after it, together
// with the note and the links of its result.
type Finish struct {
	Key   int64
	State State
	// From is the state in which the delivery was claimed. Unless it is
	// StatePending, there was no attempt, but a report did not come in time. It
	// is recorded behind the last attempt if the delivery has failed for that.
	From State
	// Due is when the next attempt is to be made, if State is StatePending, or
	// when the time for a report is over.
	Due time.Time
	// Attempt counts from 1. Started is when it began, Took how long it was. If
	// the result is uncounted and State is StatePending, the attempt is not
	// recorded, and Attempt is the number of those before.
	Attempt int
	Started time.Time
	Took    time.Duration
	Result  Result
	// Abandoned is set when the attempt was cut short and does not count: only
	// the note and the links are recorded, and the delivery stays as it is.
	Abandoned bool

	// Stale is set by Commit if the delivery has left the state From meanwhile.
	// It stays as it is then, while the rest is recorded.
	Stale bool
}

// ClaimQuery asks for deliveries of one destination.
type ClaimQuery struct {
	Destination string
	// Now is the time up to which deliveries count as due.
	Now time.Time
	// Max is the number of deliveries wanted; MaxBytes ends the list early,
	// once the sizes of those in it exceed it. One is always returned.
	Max      int
	MaxBytes int64
	// Held reports keys that the caller already has.
	Held func(key int64) bool
}

// Claims is the answer to a [ClaimQuery].
type Claims struct {
	// Due are the deliveries, the longest due first.
	Due []Claim
	// Exhausted reports that no other delivery is due.
	Exhausted bool
	// Next is when the next delivery becomes due after Now, or zero. It is
	// only set when Exhausted is.
	Next time.Time
}

// Claim is an unfinished delivery read back from a queue.
type Claim struct {
	Key      int64
	Event    *Event
	State    State // StatePending, StateUnreported or StateAwaiting
	Index    int   // among the deliveries of the event to the destination
	Attempts int   // made so far
	Note     []byte
	Report   []byte
}

// Size returns about how many bytes the delivery takes in memory.
func (c *Claim) Size() int64 { return c.Event.Size() + int64(len(c.Note)+len(c.Report)) }

// DestinationStats are the figures of a destination in a queue.
type DestinationStats struct {
	Destination string
	Pending     int64 // in StatePending and StateAwaiting
	Dead        int64
}
