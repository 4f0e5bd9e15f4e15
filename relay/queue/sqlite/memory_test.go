package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// offer commits events of the given ids in one batch and returns how many of
// them were duplicates.
func offer(t *testing.T, s *Store, dedup time.Duration, ids ...string) (duplicates int) {
	t.Helper()
	b := &relay.Batch{}
	for _, id := range ids {
		b.Accepts = append(b.Accepts, &relay.Acceptance{
			Event: &relay.Event{ID: id, Source: "test", Time: time.Now()}, Dedup: dedup,
		})
	}
	require.NoError(t, s.Commit(t.Context(), b))
	for _, a := range b.Accepts {
		if a.Duplicate {
			duplicates++
		}
	}
	return duplicates
}

func names(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint("id-", i))
	}
	return list
}

func rows(t *testing.T, s *Store, table string) int64 {
	t.Helper()
	stmt, err := s.writer.Prepare("SELECT count(*) FROM " + table)
	require.NoError(t, err)
	n, err := sqlitex.ResultInt64(stmt)
	require.NoError(t, err)
	return n
}

func maintain(t *testing.T, s *Store) {
	t.Helper()
	for range 1000 {
		more, err := s.Maintain(t.Context(), relay.Limits{History: time.Hour})
		require.NoError(t, err)
		if !more {
			return
		}
	}
	t.Fatal("housekeeping does not end")
}

// TestMemoryThroughItsStages has ids pass from the map to the frozen map and
// the table, with restarts in between, and checks that none is forgotten.
func TestMemoryThroughItsStages(t *testing.T) {
	dir := t.TempDir()
	const batches, batch = 40, 50
	for restart := range 3 {
		s, err := Open(dir)
		require.NoError(t, err)
		s.memory.size = 300
		first := restart * batches * batch
		for i := range batches {
			from := first + i*batch
			require.Zero(t, offer(t, s, time.Hour, names(from, from+batch)...), "new ids")
			if i%10 == 0 {
				maintain(t, s)
			}
			seen := names(max(0, from-700), from+batch)
			require.Equal(t, len(seen), offer(t, s, time.Hour, seen...), "known ids, some in the table and some not")
		}
		// On a busy machine, what was frozen may not be sorted yet.
		for extra := 0; rows(t, s, "remembered") == 0; extra++ {
			require.Zero(t, offer(t, s, time.Hour, fmt.Sprintf("extra-%d-%d", restart, extra)))
		}
		maintain(t, s)
		require.NotNil(t, s.memory.filter)
		require.Less(t, rows(t, s, "remembered_recent"), int64(40), "the log is trimmed")
		all := names(0, first+batches*batch)
		require.Equal(t, len(all), offer(t, s, time.Hour, all...))
		require.NoError(t, s.Close())
	}
}

func TestMemoryForgetsWhatIsOver(t *testing.T) {
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	s.memory.size = 100
	for i := range 20 {
		offer(t, s, time.Millisecond, names(i*50, i*50+50)...)
		offer(t, s, time.Hour, names(10_000+i*50, 10_000+i*50+50)...)
	}
	<-time.After(2 * time.Millisecond) // the last of the short-lived ones expires
	s.memory.sweep.next = time.Time{}
	maintain(t, s)
	assert.LessOrEqual(t, rows(t, s, "remembered"), int64(1000), "expired ids are removed")
	assert.Zero(t, offer(t, s, time.Hour, names(0, 1000)...), "expired ids are new again")
	assert.Equal(t, 1000, offer(t, s, time.Hour, names(10_000, 11_000)...))
	require.NoError(t, s.Close())
}

// TestMemoryAfterRollback has a commit fail and checks that its ids are not
// remembered, and that those on their way to the table are not lost.
func TestMemoryAfterRollback(t *testing.T) {
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	s.memory.size = 100
	for i := range 4 {
		offer(t, s, time.Hour, names(i*50, i*50+50)...)
	}
	require.NotNil(t, s.memory.frozen)
	s.memory.spill.rows, s.memory.spill.sorting = <-s.memory.spill.sorting, nil
	seq := s.nextSeq

	require.NoError(t, sqlitex.ExecuteTransient(s.writer, "CREATE TEMP TRIGGER fail BEFORE INSERT ON main.remembered BEGIN SELECT raise(ABORT, 'no'); END", nil))
	b := &relay.Batch{}
	for _, id := range names(900, 950) {
		b.Accepts = append(b.Accepts, &relay.Acceptance{Event: &relay.Event{ID: id, Source: "test"}, To: []string{"new"}, Dedup: time.Hour})
	}
	require.Error(t, s.Commit(t.Context(), b))
	require.NoError(t, sqlitex.ExecuteTransient(s.writer, "DROP TRIGGER fail", nil))
	assert.Equal(t, seq, s.nextSeq)
	assert.NotContains(t, s.destinations, "new")

	require.NoError(t, s.Commit(t.Context(), b), "the same again")
	for _, a := range b.Accepts {
		assert.False(t, a.Duplicate)
	}
	assert.Equal(t, 200, offer(t, s, time.Hour, names(0, 200)...))
	for i := range 20 {
		offer(t, s, time.Hour, names(2000+i*50, 2000+i*50+50)...)
	}
	assert.Equal(t, 200, offer(t, s, time.Hour, names(0, 200)...))
	require.NoError(t, s.Close())
}

