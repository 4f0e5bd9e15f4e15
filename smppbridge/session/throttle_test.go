package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// respond has the peer take n messages within a second from *now.
func respond(t *Throttle, now *time.Time, n int) {
	for range n {
		t.Learn(pdu.StatusOK, *now)
		*now = now.Add(time.Second / time.Duration(n))
	}
}

func TestThrottleHalvesAndGrows(t *testing.T) {
	var th Throttle
	now := time.Unix(1000, 0)
	require.Equal(t, rate.Inf, th.Rate())
	require.Zero(t, th.Delay(now))
	respond(&th, &now, 200)
	require.True(t, th.Learn(pdu.StatusThrottled, now))
	require.Equal(t, rate.Limit(100), th.Rate(), "half of what was taken")
	require.False(t, th.Learn(pdu.StatusThrottled, now), "those in flight don't count")

	now = now.Add(time.Second)
	th.Learn(pdu.StatusOK, now)
	require.Equal(t, rate.Limit(200), th.Rate(), "it was once only")
	require.True(t, th.Learn(pdu.StatusThrottled, now))
	require.Equal(t, rate.Limit(100), th.Rate())
	for i := range 10 {
		now = now.Add(time.Second)
		th.Learn(pdu.StatusOK, now)
		require.InDelta(t, 110+10*i, float64(th.Rate()), 1e-9)
	}
	require.True(t, th.Learn(pdu.StatusThrottled, now))
	require.Equal(t, rate.Limit(100), th.Rate())

	for range 100 {
		now = now.Add(time.Second)
		th.Learn(pdu.StatusOK, now)
	}
	require.Equal(t, rate.Inf, th.Rate(), "the peer was busy for a while only")
}

func TestThrottleHasAFloor(t *testing.T) {
	var th Throttle
	now := time.Unix(1000, 0)
	for range 20 {
		require.True(t, th.Learn(pdu.StatusThrottled, now))
		require.Equal(t, leastRate, th.Rate())
		now = now.Add(time.Second)
	}
}

func TestThrottlePaces(t *testing.T) {
	var th Throttle
	now := time.Unix(1000, 0)
	th.Learn(pdu.StatusThrottled, now)
	sent := 0
	for range 1000 {
		if th.Delay(now) == 0 {
			th.Use(now)
			sent++
		}
		now = now.Add(10 * time.Millisecond)
	}
	require.InDelta(t, 10, sent, 1, "one a second for ten seconds")
}

// TestThrottleFindsTheRate has peers that take so many messages a second, and so
// many at once, and a window of ten that is always full.
func TestThrottleFindsTheRate(t *testing.T) {
	for _, perSecond := range []float64{5, 50, 500} {
		for _, atOnce := range []int{1, 10, int(perSecond)} {
			t.Run(fmt.Sprintf("%v at %v", perSecond, atOnce), func(t *testing.T) {
				const window, seconds = 10, 120
				const roundTrip, tick = 20 * time.Millisecond, time.Millisecond
				var th Throttle
				peer := rate.NewLimiter(rate.Limit(perSecond), atOnce)
				start := time.Unix(1000, 0)
				var flying []time.Time // when the answers come
				taken, refused := 0, 0
				for now := start; now.Before(start.Add(seconds * time.Second)); now = now.Add(tick) {
					for len(flying) > 0 && !now.Before(flying[0]) {
						status := pdu.StatusThrottled
						if peer.AllowN(now, 1) {
							status = pdu.StatusOK
							taken++
						} else {
							refused++
						}
						th.Learn(status, now)
						flying = flying[1:]
					}
					for len(flying) < window && th.Delay(now) == 0 {
						th.Use(now)
						flying = append(flying, now.Add(roundTrip))
					}
				}
				share := float64(taken) / (perSecond * seconds)
				t.Logf("took %.0f %% of what it could, %.1f %% were refused", 100*share, 100*float64(refused)/float64(taken+refused))
				require.Greater(t, share, 0.65)
				require.Less(t, float64(refused)/float64(taken+refused), 0.1)
			})
		}
	}
}

func TestFullQueueOfOneRecipient(t *testing.T) {
	var th Throttle
	now := time.Unix(1000, 0)
	respond(&th, &now, 100)
	respond(&th, &now, 100)
	for range 9 {
		require.False(t, th.Learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	}
	require.Equal(t, rate.Inf, th.Rate())
	require.False(t, th.Learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	require.True(t, th.Learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	require.Equal(t, rate.Limit(50), th.Rate())
}

func TestBackoff(t *testing.T) {
	between := func(t *testing.T, least, most, got time.Duration) {
		require.GreaterOrEqual(t, got, least)
		require.LessOrEqual(t, got, most)
	}
	for range 20 {
		b := backoff{least: time.Second, most: time.Minute}
		lost := errors.New("lost")
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			between(t, want*time.Second, want*time.Second*3/2, b.next(lost, time.Second))
		}
		between(t, time.Second, 3*time.Second/2, b.next(lost, 30*time.Second))
		for status, want := range map[pdu.CommandStatus]time.Duration{
			pdu.StatusInvPaswd: time.Minute, pdu.StatusInvSysID: time.Minute, pdu.StatusInvSysTyp: time.Minute,
			pdu.StatusAlyBnd: 5 * time.Second, pdu.StatusBindFail: 5 * time.Second, pdu.StatusSysErr: time.Second,
		} {
			b := backoff{least: time.Second, most: time.Minute}
			between(t, want, want*3/2, b.next(fmt.Errorf("bind: %w", &BindError{Status: status}), 0))
		}
	}
}
