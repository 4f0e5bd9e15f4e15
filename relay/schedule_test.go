package relay_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/relay"
)

func TestScheduleNext(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	two := relay.Schedule{Waits: []time.Duration{time.Second, time.Minute}}
	for name, tt := range map[string]struct {
		schedule   relay.Schedule
		attempts   int
		age        time.Duration
		retryAfter time.Duration
		want       time.Duration // negative: no other attempt
	}{
		"first wait":                     {two, 1, 0, 0, time.Second},
		"second wait":                    {two, 2, 0, 0, time.Minute},
		"exhausted":                      {two, 3, 0, 0, -1},
		"off":                            {relay.Schedule{Off: true, Waits: two.Waits}, 1, 0, 0, -1},
		"receiver asks for longer":       {two, 1, 0, 30 * time.Second, 30 * time.Second},
		"receiver asks for shorter":      {two, 2, 0, 30 * time.Second, time.Minute},
		"receiver asks for too long":     {two, 1, 0, math.MaxInt64, 61 * time.Second},
		"given up":                       {relay.Schedule{Waits: two.Waits, GiveUpAfter: time.Hour}, 1, 2 * time.Hour, 0, -1},
		"last attempt when it is over":   {relay.Schedule{Waits: two.Waits, GiveUpAfter: time.Hour}, 2, 59*time.Minute + 30*time.Second, 0, 30 * time.Second},
		"receiver asks beyond the limit": {relay.Schedule{Waits: two.Waits, GiveUpAfter: time.Hour}, 1, 59*time.Minute + 50*time.Second, time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			due, ok := tt.schedule.Next(now.Add(-tt.age), now, tt.attempts, tt.retryAfter)
			assert.Equal(t, tt.want >= 0, ok)
			if ok {
				assert.Equal(t, tt.want, due.Sub(now))
			}
		})
	}
}

func TestScheduleJitterStaysWithinItsShare(t *testing.T) {
	s := relay.DefaultSchedule()
	rapid.Check(t, func(t *rapid.T) {
		attempts := rapid.IntRange(1, len(s.Waits)).Draw(t, "attempts")
		now := time.Now()
		due, ok := s.Next(now, now, attempts, 0)
		wait := float64(s.Waits[attempts-1])
		if !ok || float64(due.Sub(now)) < 0.79*wait || float64(due.Sub(now)) > 1.21*wait {
			t.Fatalf("wait %v after attempt %d", due.Sub(now), attempts)
		}
	})
}
