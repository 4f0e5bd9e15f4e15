package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

func linkOf(n int, value string, keep time.Duration) relay.Link {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return relay.Link{Hash: relay.LinkHash(sum[:16]), Value: []byte(value), For: keep}
}

// addLinks commits links, and waits for what is sorted aside.
func addLinks(t testing.TB, s *Store, links ...relay.Link) {
	t.Helper()
	require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{{Links: links}}}))
	if p := &s.links.spill; p.sorting != nil {
		p.rows, p.sorting = <-p.sorting, nil
	}
}

func linkedValues(t *testing.T, s *Store, hash relay.LinkHash) (values []string) {
	t.Helper()
	got, err := s.Linked(t.Context(), hash)
	require.NoError(t, err)
	for _, v := range got {
		values = append(values, string(v))
	}
	return values
}

// requireLinks expects the links of linkOf from one number up to another, with
// the number as value.
func requireLinks(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		require.Equal(t, []string{strconv.Itoa(n)}, linkedValues(t, s, linkOf(n, "", 0).Hash))
	}
}

// TestLinksThroughTheStages has links pass from memory to the index, with
// restarts in between, and checks that none is forgotten.
func TestLinksThroughTheStages(t *testing.T) {
	dir := t.TempDir()
	const batches, batch = 30, 40
	twin := linkOf(1, "twin", time.Hour)
	twin.Hash[15]++
	var common []string
	n := 0
	for restart := range 3 {
		s := open(t, dir)
		s.links.size = 200
		for i := range batches {
			common = append([]string{fmt.Sprint(restart, "-", i)}, common...)
			links := []relay.Link{linkOf(-1, common[0], time.Hour)}
			for range batch {
				links = append(links, linkOf(n, strconv.Itoa(n), time.Hour))
				n++
			}
			addLinks(t, s, links...)
			if restart == 0 && i == 0 {
				addLinks(t, s, twin)
			}
			require.Equal(t, common[:min(len(common), relay.MaxLinked)], linkedValues(t, s, linkOf(-1, "", 0).Hash))
			all := eachLinked(t, s, linkOf(-1, "", 0).Hash)
			slices.Reverse(all)
			require.Equal(t, common, all)
			if i%7 == 0 {
				maintain(t, s)
			}
		}
		assert.Positive(t, rows(t, s, "links_by_hash"))
		assert.NotNil(t, s.links.filter)
		requireLinks(t, s, 0, n)
		assert.Equal(t, []string{"twin"}, linkedValues(t, s, twin.Hash), "with the same first half as another")
		assert.Empty(t, linkedValues(t, s, linkOf(-2, "", 0).Hash))
		require.NoError(t, s.Close())
	}
}

func eachLinked(t *testing.T, s *Store, hash relay.LinkHash) (values []string) {
	t.Helper()
	require.NoError(t, s.EachLinked(t.Context(), hash, func(value []byte) error {
		values = append(values, string(value))
		return nil
	}))
	return values
}

// TestEachLinkedReadsPages has some of the links in the index, and some not.
func TestEachLinkedReadsPages(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = eachLinkedPage
	var want []string
	for i := range 5 * eachLinkedPage {
		want = append(want, strconv.Itoa(i))
		addLinks(t, s, linkOf(1, want[i], time.Hour), linkOf(2, "other", time.Hour))
	}
	require.Greater(t, rows(t, s, "links_by_hash"), int64(4*eachLinkedPage))
	require.Equal(t, want, eachLinked(t, s, linkOf(1, "", 0).Hash))
	require.NoError(t, s.Close())
}

// TestLinksAfterACrash takes the files while links are on their way to the
// index, as a kill does.
func TestLinksAfterACrash(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s := open(t, dir)
	s.links.size = 100
	n, partly := 0, false
	for !partly {
		addLinks(t, s, linkOf(n, strconv.Itoa(n), time.Hour))
		n++
		partly = s.links.spill.moved > 0
	}
	for _, name := range []string{"queue.db", "queue.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, name), content, 0o600))
	}
	require.NoError(t, s.Close())

	s = open(t, copied)
	s.links.size = 100
	require.Positive(t, rows(t, s, "links_by_hash"))
	for range 300 {
		requireLinks(t, s, n-1, n)
		addLinks(t, s, linkOf(n, strconv.Itoa(n), time.Hour))
		n++
	}
	maintain(t, s)
	requireLinks(t, s, 0, n)
	require.NoError(t, s.Close())
}

