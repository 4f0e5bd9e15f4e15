package queuetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// link returns a link whose hash is not random, but as different from others
// as queues need it.
func link(n byte, value string, keep time.Duration) relay.Link {
	return relay.Link{Hash: relay.LinkHash{0: n, 8: n, 15: n}, Value: []byte(value), For: keep}
}

func commitLinks(t *testing.T, q relay.Queue, links ...relay.Link) {
	t.Helper()
	a := &relay.Acceptance{Links: links}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	require.NoError(t, a.Err)
	assert.False(t, a.Duplicate)
	assert.Empty(t, a.Keys)
}

func requireLinked(t *testing.T, q relay.Queue, n byte, want ...string) {
	t.Helper()
	values, err := q.Linked(t.Context(), link(n, "", 0).Hash)
	require.NoError(t, err)
	var got []string
	for _, v := range values {
		got = append(got, string(v))
	}
	require.Equal(t, want, got, "link %d", n)
}

func testLinks(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	requireLinked(t, q, 1)
	key := accept(t, q, 0, event("one"), "crm").Keys[0]
	finish(t, q, relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Result: relay.Result{Links: []relay.Link{
		link(1, "a", time.Hour), link(2, "", time.Hour), link(1, "b", time.Hour),
	}}})
	requireLinked(t, q, 1, "b", "a")
	requireLinked(t, q, 2, "")
	requireLinked(t, q, 3)
	half := link(1, "another second half", time.Hour)
	half.Hash[15] = 9
	longest := link(3, string(slices.Repeat([]byte{0, 0xff}, relay.MaxLinkLength/2)), time.Hour)
	commitLinks(t, q, half, longest)
	requireLinked(t, q, 1, "b", "a")
	requireLinked(t, q, 3, string(longest.Value))

	var want []string
	for i := range relay.MaxLinked + 4 {
		commitLinks(t, q, link(4, fmt.Sprint(i), time.Hour))
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	requireLinked(t, q, 4, want[:relay.MaxLinked]...)
	require.NoError(t, q.Close())
}

func testLinksAlone(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	closing(t, q)
	commitLinks(t, q, link(1, "a", time.Hour), link(2, "b", time.Hour))
	requireLinked(t, q, 1, "a")
	requireLinked(t, q, 2, "b")
	assert.Empty(t, claim(t, q, "crm").Due)
}

func testKeptAtomic(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	kept := acceptLinked(event("one"), link(1, "one", time.Hour))
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{kept}}))
	requireLinked(t, q, 1, "one")

	duplicate := acceptLinked(event("one"), link(1, "again", time.Hour))
	refused := acceptLinked(event("two"), link(2, "two", time.Hour))
	alone := acceptLinked(nil, link(3, "alone", time.Hour))
	outcome := &relay.Finish{Key: kept.Keys[0], State: relay.StatePending, Attempt: 1, Due: start, Started: start, Result: relay.Result{
		Note: []byte("note"), Links: []relay.Link{link(4, "outcome", time.Hour)},
	}}
	require.NoError(t, q.Commit(t.Context(), &relay.Batch{
		Accepts:  []*relay.Acceptance{duplicate, refused, alone},
		Finishes: []*relay.Finish{outcome},
		Limits:   relay.Limits{MaxSize: 1},
	}))
	require.True(t, duplicate.Duplicate)
	require.ErrorIs(t, refused.Err, relay.ErrFull)
	require.NoError(t, alone.Err, "a link has room in a full queue")
	for range 2 {
		requireLinked(t, q, 1, "one")
		requireLinked(t, q, 2)
		requireLinked(t, q, 3, "alone")
		requireLinked(t, q, 4, "outcome")
		requireNote(t, q, []byte("note"))
		assert.Equal(t, 1, claim(t, q, "crm").Due[0].Attempts)
		q = reopen(t, q, open)
	}
	require.NoError(t, q.Close())
}

func acceptLinked(e *relay.Event, links ...relay.Link) *relay.Acceptance {
	a := &relay.Acceptance{Event: e, Links: links, Dedup: time.Hour}
	if e != nil {
		a.To = []string{"crm"}
	}
	return a
}

func testLinksReopen(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	commitLinks(t, q, link(1, "old", time.Hour), link(1, "over", time.Nanosecond), link(2, "over", -time.Hour))
	for i := range 3 {
		requireLinked(t, q, 2)
		q = reopen(t, q, open)
		maintain(t, q, relay.Limits{})
		if i == 0 {
			requireLinked(t, q, 1, "old")
			commitLinks(t, q, link(1, "new", time.Hour))
		}
		requireLinked(t, q, 1, "new", "old")
	}
	require.NoError(t, q.Close())
}
