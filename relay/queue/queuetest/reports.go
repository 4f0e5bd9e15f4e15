package queuetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// settle commits a settlement alone.
func settle(t *testing.T, q relay.Queue, s relay.Settlement) relay.Settlement {
	t.Helper()
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{{Settlement: &s}}}))
	return s
}

// testReports has deliveries wait for a report, which does not come.
func testReports(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	due := start.Add(time.Hour)
	keys := make(map[relay.State]int64)
	for _, state := range []relay.State{relay.StateUnreported, relay.StateAwaiting} {
		keys[state] = accept(t, q, 0, event(fmt.Sprint(state)), "sms").Keys[0]
		finish(t, q, relay.Finish{Key: keys[state], State: state, Attempt: 1, Due: due, Result: relay.Result{Note: []byte("note")}})
	}
	accept(t, q, 0, event("pending"), "sms")
	for range 2 {
		c := claim(t, q, "sms")
		assert.Equal(t, []string{"pending"}, ids(c))
		assert.Equal(t, relay.StatePending, c.Due[0].State)
		assert.True(t, due.Equal(c.Next), c.Next)
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []relay.DestinationStats{{Destination: "sms", Pending: 2}}, stats, "one of them is delivered")

		report, err := q.Report(t.Context(), keys[relay.StateAwaiting])
		require.NoError(t, err)
		assert.Nil(t, report, "it has a note only")
		c = claimAt(t, q, "sms", due, nil)
		require.Len(t, c.Due, 3)
		for _, overdue := range c.Due[1:] {
			assert.Equal(t, keys[overdue.State], overdue.Key)
			assert.Equal(t, "note", string(overdue.Note))
			assert.Equal(t, 1, overdue.Attempts)
		}
		assert.Len(t, claimAt(t, q, "sms", due, map[int64]bool{keys[relay.StateAwaiting]: true}).Due, 2)
		q = reopen(t, q, open)
	}
	closing(t, q)
	maintain(t, q, relay.Limits{History: time.Second})
	require.Len(t, claimAt(t, q, "sms", due, nil).Due, 3, "they are kept until then")

	finish(t, q, relay.Finish{Key: keys[relay.StateAwaiting], From: relay.StateAwaiting, State: relay.StateAwaiting, Attempt: 1, Due: due.Add(time.Hour)})
	f := relay.Finish{Key: keys[relay.StateUnreported], From: relay.StateUnreported, State: relay.StateDelivered, Attempt: 1, Started: start}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{&f}}))
	assert.False(t, f.Stale)
	assert.Equal(t, []string{"pending"}, ids(claimAt(t, q, "sms", due, nil)))
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{&f}}))
	assert.True(t, f.Stale, "it has left that state")
}

// testSettlements goes through all states before and after.
func testSettlements(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	all := []relay.State{relay.StatePending, relay.StateDelivered, relay.StateDead, relay.StateDropped, relay.StateUnreported, relay.StateAwaiting}
	for _, was := range all {
		for _, state := range all {
			name := fmt.Sprintf("sms-%d-%d", was, state)
			key := accept(t, q, 0, event(name), name).Keys[0]
			due := start.Add(time.Hour)
			finish(t, q, relay.Finish{Key: key, State: was, Attempt: 1, Due: due})
			s := relay.Settlement{Key: key, State: state, Until: due.Add(time.Hour), Report: []byte("report")}
			allowed := s.Allows(was)
			s = settle(t, q, s)
			assert.Equal(t, allowed, s.Settled, name)
			report, err := q.Report(t.Context(), key)
			require.NoError(t, err)
			assert.Equal(t, "report", string(report))
			assert.Equal(t, was, s.Was, name)
			want := relay.DestinationStats{Destination: name}
			if allowed {
				was, due = state, s.Until
			}
			switch was {
			case relay.StatePending, relay.StateAwaiting:
				want.Pending = 1
			case relay.StateDead:
				want.Dead = 1
			default:
			}
			stats, err := q.Stats(t.Context())
			require.NoError(t, err)
			assert.Contains(t, stats, want)
			c := claimAt(t, q, name, due, nil)
			if was != relay.StatePending && !was.Expected() {
				assert.Empty(t, c.Due, name)
				continue
			}
			require.Len(t, c.Due, 1, name)
			assert.Equal(t, was, c.Due[0].State, name)
			assert.Equal(t, "report", string(c.Due[0].Report), name)
		}
	}
	unknown := settle(t, q, relay.Settlement{Key: 1 << 50, State: relay.StateDelivered, Report: []byte("report")})
	assert.False(t, unknown.Settled)
	report, err := q.Report(t.Context(), 1<<50)
	require.NoError(t, err)
	assert.Nil(t, report)
}