// TestLinksForgetWhatIsOver looks on from after the first links have expired.
func TestLinksForgetWhatIsOver(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.links.size = 100
	const each = 2000
	for i := range each {
		addLinks(t, s, linkOf(i, strconv.Itoa(i), 10*time.Hour), linkOf(each+i, "brief", time.Minute))
	}
	require.EqualValues(t, 2*each, rows(t, s, "links"))
	indexed := rows(t, s, "links_by_hash")
	require.Greater(t, indexed, int64(3*each/2))

	later := time.Now().Add(time.Hour)
	pass := func() (steps int) {
		s.links.prune.next, s.links.sweep.next = time.Time{}, time.Time{}
		for s.links.prune.next.IsZero() || s.links.sweep.next.IsZero() {
			steps++
			_, err := s.pruneLinks(later)
			require.NoError(t, err)
			_, err = s.sweepLinks(later)
			require.NoError(t, err)
		}
		return steps
	}
	assert.Greater(t, pass(), 2*each/sweepStep, "in small steps")
	assert.EqualValues(t, each, rows(t, s, "links"))
	assert.Less(t, rows(t, s, "links_by_hash"), indexed/2+200)
	requireLinks(t, s, 0, each)

	later = later.Add(10 * time.Hour)
	pass()
	assert.Zero(t, rows(t, s, "links"))
	assert.Zero(t, rows(t, s, "links_by_hash"))
	last := s.links.lastSeq
	require.NoError(t, s.Close())

	s = open(t, dir)
	require.Positive(t, s.links.lastSeq)
	require.LessOrEqual(t, s.links.lastSeq, last)
	addLinks(t, s, linkOf(7, "7", time.Hour))
	require.NoError(t, s.Close())
	s = open(t, dir)
	assert.Equal(t, []string{"7"}, linkedValues(t, s, linkOf(7, "", 0).Hash), "numbers of indexed links are not used again")
	require.NoError(t, s.Close())
}

// TestLinksAfterRollback has a commit fail in which links are moved, and
// checks that neither they nor the others are lost, and the new ones not kept.
func TestLinksAfterRollback(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = 100
	key := put(t, s, 1, 10, 0)[0]
	n := 0
	for s.links.frozen == nil {
		addLinks(t, s, linkOf(n, strconv.Itoa(n), time.Hour))
		n++
	}
	var links []relay.Link
	for i := range 40 {
		links = append(links, linkOf(n+i, strconv.Itoa(n+i), time.Hour))
	}
	finish := &relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Started: time.Now(), Result: relay.Result{Note: []byte("note"), Links: links}}
	b := &relay.Batch{Finishes: []*relay.Finish{finish}}
	require.NoError(t, sqlitex.ExecuteTransient(s.writer, "CREATE TEMP TRIGGER fail BEFORE INSERT ON main.links_by_hash BEGIN SELECT raise(ABORT, 'no'); END", nil))
	require.Error(t, s.Commit(t.Context(), b))
	require.NoError(t, sqlitex.ExecuteTransient(s.writer, "DROP TRIGGER fail", nil))
	for _, l := range links {
		assert.Empty(t, linkedValues(t, s, l.Hash))
	}
	assert.Zero(t, rows(t, s, "notes"))
	requireLinks(t, s, 0, n)

	require.NoError(t, s.Commit(t.Context(), b), "the same again")
	for i := n + len(links); i < 500; i++ {
		addLinks(t, s, linkOf(i, strconv.Itoa(i), time.Hour))
	}
	requireLinks(t, s, 0, 500)
	assert.EqualValues(t, 1, rows(t, s, "notes"))
	require.NoError(t, s.Close())
}

// TestLinksThatMoveDuringASweep has links move to the index behind where a
// sweep is.
func TestLinksThatMoveDuringASweep(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = 100
	n := 0
	move := func(rows int64) {
		for from := s.links.indexed; s.links.indexed < from+rows; n++ {
			addLinks(t, s, linkOf(n, strconv.Itoa(n), time.Hour))
		}
	}
	move(2 * sweepStep)
	_, err := s.sweepLinks(time.Now())
	require.NoError(t, err)
	require.NotNil(t, s.links.sweep.filter, "the pass goes on")
	move(2 * sweepStep)
	maintain(t, s)
	require.NotNil(t, s.links.filter)
	requireLinks(t, s, 0, n)
	require.NoError(t, s.Close())
}

func TestExpiredLinkInTheIndex(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = 100
	for i := range 300 {
		addLinks(t, s, linkOf(i, strconv.Itoa(i), time.Hour))
	}
	require.Equal(t, []string{"1"}, linkedValues(t, s, linkOf(1, "", 0).Hash))
	require.NoError(t, sqlitex.Execute(s.writer, "UPDATE links_by_hash SET expires = ? WHERE seq = 2", &sqlitex.ExecOptions{Args: []any{time.Now().UnixMilli() - 1}}))
	assert.Empty(t, linkedValues(t, s, linkOf(1, "", 0).Hash), "the sweep has not come by yet")
	requireLinks(t, s, 2, 300)
	require.NoError(t, s.Close())
}