func TestBrokenStoreRefusesEverything(t *testing.T) {
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, s.Sync(t.Context()))
	offer(t, s, 0, "a")
	require.NoError(t, s.wal.close()) // syncs fail from now on
	require.Error(t, s.Sync(t.Context()))
	err = s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{{Event: &relay.Event{ID: "b"}}}})
	require.ErrorContains(t, err, "a sync to disk failed")
	require.ErrorContains(t, s.Sync(t.Context()), "a sync to disk failed")
	_, err = s.Maintain(t.Context(), relay.Limits{})
	require.ErrorContains(t, err, "a sync to disk failed")
	_ = s.Close() // closing the log twice is an error
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, sqlitex.ExecuteTransient(s.writer, "PRAGMA user_version = 99", nil))
	require.NoError(t, s.Close())
	_, err = Open(dir)
	require.ErrorContains(t, err, "use the newer build that wrote it")
	_, err = Open(dir)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "locked", "the first attempt gave the lock back")
}

func TestHashIDKeepsSourceAndIDApart(t *testing.T) {
	a := hashID(&relay.Event{Source: "a", ID: "bc"})
	b := hashID(&relay.Event{Source: "ab", ID: "c"})
	assert.NotEqual(t, a, b)
	assert.Equal(t, a, hashID(&relay.Event{Source: "a", ID: "bc", Body: []byte("x")}))
}

func markOf(n int) relay.Mark {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return relay.Mark{Hash: relay.MarkHash(sum[:16]), For: time.Hour, Note: uint16(200 + n%50)} //nolint:gosec // It is small.
}

// TestMarksThroughTheStages has marks without events pass from memory to the
// table, with restarts in between, and checks that none is forgotten.
func TestMarksThroughTheStages(t *testing.T) {
	dir := t.TempDir()
	const batches, batch = 30, 40
	for restart := range 3 {
		s, err := Open(dir)
		require.NoError(t, err)
		s.memory.size = 200
		for i := range batches {
			b := &relay.Batch{}
			for j := range batch {
				b.Accepts = append(b.Accepts, &relay.Acceptance{Marks: []relay.Mark{markOf((restart*batches+i)*batch + j)}})
			}
			require.NoError(t, s.Commit(t.Context(), b))
			if s.memory.spill.sorting != nil {
				s.memory.spill.rows, s.memory.spill.sorting = <-s.memory.spill.sorting, nil
			}
			if i%7 == 0 {
				maintain(t, s)
			}
		}
		require.Positive(t, rows(t, s, "remembered"))
		for n := range (restart + 1) * batches * batch {
			note, ok, err := s.Remembered(t.Context(), markOf(n).Hash)
			require.NoError(t, err)
			require.True(t, ok, "mark %d after %d restarts", n, restart)
			require.Equal(t, markOf(n).Note, note)
		}
		_, ok, err := s.Remembered(t.Context(), markOf(-1).Hash)
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, s.Close())
	}
}

// TestRememberedWhileCommitting asks for marks while they move to the table.
func TestRememberedWhileCommitting(t *testing.T) {
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	s.memory.size = 100
	maintain(t, s)
	var committed atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < 3000; n = int(committed.Load()) {
			for i := range n {
				_, ok, err := s.Remembered(context.Background(), markOf(i).Hash)
				if err != nil || !ok {
					t.Errorf("mark %d of %d: %v, %v", i, n, ok, err)
					return
				}
			}
		}
	}()
	for n := 0; n < 3000; n += 20 {
		b := &relay.Batch{}
		for i := range 20 {
			b.Accepts = append(b.Accepts, &relay.Acceptance{Marks: []relay.Mark{markOf(n + i)}})
		}
		require.NoError(t, s.Commit(t.Context(), b))
		committed.Store(int64(n + 20))
		_, err := s.Maintain(t.Context(), relay.Limits{History: time.Hour})
		require.NoError(t, err)
	}
	<-done
	require.NoError(t, s.Close())
}

// TestTerms checks that a note does not change when a term ends.
func TestTerms(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	for _, note := range []uint16{0, 202, 0x7fff, 0xffff} {
		term := newTerm(now, note)
		assert.Equal(t, note, term.note())
		assert.True(t, term.over(now))
		assert.True(t, term.over(now.Add(time.Hour)))
		assert.False(t, term.over(now.Add(-time.Millisecond)))
	}
}

func BenchmarkRemembered(b *testing.B) {
	s, err := Open(b.TempDir())
	require.NoError(b, err)
	_, err = s.Maintain(b.Context(), relay.Limits{History: time.Hour})
	require.NoError(b, err)
	require.NotNil(b, s.memory.filter)
	hash := markOf(1).Hash
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := s.Remembered(b.Context(), hash); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	require.NoError(b, s.Close())
}
