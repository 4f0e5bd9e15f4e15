package relay

import (
	"log/slog"
	"slices"
)

// dropOversized takes from a result what is longer than a destination may
// have kept. The outcome stands: making it a failure would repeat a delivery
// that the receiver may have taken.
func (e *Engine) dropOversized(w *work) {
	if n := len(w.Result.Note); n > MaxNoteLength {
		w.Result.Note = nil
		e.logOversized(w, "note", n, MaxNoteLength)
	}
	tooLong := func(l Link) bool { return len(l.Value) > MaxLinkLength }
	if i := slices.IndexFunc(w.Result.Links, tooLong); i >= 0 {
		e.logOversized(w, "link", len(w.Result.Links[i].Value), MaxLinkLength)
		w.Result.Links = slices.DeleteFunc(slices.Clone(w.Result.Links), tooLong)
	}
}

func (e *Engine) logOversized(w *work, what string, length, limit int) {
	e.log.Load().Error("destination wanted more kept than there is room for; it is dropped",
		slog.String("destination", w.lane.name),
		slog.String("source", w.event.Source),
		slog.String("event_id", w.event.ID),
		slog.String("what", what),
		slog.Int("length", length),
		slog.Int("limit", limit))
}
