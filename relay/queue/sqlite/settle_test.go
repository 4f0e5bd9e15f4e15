package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// deliveryIn keeps an event and has its delivery be in a state.
func deliveryIn(t *testing.T, s *Store, id string, state relay.State) int64 {
	t.Helper()
	a := &relay.Acceptance{Event: &relay.Event{ID: id, Source: "s", Time: time.UnixMilli(1)}, To: []string{"sms"}}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	f := &relay.Finish{Key: a.Keys[0], State: state, Attempt: 1, Due: time.UnixMilli(2), Result: relay.Result{Detail: "message_id 7"}}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{f}}))
	return a.Keys[0]
}

// attempts returns what is recorded of a delivery.
func attempts(t *testing.T, s *Store, key int64) (all []string) {
	t.Helper()
	require.NoError(t, sqlitex.Execute(s.writer, "SELECT reason || ':' || detail FROM attempts WHERE delivery = ? ORDER BY number", &sqlitex.ExecOptions{
		Args: []any{key},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			all = append(all, stmt.ColumnText(0))
			return nil
		},
	}))
	return all
}

// TestFailuresByReportAreRecorded behind the attempt that was a success.
func TestFailuresByReportAreRecorded(t *testing.T) {
	s := open(t, t.TempDir())
	reported := deliveryIn(t, s, "a", relay.StateAwaiting)
	settle := &relay.Acceptance{Settlement: &relay.Settlement{Key: reported, State: relay.StateDead, Detail: "undeliverable"}}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{settle}}))
	assert.Equal(t, []string{":message_id 7", "report:undeliverable"}, attempts(t, s, reported))

	for state, want := range map[relay.State][]string{
		relay.StateDead:      {":message_id 7", "report:nothing came"},
		relay.StateDropped:   {":message_id 7", "report:nothing came"},
		relay.StateDelivered: {":message_id 7"},
		relay.StateAwaiting:  {":message_id 7"},
	} {
		overdue := deliveryIn(t, s, "b", relay.StateAwaiting)
		f := &relay.Finish{
			Key: overdue, From: relay.StateAwaiting, State: state, Attempt: 1,
			Result: relay.Result{Reason: relay.ReasonReport, Detail: "nothing came"},
		}
		require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{f}}))
		assert.Equal(t, want, attempts(t, s, overdue))
	}
	require.NoError(t, s.Close())
}

// TestAttemptThatDoesNotCount is not recorded, and delays the delivery.
func TestAttemptThatDoesNotCount(t *testing.T) {
	s := open(t, t.TempDir())
	key := deliveryIn(t, s, "a", relay.StatePending)
	later := time.Now().Add(time.Hour)
	f := &relay.Finish{Key: key, State: relay.StatePending, Attempt: 1, Due: later, Result: relay.Result{Outcome: relay.Retry, Uncounted: true}}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{f}}))
	assert.Equal(t, []string{":message_id 7"}, attempts(t, s, key))
	c, err := s.Claim(t.Context(), relay.ClaimQuery{Destination: "sms", Now: later, Max: 9, MaxBytes: 1 << 20, Held: func(int64) bool { return false }})
	require.NoError(t, err)
	require.Len(t, c.Due, 1)
	assert.Equal(t, 1, c.Due[0].Attempts)
	f.Attempt, f.State = 2, relay.StateDead
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{f}}))
	assert.Len(t, attempts(t, s, key), 2, "the last one is")
	require.NoError(t, s.Close())
}

// TestAttemptOfWhatIsGone has a report settle a delivery during its attempt, and
// the history pruned before the attempt ends.
func TestAttemptOfWhatIsGone(t *testing.T) {
	s := open(t, t.TempDir())
	key := deliveryIn(t, s, "a", relay.StatePending)
	deliveryIn(t, s, "newest", relay.StateDelivered)
	settle := &relay.Acceptance{Settlement: &relay.Settlement{Key: key, State: relay.StateDelivered}}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{settle}}))
	for more := true; more; {
		var err error
		more, err = s.Maintain(t.Context(), relay.Limits{History: time.Millisecond})
		require.NoError(t, err)
	}
	require.Empty(t, attempts(t, s, key))
	f := &relay.Finish{Key: key, State: relay.StateUnreported, Attempt: 2, Due: time.UnixMilli(3)}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{f}}))
	assert.True(t, f.Stale)
	assert.Empty(t, attempts(t, s, key), "nothing would ever remove it")
	require.NoError(t, s.Close())
}
