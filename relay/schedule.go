package relay

import (
	"math/rand/v2"
	"time"
)

// Schedule says when a failed delivery is tried again.
type Schedule struct {
	// Waits are the waits between attempts: a delivery is tried once more
	// than there are waits.
	Waits []time.Duration
	// Jitter spreads each wait randomly by this share of it, up and down, so
	// that deliveries that failed together don't come back together.
	Jitter float64
	// GiveUpAfter bounds the time from the event's receipt to the last
	// attempt; 0 means that only Waits do.
	GiveUpAfter time.Duration
	// Off turns retries off: a delivery is tried once, and a failed one is
	// dropped instead of becoming a dead letter.
	Off bool
}

// DefaultSchedule returns the ten attempts over about three days that the
// Standard Webhooks specification suggests.
func DefaultSchedule() Schedule {
	return Schedule{
		Waits: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		},
		Jitter:      0.2,
		GiveUpAfter: 4 * 24 * time.Hour,
	}
}

// tooOld tells whether to give up on an event for its age.
func (s Schedule) tooOld(received, now time.Time) bool {
	return s.GiveUpAfter > 0 && now.After(received.Add(s.GiveUpAfter))
}

// Next returns when to try again after the given number of attempts, of which
// the last ended now and its receiver asked for a wait of at least retryAfter.
// That wait is cut to the time the rest of the schedule would take. It returns
// false when there is to be no other attempt.
func (s Schedule) Next(received, now time.Time, attempts int, retryAfter time.Duration) (time.Time, bool) {
	if s.Off || attempts > len(s.Waits) || attempts < 1 {
		return time.Time{}, false
	}
	limit := now
	for _, w := range s.Waits[attempts-1:] {
		limit = limit.Add(w + time.Duration(s.Jitter*float64(w)))
	}
	if last := received.Add(s.GiveUpAfter); s.GiveUpAfter > 0 && last.Before(limit) {
		limit = last
	}
	if limit.Before(now) {
		return time.Time{}, false
	}
	wait := s.Waits[attempts-1]
	wait += time.Duration((rand.Float64()*2 - 1) * s.Jitter * float64(wait)) //nolint:gosec // Jitter needs no secrecy.
	if due := now.Add(max(wait, retryAfter)); due.Before(limit) {
		return due, true
	}
	return limit, true
}
