package relay

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Settlement is what a receiver tells about a delivery apart from its attempts,
// as with a delivery receipt that comes hours later.
type Settlement struct {
	// Delivery is the id of the delivery, and Destination where it goes. One
	// that is not known, or not any more, is ignored.
	Delivery, Destination string
	// State is what the delivery becomes, if it is not final yet: one of
	// StateDelivered, StateDead, StateUnreported and StateAwaiting. A dead
	// letter can only become one that was delivered or taken after all, and where
	// retries are off, there are none. StatePending leaves the state as it is.
	State State
	// Until is when to stop waiting for a report, if State is StateUnreported
	// or StateAwaiting.
	Until time.Time
	// Report replaces what was reported before, and is kept with the delivery.
	// nil leaves that as it is. At most [MaxNoteLength] bytes. It must not be
	// changed afterwards.
	Report []byte
	// Detail explains a failure. It is kept as that of an attempt.
	Detail string
	// EventID is that of the delivery's event, for the log.
	EventID string

	// Key is what a queue knows the delivery by. The engine sets it.
	Key int64
	// Was is set by Commit to the state before, and Settled tells whether State
	// has taken effect.
	Was     State
	Settled bool
}

// Allows reports whether a delivery in state was becomes s.State.
func (s *Settlement) Allows(was State) bool {
	switch s.State {
	case StatePending:
		return false
	case StateDead, StateDropped:
		return was.open()
	default:
		return was.open() || was == StateDead || was == StateUnreported
	}
}

// open reports whether a delivery is neither delivered nor given up.
func (s State) open() bool { return s == StatePending || s == StateAwaiting }

// taken reports whether the receiver has the event as far as it has said.
func (s State) taken() bool { return s == StateDelivered || s == StateUnreported }

// Expected reports whether a report is awaited in state s.
func (s State) Expected() bool { return s == StateUnreported || s == StateAwaiting }

// deliveryID returns the id of a delivery by its key.
func (e *Engine) deliveryID(key int64) string {
	return e.queue.ID() + "_" + strconv.FormatInt(key, 36)
}

// deliveryKey is the opposite of deliveryID.
func (e *Engine) deliveryKey(id string) (key int64, ok bool) {
	digits, ok := strings.CutPrefix(id, e.queue.ID()+"_")
	if !ok {
		return 0, false
	}
	key, err := strconv.ParseInt(digits, 36, 64)
	return key, err == nil
}

// Report returns what was last reported about a delivery, or nil.
func (e *Engine) Report(ctx context.Context, delivery string) ([]byte, error) {
	key, ok := e.deliveryKey(delivery)
	if !ok {
		return nil, nil
	}
	if !e.lookups.begin() {
		return nil, ErrClosed
	}
	defer e.lookups.end()
	return e.queue.Report(ctx, key)
}

// checkSettlement prepares a settlement for the queue. It returns nil for one of
// a delivery that can't be of this queue.
func (e *Engine) checkSettlement(s *Settlement) (*Settlement, error) {
	if s == nil {
		return nil, nil
	}
	if len(s.Report) > MaxNoteLength {
		return nil, fmt.Errorf("a report has %d bytes, and may have %d at most", len(s.Report), MaxNoteLength)
	}
	key, ok := e.deliveryKey(s.Delivery)
	if !ok {
		return nil, nil
	}
	settlement := *s
	settlement.Key = key
	if s.State == StateDead && e.drops(s.Destination) {
		settlement.State = StateDropped
	}
	return &settlement, nil
}

// drops tells whether a destination has no dead letters.
func (e *Engine) drops(destination string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active == nil {
		return false
	}
	t := e.active.targets[destination]
	return t != nil && t.schedule.Off
}

// settled is called when a settlement has been committed.
func (e *Engine) settled(s *Settlement) {
	if !s.Settled {
		return
	}
	switch {
	case s.State == StateDead || s.State == StateDropped:
		e.observer.Finished(s.Destination, s.State)
		e.logSettled(s)
	case s.State.taken() && s.Was != StateUnreported:
		e.observer.Finished(s.Destination, StateDelivered)
		e.logSettled(s)
	}
	e.lane(s.Destination).settled(s)
}

// logSettled writes the line of a delivery that a report has ended.
func (e *Engine) logSettled(s *Settlement) {
	level, msg := slog.LevelDebug, "delivered"
	switch s.State {
	case StateDead:
		level, msg = slog.LevelWarn, "delivery became a dead letter"
	case StateDropped:
		msg = "delivery failed and is dropped, since retries are off"
	default:
	}
	attrs := []slog.Attr{
		slog.String("destination", s.Destination),
		slog.String("event_id", s.EventID),
		slog.String("delivery", s.Delivery),
	}
	if s.State == StateDead || s.State == StateDropped {
		attrs = append(attrs, slog.String("reason", string(ReasonReport)), slog.String("detail", s.Detail))
	}
	e.log.Load().LogAttrs(context.Background(), level, msg, attrs...)
}

// settled keeps the figures of the lane right. The delivery may be in memory;
// then its attempt finds it settled.
func (l *lane) settled(s *Settlement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved(s.Was, s.State)
	if s.State.Expected() {
		l.wakeAt(s.Until)
	}
}

// moved counts a delivery that has come from one state to another. It is called
// with the lane locked.
func (l *lane) moved(from, to State) {
	switch {
	case from.open() && !to.open():
		l.pending.Add(-1)
	case !from.open() && to.open():
		l.pending.Add(1)
	}
	if from == StateDead {
		l.dead.Add(-1)
	}
	if to == StateDead {
		l.dead.Add(1)
	}
}

// reportRetry is the pause after a destination could not deal with a report that
// did not come.
const reportRetry = time.Minute

// overdue tells a destination that no report has come in time.
func (e *Engine) overdue(w *work, t *target) attemptResult {
	w.Attempt = max(w.Attempt, 1)
	w.Started = time.Now()
	w.Result = Result{Outcome: Permanent, Detail: "no report came"}
	if r, ok := t.destination.(Reporter); ok {
		w.Result = guarded(func() Result { return r.Overdue(e.attempts, e.delivery(w)) })
	}
	e.dropOversized(w)
	if w.Result.Reason == ReasonCanceled {
		return e.abandon(w)
	}
	w.Result.Reason = ReasonReport
	switch {
	case w.Result.Outcome == Retry:
		w.State, w.Due = w.From, time.Now().Add(max(w.Result.RetryAfter, reportRetry))
	case w.Result.Outcome == Permanent && w.From == StateAwaiting && t.schedule.Off:
		w.State = StateDropped
	case w.Result.Outcome == Permanent && w.From == StateAwaiting:
		w.State = StateDead
	default:
		w.State = StateDelivered
	}
	e.committer.finish(w)
	return attemptResult{aside: true}
}
