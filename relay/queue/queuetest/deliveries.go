package queuetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func testDueOrder(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	now := time.Now().Truncate(time.Millisecond)
	for i, due := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		a := accept(t, q, 0, event(fmt.Sprint(i)), "crm")
		finish(t, q, relay.Finish{Key: a.Keys[0], State: relay.StatePending, Attempt: 1, Due: now.Add(due)})
	}
	c := claimAt(t, q, "crm", now, nil)
	assert.Empty(t, c.Due)
	assert.True(t, c.Exhausted)
	assert.True(t, now.Add(time.Minute).Equal(c.Next), c.Next)

	c = claimAt(t, q, "crm", now.Add(2*time.Minute), nil)
	assert.Equal(t, []string{"1", "2"}, ids(c))
	assert.Equal(t, 1, c.Due[0].Attempts)
	assert.True(t, now.Add(3*time.Minute).Equal(c.Next), c.Next)

	c = claimAt(t, q, "crm", now.Add(time.Hour), nil)
	assert.Equal(t, []string{"1", "2", "0"}, ids(c))
	assert.Zero(t, c.Next)
}

func testHeld(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	held := map[int64]bool{}
	for i := range 6 {
		a := accept(t, q, 0, event(fmt.Sprint(i)), "crm")
		held[a.Keys[0]] = i%2 == 0
	}
	assert.Equal(t, []string{"1", "3", "5"}, ids(claimAt(t, q, "crm", time.Now(), held)))
}

func testBounds(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	for i := range 6 {
		e := event(fmt.Sprint(i))
		e.Body = make([]byte, 1000)
		accept(t, q, 0, e, "crm")
	}
	query := relay.ClaimQuery{Destination: "crm", Now: time.Now(), Max: 4, MaxBytes: 1 << 20, Held: func(int64) bool { return false }}
	c, err := q.Claim(t.Context(), query)
	require.NoError(t, err)
	assert.Len(t, c.Due, 4)
	assert.False(t, c.Exhausted)

	query.MaxBytes = 1500 + event("").Size()
	c, err = q.Claim(t.Context(), query)
	require.NoError(t, err)
	assert.Len(t, c.Due, 2)

	query.MaxBytes = 0
	c, err = q.Claim(t.Context(), query)
	require.NoError(t, err)
	assert.Len(t, c.Due, 1, "one is always returned")
	assert.False(t, c.Exhausted)

	query.Max, query.MaxBytes = 6, 1<<20
	c, err = q.Claim(t.Context(), query)
	require.NoError(t, err)
	assert.Len(t, c.Due, 6)
	assert.True(t, c.Exhausted)
}

func testOutcomes(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	states := []relay.State{relay.StateDelivered, relay.StateDead, relay.StateDropped, relay.StatePending}
	for i, state := range states {
		a := accept(t, q, 0, event(fmt.Sprint(i)), "crm")
		finish(t, q, relay.Finish{
			Key: a.Keys[0], State: state, Attempt: 1, Due: start, Took: time.Second,
			Result: relay.Result{Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: 500, Response: []byte("oops"), Detail: "500"},
		})
	}
	c := claim(t, q, "crm")
	assert.Equal(t, []string{"3"}, ids(c))
	finish(t, q, relay.Finish{Key: c.Due[0].Key, State: relay.StateDelivered, Attempt: 2})
	assert.Empty(t, claim(t, q, "crm").Due)
	finish(t, q, relay.Finish{Key: c.Due[0].Key, State: relay.StatePending, Attempt: 3, Due: start})
	assert.Empty(t, claim(t, q, "crm").Due, "a finished delivery stays finished")
	stats, err := q.Stats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []relay.DestinationStats{{Destination: "crm", Dead: 1}}, stats)
	oldest, err := q.Oldest(t.Context(), "crm")
	require.NoError(t, err)
	assert.Zero(t, oldest)
}

