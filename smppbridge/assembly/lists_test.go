package assembly

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// While one config replaces another, both have a share.
func TestSharedLists(t *testing.T) {
	run(t, func(t *testing.T) {
		lists := new(Lists)
		old := newDisk().open(lists, limits)
		requireKept(t, old, 7, "a")
		p := old.open(lists, limits)
		requireKept(t, p, 7, "b")
		requireKept(t, old, 7, "c")
		requireKept(t, old, 8, "a")
		old.set(func() { old.away = true })
		old.Close()
		old.Close()
		requireKept(t, p, 8, "b")
		later(limits.Age)
		require.Equal(t, []string{"a|b|c.", "a|b"}, p.texts())
		p.Close()
		require.Empty(t, lists.lists)
	})
}

// A list that is opened while it is being closed is read after that.
func TestReopenedList(t *testing.T) {
	run(t, func(t *testing.T) {
		lists := new(Lists)
		old := newDisk().open(lists, limits)
		requireKept(t, old, 7, "a")
		gate := make(chan struct{})
		old.list.tasks.Go(func() { <-gate })
		go old.Close()
		synctest.Wait()
		p := old.open(lists, limits)
		added := make(chan error, 1)
		go func() { added <- p.add(7, 2, "b") }()
		synctest.Wait()
		require.Empty(t, added)
		close(gate)
		require.NoError(t, <-added)
		requireKept(t, p, 7, "c")
		require.Equal(t, []string{"a|b|c."}, p.texts())
		require.Len(t, lists.lists, 1)
		p.Close()
		require.Empty(t, lists.lists)
	})
}

func TestListsAreNotMixed(t *testing.T) {
	run(t, func(t *testing.T) {
		lists := new(Lists)
		p := newDisk().open(lists, limits)
		requireKept(t, p, 7, "a", "b")
		other := &process{disk: p.disk, crashed: new(bool), event: eventOf}
		other.Assembler = lists.Open(Config{Name: "another", Sink: other.aSink})
		requireKept(t, other, 7, "c")
		require.Empty(t, p.all())
		p.Close()
		other.Close()
	})
}
