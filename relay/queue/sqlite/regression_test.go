package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	require.NoError(t, err)
	return s
}

// put commits n events with bodies of the given size for the destination crm,
// and returns the keys.
func put(t *testing.T, s *Store, n, size int, dedup time.Duration) (keys []int64) {
	t.Helper()
	for n > 0 {
		b := &relay.Batch{}
		for range min(n, 100) {
			e := benchmarkEvent(time.Now().UnixNano())
			e.Body = make([]byte, size)
			b.Accepts = append(b.Accepts, &relay.Acceptance{Event: e, To: []string{"crm"}, Dedup: dedup})
		}
		require.NoError(t, s.Commit(t.Context(), b))
		for _, a := range b.Accepts {
			keys = append(keys, a.Keys...)
		}
		n -= 100
	}
	return keys
}

func deliver(t *testing.T, s *Store, keys []int64) {
	t.Helper()
	b := &relay.Batch{}
	for _, key := range keys {
		b.Finishes = append(b.Finishes, &relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Started: time.Now()})
	}
	require.NoError(t, s.Commit(t.Context(), b))
}

func prunePass(t *testing.T, s *Store) {
	t.Helper()
	s.pruner.started = time.Time{}
	for {
		more, err := s.prune(relay.Limits{History: -time.Second}, time.Now())
		require.NoError(t, err)
		if !more {
			return
		}
	}
}

// TestNumbersAreNotUsedAgainAfterPruning prunes in a process that has not
// accepted anything, so that its newest event is another process's.
func TestNumbersAreNotUsedAgainAfterPruning(t *testing.T) {
	dir := t.TempDir()
	seen := map[int64]bool{}
	for range 4 {
		s := open(t, dir)
		keys := put(t, s, 3, 10, time.Hour)
		deliver(t, s, keys)
		for _, key := range keys {
			require.False(t, seen[key])
			seen[key] = true
		}
		require.NoError(t, s.Close())
		s = open(t, dir)
		prunePass(t, s)
		require.Equal(t, int64(1), rows(t, s, "events"))
		require.NoError(t, s.Close())
	}
}

// TestNumbersAreNotUsedAgainAfterAPowerCut takes everything that a process
// committed, though some of it may have been delivered.
func TestNumbersAreNotUsedAgainAfterAPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, 10, 10, time.Hour)
	require.NoError(t, s.Close())
	s = open(t, dir)
	disk := t.TempDir()
	for _, name := range []string{"queue.db", "queue.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(disk, name), content, 0o600))
	}
	lost := put(t, s, 1, 10, time.Hour)
	after := open(t, disk)
	require.NotEqual(t, lost, put(t, after, 1, 10, time.Hour))
	require.NoError(t, after.Close())
	require.NoError(t, s.Close())
}

// TestFailedSweepForgetsNothing has a sweep fail halfway, as on a full disk.
func TestFailedSweepForgetsNothing(t *testing.T) {
	s := open(t, t.TempDir())
	kept, expired := &relay.Event{ID: "kept"}, &relay.Event{ID: "expired"}
	for event, expires := range map[*relay.Event]time.Time{kept: time.Now().Add(time.Hour), expired: time.Now().Add(-time.Hour)} {
		first, rest := hashID(event).halves()
		require.NoError(t, sqlitex.Execute(s.writer, "INSERT INTO remembered VALUES (?, ?, ?)", &sqlitex.ExecOptions{Args: []any{first, rest, expires.UnixMilli()}}))
	}
	require.NoError(t, sqlitex.Execute(s.writer, "PRAGMA query_only = 1", nil))
	_, err := s.Maintain(t.Context(), relay.Limits{History: time.Hour})
	require.Error(t, err)
	require.NoError(t, sqlitex.Execute(s.writer, "PRAGMA query_only = 0", nil))
	maintain(t, s)
	require.NotNil(t, s.memory.filter)
	a := &relay.Acceptance{Event: kept, Dedup: time.Hour}
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
	assert.True(t, a.Duplicate)
	require.NoError(t, s.Close())
}

// TestLogStaysSmall writes and prunes while readers are always busy, which
// keeps the log from being started over by itself.
func TestLogStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, 100, 64<<10, 0)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := s.Claim(context.Background(), relay.ClaimQuery{Destination: "crm", Now: time.Now(), Max: 100, MaxBytes: 8 << 20, Held: func(int64) bool { return false }})
				assert.NoError(t, err)
			}
		})
	}
	for range 25 {
		deliver(t, s, put(t, s, 200, 64<<10, 0))
		prunePass(t, s)
		s.checkpointer.tidy()
	}
	close(stop)
	readers.Wait()
	info, err := os.Stat(filepath.Join(dir, "queue.db-wal"))
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(3*largeLog), "after writing some 300 MB")
	require.NoError(t, s.Close())
}

// TestHousekeepingKeepsUpWithIngest fills a limited queue many times over and
// expects history to give way in time.
func TestHousekeepingKeepsUpWithIngest(t *testing.T) {
	s := open(t, t.TempDir())
	engine, err := relay.NewEngine(t.Context(), relay.Options{Queue: s})
	require.NoError(t, err)
	engine.Attach(relay.Config{
		Destinations: []relay.DestinationConfig{{Name: "crm", Destination: new(instantly), Concurrency: 64}},
		Limits:       relay.Limits{MaxSize: 96 << 20, History: time.Hour},
	}).Activate()
	const senders, events = 16, 2500 // about twice the limit
	var refused sync.Map
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range events {
				event := &relay.Event{ID: fmt.Sprint(sender, "-", i), Source: "test", Time: time.Now(), Body: make([]byte, 4<<10)}
				if _, err := engine.Accept(event, []string{"crm"}, time.Hour); err != nil {
					refused.Store(event.ID, err)
				}
			}
		})
	}
	wg.Wait()
	refused.Range(func(id, err any) bool {
		t.Errorf("%s was refused: %v", id, err)
		return false
	})
	require.NoError(t, engine.Close(t.Context()))
}
