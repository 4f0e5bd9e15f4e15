// Package queuetest holds the tests that every queue engine must pass.
package queuetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// Run runs the conformance suite. open must return the queue kept at a place
// that is the same for each call with the same t, and empty on the first.
func Run(t *testing.T, open func(t *testing.T) relay.Queue) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) relay.Queue){
		"an accepted event can be claimed as it was":     testAcceptClaim,
		"a queue keeps its content when it is reopened":  testReopen,
		"duplicates are recognized":                      testDuplicates,
		"concurrent readers see whole commits":           testConcurrentReaders,
		"deliveries are claimed in due order":            testDueOrder,
		"a claim leaves out what is held":                testHeld,
		"a claim is bounded in number and bytes":         testBounds,
		"outcomes decide what is pending":                testOutcomes,
		"destinations do not see each other":             testDestinations,
		"delivery keys are never used twice":             testKeysUnique,
		"history is pruned and open deliveries are kept": testPrune,
		"a full queue refuses events but not outcomes":   testFull,
		"an event with a known mark is a duplicate":      testMarks,
		"marks are kept without an event":                testMarksAlone,
		"marks go with their event or not at all":        testMarksAtomic,
		"marks survive, and end":                         testMarksReopen,
		"a note comes with the next claim":               testNotes,
		"a note goes with its delivery":                  testNotesPruned,
		"links are found, the newest first":              testLinks,
		"links are kept without an attempt":              testLinksAlone,
		"links and notes go with their attempt":          testKeptAtomic,
		"links survive, and end":                         testLinksReopen,
		"reports are awaited":                            testReports,
		"settlements follow the states":                  testSettlements,
		"a settlement goes with any event":               testSettlementWithEvent,
		"an event can have several deliveries":           testSplit,
		"all links of a hash are read":                   testEachLinked,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// start is before any time that the tests compare with.
var start = time.Now().Add(-time.Minute).Truncate(time.Millisecond)

func event(id string) *relay.Event {
	return &relay.Event{
		ID: id, Source: "shop", Type: "order.paid", Key: "customer-7", Time: start,
		Header: relay.Header(nil).Add("Content-Type", "application/json").Add("X-Empty", ""),
		Query:  "a=1&b=%20", Body: []byte("{\"id\":\"" + id + "\"}\x00\xff"),
	}
}

func accept(t *testing.T, q relay.Queue, dedup time.Duration, e *relay.Event, to ...string) *relay.Acceptance {
	t.Helper()
	a := &relay.Acceptance{Event: e, To: to, Dedup: dedup}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	return a
}

func claim(t *testing.T, q relay.Queue, destination string) relay.Claims {
	t.Helper()
	return claimAt(t, q, destination, time.Now(), nil)
}

func claimAt(t *testing.T, q relay.Queue, destination string, now time.Time, held map[int64]bool) relay.Claims {
	t.Helper()
	c, err := q.Claim(t.Context(), relay.ClaimQuery{
		Destination: destination, Now: now, Max: 100, MaxBytes: 1 << 20,
		Held: func(key int64) bool { return held[key] },
	})
	require.NoError(t, err)
	return c
}

func finish(t *testing.T, q relay.Queue, f relay.Finish) {
	t.Helper()
	f.Started = start
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{&f}}))
}

func ids(c relay.Claims) []string {
	var list []string
	for _, d := range c.Due {
		list = append(list, d.Event.ID)
	}
	return list
}

func reopen(t *testing.T, q relay.Queue, open func(*testing.T) relay.Queue) relay.Queue {
	t.Helper()
	require.NoError(t, q.Close())
	return open(t)
}

func closing(t *testing.T, q relay.Queue) {
	t.Helper()
	t.Cleanup(func() { assert.NoError(t, q.Close()) })
}

