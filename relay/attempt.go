package relay

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// attemptResult is what a lane needs to know of an attempt.
type attemptResult struct {
	// reached is false when the receiver did not even answer.
	reached bool
	// released is set when the attempt was cut short by Close and left nothing
	// to be recorded.
	released bool
	// aside is set when nothing was sent, so that nothing is known about how
	// the receiver does.
	aside bool
}

// attempt delivers w once and hands the outcome to the committer.
func (e *Engine) attempt(w *work, t *target) attemptResult {
	if w.From != StatePending {
		return e.overdue(w, t)
	}
	w.Attempt++
	w.Started = time.Now()
	w.Result = guarded(func() Result { return t.destination.Deliver(e.attempts, e.delivery(w)) })
	w.Took = time.Since(w.Started)
	e.observer.Attempted(w.lane.name, w.Result.Reason, w.Took)
	e.dropOversized(w)
	if w.Result.Reason == ReasonCanceled {
		return e.abandon(w)
	}
	w.State, w.Due = decide(w, t.schedule, w.Started.Add(w.Took))
	if w.State == StatePending && w.waits() {
		w.Attempt--
	}
	reached := w.Result.Outcome == Delivered || w.Result.Outcome == Taken || w.Result.Status != 0
	e.committer.finish(w)
	return attemptResult{reached: reached}
}

// delivery returns what a destination gets to see of w.
func (e *Engine) delivery(w *work) *Delivery {
	return &Delivery{
		ID:          e.deliveryID(w.Key),
		Event:       w.event,
		Destination: w.lane.name,
		Index:       w.index,
		Attempt:     w.Attempt,
		Note:        w.note,
		Report:      w.report,
	}
}

// abandon ends an attempt that was cut short and does not count. What the
// receiver has taken of it is recorded nevertheless, if the destination says so,
// and the next attempt goes on from there, maybe in another process.
func (e *Engine) abandon(w *work) attemptResult {
	if w.Result.Note == nil && len(w.Result.Links) == 0 {
		return attemptResult{released: true}
	}
	w.Abandoned = true
	e.committer.finish(w)
	return attemptResult{}
}

// guarded keeps a failure of a destination's code from ending the process,
// which would only meet the same event again after the next start.
func guarded(call func() Result) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r = Result{
				Outcome: Retry,
				Reason:  ReasonPanic,
				Detail:  fmt.Sprintf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	return call()
}

// waits tells whether an attempt has only waited, and does not count.
func (w *work) waits() bool { return w.Result.Outcome == Retry && w.Result.Uncounted }

// uncountedPause is the pause after an attempt that has waited in vain.
const uncountedPause = time.Second

// reportTime is how long a report is awaited if the destination does not say.
const reportTime = 24 * time.Hour

// decide tells what becomes of a delivery after an attempt.
func decide(w *work, s Schedule, now time.Time) (State, time.Time) {
	switch {
	case w.Result.Outcome == Taken:
		return StateAwaiting, now.Add(cmp.Or(w.Result.ReportWithin, reportTime))
	case w.Result.Outcome == Delivered && w.Result.ReportWithin > 0:
		return StateUnreported, now.Add(w.Result.ReportWithin)
	case w.Result.Outcome == Delivered:
		return StateDelivered, time.Time{}
	}
	if s.Off {
		return StateDropped, time.Time{}
	}
	if w.waits() && !s.tooOld(w.event.Time, now) {
		return StatePending, now.Add(max(w.Result.RetryAfter, uncountedPause))
	}
	if w.Result.Outcome == Retry {
		if due, ok := s.Next(w.event.Time, now, w.Attempt, w.Result.RetryAfter); ok {
			return StatePending, due
		}
	}
	return StateDead, time.Time{}
}

// logFinish writes the line of an attempt whose outcome is committed.
func (e *Engine) logFinish(w *work) {
	level, msg := slog.LevelDebug, "delivered"
	switch {
	case w.Stale:
		msg = "delivery was settled before its attempt ended"
	case w.State == StatePending:
		msg = "delivery failed and will be retried"
	case w.State == StateDead:
		level, msg = slog.LevelWarn, "delivery became a dead letter"
	case w.State == StateDropped:
		msg = "delivery failed and is dropped, since retries are off"
	case w.State == StateAwaiting:
		msg = "delivery was taken and awaits its report"
	case w.From == StateUnreported:
		msg = "no report of the delivery came"
	}
	ctx := context.Background()
	log := e.log.Load()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("destination", w.lane.name),
		slog.String("source", w.event.Source),
		slog.String("event_id", w.event.ID),
		slog.Int("attempt", w.Attempt),
		slog.Duration("duration", w.Took),
		slog.Int("status", w.Result.Status),
	}
	if w.Result.Outcome == Retry || w.Result.Outcome == Permanent {
		attrs = append(attrs, slog.String("reason", string(w.Result.Reason)), slog.String("detail", w.Result.Detail))
	}
	if w.State == StatePending {
		attrs = append(attrs, slog.Time("retry_at", w.Due))
	}
	log.LogAttrs(ctx, level, msg, attrs...)
}

// failingAfter is the number of failures in a row after which a destination is
// reported as failing.
const failingAfter = 5

// logHealth reports when a destination begins to fail, and when it is back.
func (e *Engine) logHealth(w *work) {
	l := w.lane
	if w.Result.Outcome == Delivered || w.Result.Outcome == Taken {
		if l.failures >= failingAfter {
			e.log.Load().Info("destination delivers again", slog.String("destination", l.name), slog.Int("failures", l.failures))
		}
		l.failures = 0
		return
	}
	if l.failures++; l.failures == failingAfter {
		e.log.Load().Warn("destination is failing",
			slog.String("destination", l.name),
			slog.Int("failures", l.failures),
			slog.Int("status", w.Result.Status),
			slog.String("reason", string(w.Result.Reason)),
			slog.String("detail", w.Result.Detail))
	}
}
