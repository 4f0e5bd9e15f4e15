package relay

import (
	"log/slog"
	"time"
)

// MaxSplit is the number of deliveries of an event that one destination can
// have. More are not made.
const MaxSplit = 1000

// Splitter is a [Destination] that can have several deliveries of an event, such
// as one for each recipient. Each has a fate of its own.
type Splitter interface {
	// Split returns how many deliveries of an event there are to be; anything
	// below 1 is taken for 1. It is called when the event is accepted, and must
	// not block. [Delivery.Index] tells them apart.
	Split(e *Event) int
}

// Accept is [Engine.Accept] for an event that came in under the attachment's
// config: destinations that want several deliveries of it get them. It works
// whether or not the attachment counts, and after it was taken away.
func (a *Attachment) Accept(event *Event, to []string, dedup time.Duration, marks ...Mark) (duplicate bool, err error) {
	return a.Keep(Acceptance{Event: event, To: to, Dedup: dedup, Marks: marks})
}

// Keep is [Engine.Keep] in the same way.
func (a *Attachment) Keep(k Acceptance) (duplicate bool, err error) {
	if k.Event != nil && len(a.splitters) > 0 {
		k.To = a.split(k.Event, k.To)
	}
	return a.engine.Keep(k)
}

// findSplitters returns the destinations that may want several deliveries.
func findSplitters(targets map[string]*target) map[string]Splitter {
	found := make(map[string]Splitter)
	for name, t := range targets {
		if s, ok := t.destination.(Splitter); ok {
			found[name] = s
		}
	}
	return found
}

// split repeats the names of destinations that want several deliveries.
func (a *Attachment) split(event *Event, to []string) []string {
	var all []string // nil as long as it would be the same as to
	for i, name := range to {
		n := 1
		if s := a.splitters[name]; s != nil {
			n = a.deliveries(s, event)
		}
		if n > 1 && all == nil {
			all = append(make([]string, 0, len(to)+n), to[:i]...)
		}
		if all == nil {
			continue
		}
		for range n {
			all = append(all, name)
		}
	}
	if all == nil {
		return to
	}
	return all
}

// deliveries asks a destination, whose code may fail, for how many it wants.
func (a *Attachment) deliveries(s Splitter, event *Event) (n int) {
	defer func() {
		if p := recover(); p != nil {
			a.engine.log.Load().Error("a destination failed to tell its deliveries of an event, so there is one", slog.Any("panic", p))
			n = 1
		}
	}()
	return min(max(s.Split(event), 1), MaxSplit)
}
