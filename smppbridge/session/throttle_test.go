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
func respond(t *throttle, now *time.Time, n int) {
	for range n {
		t.learn(pdu.StatusOK, *now)
		*now = now.Add(time.Second / time.Duration(n))
	}
}

func TestThrottleHalvesAndGrows(t *testing.T) {
	var th throttle
	now := time.Unix(1000, 0)
	require.Equal(t, rate.Inf, th.rate())
	require.Zero(t, delay(th.limiter, now))
	respond(&th, &now, 200)
	require.True(t, th.learn(pdu.StatusThrottled, now))
	require.Equal(t, rate.Limit(100), th.rate(), "half of what was taken")
	require.False(t, th.learn(pdu.StatusThrottled, now), "those in flight don't count")

	for i := range 10 {
		now = now.Add(time.Second)
		th.learn(pdu.StatusOK, now)
		require.InDelta(t, 110+10*i, float64(th.rate()), 1e-9)
	}
	require.True(t, th.learn(pdu.StatusThrottled, now))
	require.Equal(t, rate.Limit(100), th.rate())

	for range 100 {
		now = now.Add(time.Second)
		th.learn(pdu.StatusOK, now)
	}
	require.Equal(t, rate.Inf, th.rate(), "the peer was busy for a while only")
}

func TestThrottleHasAFloor(t *testing.T) {
	var th throttle
	now := time.Unix(1000, 0)
	for range 20 {
		require.True(t, th.learn(pdu.StatusThrottled, now))
		require.Equal(t, leastRate, th.rate())
		now = now.Add(time.Second)
	}
}

func TestThrottlePaces(t *testing.T) {
	var th throttle
	now := time.Unix(1000, 0)
	th.learn(pdu.StatusThrottled, now)
	sent := 0
	for range 1000 {
		if delay(th.limiter, now) == 0 {
			use(th.limiter, now)
			sent++
		}
		now = now.Add(10 * time.Millisecond)
	}
	require.InDelta(t, 10, sent, 1, "one a second for ten seconds")
}

func TestFullQueueOfOneRecipient(t *testing.T) {
	var th throttle
	now := time.Unix(1000, 0)
	respond(&th, &now, 100)
	respond(&th, &now, 100)
	for range 9 {
		require.False(t, th.learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	}
	require.Equal(t, rate.Inf, th.rate())
	require.False(t, th.learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	require.True(t, th.learn(pdu.StatusMsgQFul, now.Add(-time.Millisecond)))
	require.Equal(t, rate.Limit(50), th.rate())
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
