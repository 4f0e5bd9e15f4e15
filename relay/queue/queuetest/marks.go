package queuetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// mark returns a mark with a hash that is not random, but as different from
// others as queues need it.
func mark(n byte, keep time.Duration, note uint16) relay.Mark {
	return relay.Mark{Hash: relay.MarkHash{0: n, 8: n, 15: n}, For: keep, Note: note}
}

func acceptMarked(t *testing.T, q relay.Queue, e *relay.Event, marks ...relay.Mark) *relay.Acceptance {
	t.Helper()
	a := &relay.Acceptance{Event: e, Dedup: time.Hour, Marks: marks}
	if e != nil {
		a.To = []string{"crm"}
	}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	return a
}

// requireNotes checks what is remembered of marks, where -1 is nothing.
func requireNotes(t *testing.T, q relay.Queue, want map[byte]int) {
	t.Helper()
	for n, want := range want {
		note, ok, err := q.Remembered(t.Context(), mark(n, 0, 0).Hash)
		require.NoError(t, err)
		require.Equal(t, want >= 0, ok, "mark %d", n)
		if ok {
			require.EqualValues(t, want, note, "mark %d", n)
		}
	}
}

func testMarks(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	requireNotes(t, q, map[byte]int{1: -1})
	require.False(t, acceptMarked(t, q, event("one"), mark(1, time.Hour, 202)).Duplicate)
	again := acceptMarked(t, q, event("two"), mark(1, time.Hour, 204))
	assert.True(t, again.Duplicate, "another id, but the same mark")
	assert.Empty(t, again.Keys)
	requireNotes(t, q, map[byte]int{1: 202})

	assert.True(t, acceptMarked(t, q, event("one"), mark(2, time.Hour, 0xffff)).Duplicate, "another mark, but the same id")
	requireNotes(t, q, map[byte]int{2: 0xffff})
	assert.False(t, acceptMarked(t, q, event("two"), mark(3, time.Hour, 1)).Duplicate, "a duplicate does not have its id remembered")
	assert.True(t, acceptMarked(t, q, event("three"), mark(4, time.Hour, 0), mark(3, time.Hour, 2)).Duplicate, "one of two marks")
	requireNotes(t, q, map[byte]int{3: 1, 4: 0})
	assert.True(t, acceptMarked(t, q, event("four"), mark(5, time.Hour, 7), mark(5, time.Hour, 7)).Keys != nil)
	assert.Equal(t, []string{"one", "two", "four"}, ids(claim(t, q, "crm")))

	batch := &relay.Batch{}
	for _, id := range []string{"five", "six"} {
		batch.Accepts = append(batch.Accepts, &relay.Acceptance{Event: event(id), To: []string{"crm"}, Marks: []relay.Mark{mark(6, time.Hour, 0)}})
	}
	require.NoError(t, q.Commit(t.Context(), batch))
	assert.False(t, batch.Accepts[0].Duplicate)
	assert.True(t, batch.Accepts[1].Duplicate, "repeats in one batch")
}

func testMarksAlone(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	for n := range byte(3) {
		a := acceptMarked(t, q, nil, mark(n, time.Hour, uint16(n)))
		assert.False(t, a.Duplicate)
		assert.Empty(t, a.Keys)
	}
	assert.True(t, acceptMarked(t, q, nil, mark(1, time.Hour, 9)).Duplicate)
	assert.True(t, acceptMarked(t, q, event("one"), mark(1, time.Hour, 9)).Duplicate)
	requireNotes(t, q, map[byte]int{0: 0, 1: 1, 2: 2, 3: -1})
	assert.Empty(t, claim(t, q, "crm").Due)
}

func testMarksAtomic(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	acceptMarked(t, q, event("one"), mark(1, time.Hour, 0))
	refused := &relay.Acceptance{Event: event("two"), To: []string{"crm"}, Marks: []relay.Mark{mark(2, time.Hour, 0)}}
	duplicate := &relay.Acceptance{Event: event("three"), To: []string{"crm"}, Marks: []relay.Mark{mark(1, time.Hour, 0)}}
	alone := &relay.Acceptance{Marks: []relay.Mark{mark(3, time.Hour, 0)}}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{refused, duplicate, alone}, Limits: relay.Limits{MaxSize: 1}}))
	require.ErrorIs(t, refused.Err, relay.ErrFull)
	require.NoError(t, duplicate.Err)
	require.NoError(t, alone.Err, "a mark has room in a full queue")
	assert.True(t, duplicate.Duplicate)
	requireNotes(t, q, map[byte]int{1: 0, 2: -1, 3: 0})
	assert.False(t, acceptMarked(t, q, event("two"), mark(2, time.Hour, 0)).Duplicate, "what was refused can come again")
}

func testMarksReopen(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	acceptMarked(t, q, event("one"), mark(1, time.Hour, 202))
	acceptMarked(t, q, nil, mark(2, time.Nanosecond, 1), mark(3, time.Hour, 1))
	requireNotes(t, q, map[byte]int{2: -1})
	for range 3 {
		q = reopen(t, q, open)
		requireNotes(t, q, map[byte]int{1: 202, 2: -1, 3: 1, 4: -1})
		assert.True(t, acceptMarked(t, q, event("two"), mark(1, time.Hour, 0)).Duplicate)
	}
	closing(t, q)
	assert.False(t, acceptMarked(t, q, event("two"), mark(2, time.Hour, 5)).Duplicate, "its time was over")
	requireNotes(t, q, map[byte]int{2: 5})
}
