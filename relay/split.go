package relay

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

// splitters returns the targets that are splitters, or nil if there are none.
func splitters(targets map[string]*target) map[string]Splitter {
	var found map[string]Splitter
	for name, t := range targets {
		if s, ok := t.destination.(Splitter); ok {
			if found == nil {
				found = make(map[string]Splitter)
			}
			found[name] = s
		}
	}
	return found
}

// split repeats the names of destinations that want several deliveries.
func (e *Engine) split(event *Event, to []string) []string {
	found := *e.splitters.Load()
	if found == nil || event == nil {
		return to
	}
	var all []string // nil as long as it would be the same as to
	for i, name := range to {
		n := 1
		if s := found[name]; s != nil {
			n = min(max(s.Split(event), 1), MaxSplit)
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
