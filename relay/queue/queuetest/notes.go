package queuetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// requireNote checks the note of the only delivery that waits for crm.
func requireNote(t *testing.T, q relay.Queue, want []byte) {
	t.Helper()
	c := claim(t, q, "crm")
	require.Len(t, c.Due, 1)
	require.Equal(t, string(want), string(c.Due[0].Note))
}

func testNotes(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	key := accept(t, q, 0, event("one"), "crm").Keys[0]
	other := accept(t, q, 0, event("two"), "erp").Keys[0]
	requireNote(t, q, nil)
	long := bytes.Repeat([]byte{0, 0xff}, relay.MaxNoteLength/2)
	attempt := 0
	for _, step := range []struct {
		name       string
		note, want []byte
	}{
		{"none yet", nil, nil},
		{"the first", []byte("part 1"), []byte("part 1")},
		{"nil leaves it", nil, []byte("part 1")},
		{"another replaces it", long, long},
		{"an empty one removes it", []byte{}, nil},
		{"removed twice", []byte{}, nil},
		{"after that", []byte("\x00"), []byte("\x00")},
	} {
		t.Log(step.name)
		attempt++
		finish(t, q, relay.Finish{Key: key, State: relay.StatePending, Attempt: attempt, Due: start, Result: relay.Result{Outcome: relay.Retry, Note: step.note}})
		requireNote(t, q, step.want)
		q = reopen(t, q, open)
		requireNote(t, q, step.want)
	}
	assert.Empty(t, claim(t, q, "erp").Due[0].Note, "another delivery has its own")

	t.Log("cut short")
	finish(t, q, relay.Finish{Key: key, Abandoned: true, State: relay.StateDead, Attempt: 99, Result: relay.Result{Note: []byte("part 2")}})
	finish(t, q, relay.Finish{Key: other, Abandoned: true, Result: relay.Result{}})
	requireNote(t, q, []byte("part 2"))
	assert.Equal(t, attempt, claim(t, q, "crm").Due[0].Attempts, "an attempt that was cut short does not count")
	assert.Equal(t, []string{"two"}, ids(claim(t, q, "erp")))

	t.Log("bounds")
	finish(t, q, relay.Finish{Key: key, State: relay.StatePending, Attempt: attempt, Due: start, Result: relay.Result{Note: long}})
	accept(t, q, 0, event("three"), "crm")
	c, err := q.Claim(t.Context(), relay.ClaimQuery{
		Destination: "crm", Now: time.Now(), Max: 10, MaxBytes: int64(len(long)),
		Held: func(int64) bool { return false },
	})
	require.NoError(t, err)
	assert.Len(t, c.Due, 1, "notes count as bytes")
	assert.False(t, c.Exhausted)
	require.NoError(t, q.Close())
}

// testNotesPruned has a delivery pruned and its attempt end later.
func testNotesPruned(t *testing.T, open func(*testing.T) relay.Queue) {
	q := open(t)
	key := accept(t, q, 0, event("one"), "crm").Keys[0]
	accept(t, q, 0, event("newest"), "erp")
	finish(t, q, relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Result: relay.Result{Note: []byte("id 7")}})
	q = reopen(t, q, open)
	maintain(t, q, relay.Limits{History: time.Second})
	finish(t, q, relay.Finish{Key: key, State: relay.StatePending, Attempt: 2, Due: start, Result: relay.Result{Note: []byte("id 8")}})
	assert.Empty(t, claim(t, q, "crm").Due, "what is pruned stays so")
	require.NoError(t, q.Close())
}