func testAcceptClaim(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	empty := &relay.Event{ID: "empty", Source: "shop", Time: start}
	a := accept(t, q, 0, event("one"), "crm")
	accept(t, q, 0, empty, "crm")
	require.Len(t, a.Keys, 1)

	c := claim(t, q, "crm")
	require.Len(t, c.Due, 2)
	assert.True(t, c.Exhausted)
	assert.Equal(t, a.Keys[0], c.Due[0].Key)
	assert.Zero(t, c.Due[0].Attempts)
	for i, want := range []*relay.Event{event("one"), empty} {
		got := c.Due[i].Event
		assert.True(t, want.Time.Equal(got.Time))
		assert.Equal(t, string(want.Body), string(got.Body))
		assert.Equal(t, string(want.Header), string(got.Header))
		assert.Equal(t, []string{want.ID, want.Source, want.Type, want.Key, want.Query},
			[]string{got.ID, got.Source, got.Type, got.Key, got.Query})
	}
}

func testReopen(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	id := q.ID()
	require.NotEmpty(t, id)
	accept(t, q, time.Hour, event("one"), "crm", "erp")
	dead := accept(t, q, time.Hour, event("two"), "crm")
	finish(t, q, relay.Finish{Key: dead.Keys[0], State: relay.StateDead, Attempt: 1})

	q = reopen(t, q, open)
	closing(t, q)
	assert.Equal(t, id, q.ID())
	assert.Equal(t, []string{"one"}, ids(claim(t, q, "crm")))
	assert.True(t, accept(t, q, time.Hour, event("one"), "crm").Duplicate)
	stats, err := q.Stats(t.Context())
	require.NoError(t, err)
	assert.ElementsMatch(t, []relay.DestinationStats{
		{Destination: "crm", Pending: 1, Dead: 1},
		{Destination: "erp", Pending: 1},
	}, stats)
	oldest, err := q.Oldest(t.Context(), "crm")
	require.NoError(t, err)
	assert.True(t, start.Equal(oldest), oldest)
}

func testDuplicates(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	require.False(t, accept(t, q, time.Hour, event("one"), "crm").Duplicate)
	again := accept(t, q, time.Hour, event("one"), "crm")
	assert.True(t, again.Duplicate)
	assert.Empty(t, again.Keys)

	elsewhere := event("one")
	elsewhere.Source = "other"
	assert.False(t, accept(t, q, time.Hour, elsewhere, "crm").Duplicate, "another source is another event")
	assert.False(t, accept(t, q, 0, event("one"), "crm").Duplicate, "deduplication is off")

	batch := &relay.Batch{}
	for range 3 {
		batch.Accepts = append(batch.Accepts, &relay.Acceptance{Event: event("two"), To: []string{"crm"}, Dedup: time.Hour})
	}
	require.NoError(t, q.Commit(t.Context(), batch))
	assert.False(t, batch.Accepts[0].Duplicate)
	assert.True(t, batch.Accepts[1].Duplicate && batch.Accepts[2].Duplicate, "repeats in one batch")

	accept(t, q, time.Nanosecond, event("short"), "crm")
	assert.False(t, accept(t, q, time.Hour, event("short"), "crm").Duplicate, "the window is over")
}

func testConcurrentReaders(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	accept(t, q, 0, event("first"), "crm", "erp")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				crm, err := q.Claim(context.Background(), relay.ClaimQuery{Destination: "crm", Now: time.Now(), Max: 1000, MaxBytes: 1 << 30, Held: func(int64) bool { return false }})
				assert.NoError(t, err)
				erp, err := q.Claim(context.Background(), relay.ClaimQuery{Destination: "erp", Now: time.Now(), Max: 1000, MaxBytes: 1 << 30, Held: func(int64) bool { return false }})
				assert.NoError(t, err)
				assert.GreaterOrEqual(t, len(erp.Due), len(crm.Due), "the second read can't see less")
			}
		})
	}
	for i := range 200 {
		accept(t, q, time.Hour, event(fmt.Sprint(i)), "crm", "erp")
	}
	close(stop)
	readers.Wait()
	c, err := q.Claim(t.Context(), relay.ClaimQuery{Destination: "crm", Now: time.Now(), Max: 1000, MaxBytes: 1 << 30, Held: func(int64) bool { return false }})
	require.NoError(t, err)
	assert.Len(t, c.Due, 201)
}
