package relay

import "time"

// Observer is told what the engine does, so that it can be counted. Its
// methods are called on hot paths and must return at once.
type Observer interface {
	// Accepted is called for each event that was kept or found to be a
	// duplicate.
	Accepted(source string, duplicate bool)
	// Attempted is called after each attempt. reason is empty for a success.
	Attempted(destination string, reason Reason, took time.Duration)
	// Finished is called when a delivery has reached the given state, which
	// is never StatePending.
	Finished(destination string, state State)
	// Committed is called after each commit with the number of events and
	// outcomes in it.
	Committed(events, outcomes int, took time.Duration)
	// Synced is called after each sync to disk.
	Synced(took time.Duration)
}

// nopObserver is the Observer of an engine that was given none.
type nopObserver struct{}

func (nopObserver) Accepted(string, bool)                   {}
func (nopObserver) Attempted(string, Reason, time.Duration) {}
func (nopObserver) Finished(string, State)                  {}
func (nopObserver) Committed(int, int, time.Duration)       {}
func (nopObserver) Synced(time.Duration)                    {}