// testSettlementWithEvent settles with an event, its duplicate, and one that is
// refused, and without a batch.
func testSettlementWithEvent(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	taken := func(id string) int64 {
		key := accept(t, q, 0, event(id), "sms").Keys[0]
		finish(t, q, relay.Finish{Key: key, State: relay.StateAwaiting, Attempt: 1, Due: start.Add(time.Hour)})
		return key
	}
	for i, tt := range []struct {
		name            string
		limits          relay.Limits
		duplicate, full bool
	}{
		{name: "new"},
		{name: "duplicate", duplicate: true},
		{name: "full", limits: relay.Limits{MaxSize: 1}, full: true},
	} {
		key := taken(tt.name)
		e := event("receipt")
		if !tt.duplicate {
			e.ID = fmt.Sprint("receipt", i)
		} else {
			e.ID = "receipt0"
		}
		a := &relay.Acceptance{Event: e, To: []string{"crm"}, Dedup: time.Hour, Settlement: &relay.Settlement{Key: key, State: relay.StateDelivered}}
		require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}, Limits: tt.limits}))
		assert.True(t, a.Settlement.Settled, tt.name)
		assert.Equal(t, tt.duplicate, a.Duplicate, tt.name)
		if tt.full {
			require.ErrorIs(t, a.Err, relay.ErrFull)
		}
	}
	assert.Empty(t, claimAt(t, q, "sms", start.Add(time.Hour), nil).Due)
}

// testSplit has several deliveries of an event for one destination.
func testSplit(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	first := accept(t, q, 0, event("first"), "crm", "sms", "sms", "sms", "erp", "erp")
	second := accept(t, q, 0, event("second"), "sms")
	many := accept(t, q, 0, event("many"), strings.Fields(strings.Repeat("sms ", relay.MaxSplit))...)
	require.Len(t, many.Keys, relay.MaxSplit)
	seen := make(map[int64]bool)
	for _, a := range []*relay.Acceptance{first, second, many} {
		for _, key := range a.Keys {
			assert.False(t, seen[key])
			seen[key] = true
		}
	}
	for range 2 {
		c := claim(t, q, "sms")
		require.Len(t, c.Due, 100)
		for i, want := range first.Keys[1:4] {
			assert.Equal(t, want, c.Due[i].Key)
			assert.Equal(t, i, c.Due[i].Index)
			assert.Equal(t, "first", c.Due[i].Event.ID)
		}
		assert.Equal(t, []any{"second", 0, second.Keys[0]}, []any{c.Due[3].Event.ID, c.Due[3].Index, c.Due[3].Key})
		for i := range 96 {
			assert.Equal(t, []any{"many", i, many.Keys[i]}, []any{c.Due[4+i].Event.ID, c.Due[4+i].Index, c.Due[4+i].Key})
		}
		assert.Equal(t, []string{"first", "first"}, ids(claim(t, q, "erp")))
		q = reopen(t, q, open)
	}
	finish(t, q, relay.Finish{Key: first.Keys[1], State: relay.StateDelivered, Attempt: 1})
	oldest, err := q.Oldest(t.Context(), "sms")
	require.NoError(t, err)
	assert.True(t, start.Equal(oldest), "the second delivery of the first event")

	t.Log("pruning")
	for i, key := range first.Keys {
		assert.Equal(t, i <= 3, claim(t, q, "sms").Due[0].Event.ID == "first")
		q = reopen(t, q, open) // A pass over the history begins after each start.
		maintain(t, q, relay.Limits{History: time.Second})
		finish(t, q, relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 2})
		assert.Equal(t, relay.StateDelivered, settle(t, q, relay.Settlement{Key: key}).Was, "it is kept as long as another is open")
	}
	q = reopen(t, q, open)
	closing(t, q)
	maintain(t, q, relay.Limits{History: time.Second})
	for _, key := range first.Keys {
		assert.Zero(t, settle(t, q, relay.Settlement{Key: key}).Was, "it is pruned")
	}
	assert.Equal(t, "second", claim(t, q, "sms").Due[0].Event.ID)
	next := accept(t, q, 0, event("next"), "sms")
	assert.NotContains(t, seen, next.Keys[0])
}

// testEachLinked reads links over a restart.
func testEachLinked(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	hash := relay.LinkHash{1, 2, 3}
	var want []string
	read := func() (got []string) {
		require.NoError(t, q.EachLinked(t.Context(), hash, func(value []byte) error {
			got = append(got, string(value))
			return nil
		}))
		return got
	}
	assert.Empty(t, read())
	for i := range 3 * relay.MaxLinked {
		want = append(want, fmt.Sprint(i))
		a := &relay.Acceptance{Links: []relay.Link{
			{Hash: hash, Value: []byte(fmt.Sprint(i)), For: time.Hour},
			{Hash: relay.LinkHash{4}, Value: []byte("other"), For: time.Hour},
			{Hash: hash, Value: []byte("over"), For: time.Nanosecond},
		}}
		require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	}
	assert.Equal(t, want, read())
	q = reopen(t, q, open)
	closing(t, q)
	assert.Equal(t, want, read())
	stop, calls := errors.New("stop"), 0
	require.ErrorIs(t, q.EachLinked(t.Context(), hash, func([]byte) error {
		calls++
		return stop
	}), stop)
	assert.Equal(t, 1, calls)
}