// TestFailedSweepOfLinksForgetsNothing has a sweep fail halfway.
func TestFailedSweepOfLinksForgetsNothing(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = 100
	for i := range 300 {
		addLinks(t, s, linkOf(i, strconv.Itoa(i), time.Hour), linkOf(1000+i, "brief", time.Minute))
	}
	s.links.prune.next = time.Time{}
	require.NoError(t, sqlitex.Execute(s.writer, "PRAGMA query_only = 1", nil))
	later := time.Now().Add(30 * time.Minute)
	_, err := s.pruneLinks(later)
	require.Error(t, err)
	_, err = s.sweepLinks(later)
	require.Error(t, err)
	require.NoError(t, sqlitex.Execute(s.writer, "PRAGMA query_only = 0", nil))
	maintain(t, s)
	require.NotNil(t, s.links.filter)
	requireLinks(t, s, 0, 300)
	require.NoError(t, s.Close())
}

// TestLinkedWhileCommitting looks for links while they move to the index.
func TestLinkedWhileCommitting(t *testing.T) {
	s := open(t, t.TempDir())
	s.links.size = 100
	var committed atomic.Int64
	done := make(chan struct{})
	const all = 2000
	go func() {
		defer close(done)
		for n := 0; n < all; n = int(committed.Load()) {
			for i := range n {
				values, err := s.Linked(context.Background(), linkOf(i, "", 0).Hash)
				if err != nil || len(values) != 1 || string(values[0]) != strconv.Itoa(i) {
					t.Errorf("link %d of %d: %q, %v", i, n, values, err)
					return
				}
			}
		}
	}()
	for n := 0; n < all; n += 20 {
		var links []relay.Link
		for i := range 20 {
			links = append(links, linkOf(n+i, strconv.Itoa(n+i), time.Hour))
		}
		require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{{Links: links}}}))
		committed.Store(int64(n + 20))
		_, err := s.Maintain(t.Context(), relay.Limits{History: time.Hour})
		require.NoError(t, err)
	}
	<-done
	require.NoError(t, s.Close())
}

func TestLargeValuesLeaveMemorySooner(t *testing.T) {
	s := open(t, t.TempDir())
	value := strings.Repeat("x", relay.MaxLinkLength)
	for i := 0; s.links.frozen == nil; i += 512 {
		require.LessOrEqual(t, i, recentLinkBytes/relay.MaxLinkLength)
		var links []relay.Link
		for j := range 512 {
			links = append(links, linkOf(i+j, value, time.Hour))
		}
		addLinks(t, s, links...)
	}
	require.NoError(t, s.Close())
}

func TestBrokenStoreFindsNoLinks(t *testing.T) {
	s := open(t, t.TempDir())
	addLinks(t, s, linkOf(1, "1", time.Hour))
	require.NoError(t, s.wal.close()) // syncs fail from now on
	require.Error(t, s.Sync(t.Context()))
	_, err := s.Linked(t.Context(), linkOf(1, "", 0).Hash)
	require.ErrorContains(t, err, "a sync to disk failed")
	_ = s.Close() // closing the log twice is an error
}

func TestNotesArePruned(t *testing.T) {
	s := open(t, t.TempDir())
	keys := put(t, s, 5, 10, 0)
	b := &relay.Batch{}
	for i, key := range keys {
		f := &relay.Finish{Key: key, State: relay.StateDelivered, Attempt: 1, Started: time.Now(), Result: relay.Result{Note: []byte("note")}}
		if i == 0 {
			f.State = relay.StateDead
		}
		b.Finishes = append(b.Finishes, f)
	}
	require.NoError(t, s.Commit(t.Context(), b))
	require.EqualValues(t, 5, rows(t, s, "notes"))
	prunePass(t, s)
	assert.EqualValues(t, 2, rows(t, s, "notes"), "those of the dead letter and of the newest event")
	require.NoError(t, s.Commit(t.Context(), b), "the attempts end once more")
	assert.EqualValues(t, 2, rows(t, s, "notes"), "what is pruned gets no note")
	require.NoError(t, s.Close())
}

// TestLinkedUsesTheIndex keeps the planner from choosing to read the table.
func TestLinkedUsesTheIndex(t *testing.T) {
	s := open(t, t.TempDir())
	var plan []string
	err := sqlitex.Execute(s.reader, "EXPLAIN QUERY PLAN "+linkedSQL, &sqlitex.ExecOptions{
		Args: []any{1, 1, 1, 1},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			plan = append(plan, stmt.ColumnText(3))
			return nil
		},
	})
	require.NoError(t, err)
	require.True(t, slices.Equal(plan, []string{
		"SEARCH i USING PRIMARY KEY (hash=? AND seq<?)",
		"SEARCH l USING INTEGER PRIMARY KEY (rowid=?)",
	}), plan)
	require.NoError(t, s.Close())
}