func testDestinations(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	both := accept(t, q, 0, event("both"), "crm", "erp")
	accept(t, q, 0, event("erp"), "erp")
	accept(t, q, 0, event("none"))
	require.Len(t, both.Keys, 2)
	finish(t, q, relay.Finish{Key: both.Keys[0], State: relay.StateDelivered, Attempt: 1})
	assert.Empty(t, claim(t, q, "crm").Due)
	assert.Equal(t, []string{"both", "erp"}, ids(claim(t, q, "erp")))
	unknown := claim(t, q, "unknown")
	assert.Empty(t, unknown.Due)
	assert.True(t, unknown.Exhausted)
}

// maintain does all the housekeeping there is to do.
func maintain(t *testing.T, q relay.Queue, limits relay.Limits) {
	t.Helper()
	for {
		more, err := q.Maintain(t.Context(), limits)
		require.NoError(t, err)
		if !more {
			return
		}
	}
}

func testKeysUnique(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	seen := map[int64]bool{}
	for i := range 4 {
		for j := range 5 {
			a := accept(t, q, 0, event(fmt.Sprint(i, j)), "crm")
			require.False(t, seen[a.Keys[0]], "key used twice")
			seen[a.Keys[0]] = true
			finish(t, q, relay.Finish{Key: a.Keys[0], State: relay.StateDelivered, Attempt: 1})
		}
		maintain(t, q, relay.Limits{})
		q = reopen(t, q, open)
	}
	require.NoError(t, q.Close())
}

func testPrune(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	var pending []string
	for i := range 1000 {
		a := accept(t, q, time.Hour, event(fmt.Sprint(i)), "crm", "erp")
		finish(t, q, relay.Finish{Key: a.Keys[1], State: relay.StateDelivered, Attempt: 1})
		if i%100 == 0 {
			pending = append(pending, fmt.Sprint(i))
		} else {
			finish(t, q, relay.Finish{Key: a.Keys[0], State: relay.StateDelivered, Attempt: 1})
		}
	}
	maintain(t, q, relay.Limits{History: time.Hour})
	q = reopen(t, q, open) // so that housekeeping begins anew
	maintain(t, q, relay.Limits{History: time.Second})
	assert.Equal(t, pending, ids(claim(t, q, "crm")))
	assert.True(t, accept(t, q, time.Hour, event("500"), "crm").Duplicate, "ids outlive their events")
	require.NoError(t, q.Close())
}

func testFull(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	limits := relay.Limits{MaxSize: 2 << 20, History: time.Hour}
	var keys []int64
	var err error
	for i := 0; err == nil && i < 5000; i++ {
		e := event(fmt.Sprint(i))
		e.Body = make([]byte, 4000)
		a := &relay.Acceptance{Event: e, To: []string{"crm"}, Dedup: time.Hour}
		require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}, Limits: limits}))
		if err = a.Err; err == nil {
			keys = append(keys, a.Keys...)
		}
	}
	require.True(t, errors.Is(err, relay.ErrFull), "got %v after %d events", err, len(keys))
	require.Greater(t, len(keys), 100)

	known := &relay.Acceptance{Event: event("1"), To: []string{"crm"}, Dedup: time.Hour}
	refused := &relay.Acceptance{Event: event("refused"), To: []string{"crm"}, Dedup: time.Hour}
	batch := &relay.Batch{Accepts: []*relay.Acceptance{known, refused}, Limits: limits}
	for _, key := range keys {
		batch.Finishes = append(batch.Finishes, &relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Started: start})
	}
	require.NoError(t, q.Commit(t.Context(), batch))
	assert.True(t, known.Duplicate, "a repeat needs no room")
	require.ErrorIs(t, refused.Err, relay.ErrFull)

	maintain(t, q, limits)
	batch = &relay.Batch{Accepts: []*relay.Acceptance{refused}, Limits: limits}
	require.NoError(t, q.Commit(t.Context(), batch))
	assert.NoError(t, refused.Err, "history gave way")
	assert.False(t, refused.Duplicate, "the refused event was not remembered")
}
