package assembly

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

func TestPartsInAnyOrder(t *testing.T) {
	for _, order := range []string{"abc", "cba", "bbca", "caab"} {
		run(t, func(t *testing.T) {
			p := start()
			defer p.Close()
			for i, name := range order {
				require.Empty(t, p.all())
				requireKept(t, p, 7, string(name))
				require.Len(t, p.all(), (i+1)/len(order))
			}
			later(time.Hour)
			require.Equal(t, []string{"a|b|c."}, p.texts())
		})
	}
}

// A part that is there already costs nothing, and has the tag of the first time.
func TestARepeatedPartIsTheSame(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		defer p.Close()
		first, err := p.addTo("1", 7, 2, 1, "a")
		require.NoError(t, err)
		entries := p.entries()
		again, err := p.addTo("1", 7, 2, 1, "a")
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, entries, p.entries())
		second, err := p.addTo("1", 7, 2, 2, "b")
		require.NoError(t, err)
		require.Equal(t, []event{{"a|b", true, []uint64{first, second}}}, p.all())
	})
}

func TestIncompleteAfterARestart(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "c")
		later(time.Minute)
		p = p.crash()
		defer func() { p.Close() }()
		later(limits.Age - time.Minute - 1)
		require.Empty(t, p.all())
		later(1)
		require.Equal(t, []string{"a|c"}, p.texts(), "in time, although nothing else came")
		// That is so for good.
		p = p.again()
		later(time.Hour)
		requireKept(t, p, 7, "b")
		later(time.Hour)
		require.Equal(t, []string{"a|c", "b"}, p.texts(), "what comes too late is another message")
	})
}

func TestIncompleteAfterALongDowntime(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a")
		p.set(func() { *p.crashed = true })
		p.Close()
		later(downtime)
		p = p.again()
		defer p.Close()
		synctest.Wait()
		require.Equal(t, []string{"a"}, p.texts())
	})
}

func TestCompleteAfterARestart(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "c")
		later(5 * time.Minute)
		p = p.crash()
		requireKept(t, p, 7, "a", "b")
		require.Equal(t, []string{"a|b|c."}, p.texts())
		// The answer to the last part was lost, and so was the memory.
		p = p.crash()
		requireKept(t, p, 7, "b")
		later(time.Minute)
		p = p.crash()
		requireKept(t, p, 7, "a")
		later(time.Hour)
		p = p.again()
		later(time.Hour)
		require.Equal(t, []string{"a|b|c."}, p.texts())
		p.Close()
	})
}

// Some senders always use the same reference.
func TestSameReferenceAfterARestart(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "b", "c")
		p = p.crash()
		requireKept(t, p, 7, "a", "b", "c")
		requireKept(t, p, 7, "ax", "b")
		p = p.crash()
		requireKept(t, p, 7, "ax", "b", "c")
		require.Equal(t, []string{"a|b|c.", "a|b|c.", "ax|b|c."}, p.texts())
		p.Close()
	})
}

func TestCrashBetweenKeepingAndAnswering(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a")
		p.set(func() { p.last = true })
		require.ErrorIs(t, p.add(7, 2, "b"), errCrashed)
		p = p.crash()
		requireKept(t, p, 7, "b")
		p.set(func() { p.last = true })
		require.ErrorIs(t, p.add(7, 3, "c"), errCrashed)
		require.Equal(t, []string{"a|b|c."}, p.texts())
		p = p.crash()
		requireKept(t, p, 7, "c")
		later(time.Hour)
		p = p.again()
		later(time.Hour)
		p.Close()
		require.Equal(t, []string{"a|b|c."}, p.texts())
	})
}

func TestWhatCantBeKeptIsSentAgain(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		p.set(func() { p.failure = errDisk })
		require.ErrorIs(t, p.add(7, 1, "a"), errDisk)
		p.set(func() { p.failure = nil })
		requireKept(t, p, 7, "b", "c")
		later(limits.Age)
		require.Equal(t, []string{"b|c"}, p.texts(), "without what was refused")

		requireKept(t, p, 8, "a", "b")
		p.set(func() { p.full = true })
		require.ErrorIs(t, p.add(8, 3, "c"), relay.ErrFull)
		p = p.crash()
		requireKept(t, p, 8, "c")
		require.Equal(t, []string{"b|c", "a|b|c."}, p.texts())
		p.Close()
	})
}

func TestGivenUpWhileNothingCanBeKept(t *testing.T) {
	for _, crash := range []bool{false, true} {
		run(t, func(t *testing.T) {
			p := start()
			requireKept(t, p, 7, "a", "c")
			p.set(func() { p.full = true })
			later(2 * limits.Age)
			require.Empty(t, p.all())
			requireKept(t, p, 7, "a") // It is of another message by now.
			if crash {
				p = p.crash()
			}
			p.set(func() { p.full = false })
			later(flushRetry)
			require.Equal(t, []string{"a|c"}, p.texts())
			later(limits.Age)
			require.Equal(t, []string{"a|c", "a"}, p.texts())
			p = p.again()
			later(time.Hour)
			p.Close()
			require.Equal(t, []string{"a|c", "a"}, p.texts())
		})
	}
}

// What was given up since there was no room, and came again while it could not be
// kept, is the same for a process that finds both.
func TestGivenUpAndRepeated(t *testing.T) {
	run(t, func(t *testing.T) {
		p := newDisk().open(new(Lists), coding.Limits{Messages: 2})
		synctest.Wait()
		p.set(func() { p.away = true })
		for i := range uint16(3) {
			requireKept(t, p, i, "a")
		}
		requireKept(t, p, 0, "a")
		p = p.crash()
		later(coding.DefaultMaxAge)
		require.Equal(t, []string{"a", "a", "a"}, p.texts())
		p = p.again()
		later(time.Hour)
		p.Close()
		require.Len(t, p.all(), 3)
	})
}

// So are the parts that came after that, and complete the message.
func TestGivenUpAndCompleted(t *testing.T) {
	run(t, func(t *testing.T) {
		p := newDisk().open(new(Lists), coding.Limits{Messages: 2})
		synctest.Wait()
		p.set(func() { p.away = true })
		for i := range uint16(3) {
			requireKept(t, p, i, "a")
		}
		requireKept(t, p, 0, "b", "c")
		require.Empty(t, p.all())
		p = p.crash()
		synctest.Wait()
		require.Equal(t, []string{"a|b|c."}, p.texts())
		requireKept(t, p, 0, "b", "c")
		requireKept(t, p, 0, "a")
		require.Equal(t, []string{"a|b|c.", "a|b|c."}, p.texts())
		p.Close()
	})
}

func TestNoPartsWhileTooMuchCantBeKept(t *testing.T) {
	run(t, func(t *testing.T) {
		p := newDisk().open(new(Lists), coding.Limits{Messages: 3})
		defer p.Close()
		synctest.Wait()
		p.set(func() { p.away = true })
		refused := 0
		for i := range uint16(20) {
			if err := p.add(i, 1, fmt.Sprint("a", i)); err != nil {
				require.ErrorIs(t, err, relay.ErrFull)
				refused++
			}
		}
		require.Equal(t, 20-6, refused, "so many are pending, and so many wait for other parts")
		p.set(func() { p.away = false })
		later(flushRetry)
		requireKept(t, p, 100, "a")
		later(coding.DefaultMaxAge + flushRetry)
		require.Len(t, p.all(), 6+1)
	})
}

func TestTheListIsReadFirst(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "c")
		p.set(func() { *p.crashed = true })
		p.Close()
		p = &process{disk: p.disk, crashed: new(bool), unread: errDisk}
		p.Assembler = new(Lists).Open(Config{Name: "a list", Limits: limits, Sink: p.aSink})
		began := time.Now()
		require.ErrorIs(t, p.add(7, 2, "b"), ErrUnread)
		require.Equal(t, restoreTimeout, time.Since(began))
		p.set(func() { p.unread = nil })
		requireKept(t, p, 7, "b")
		require.Equal(t, []string{"a|b|c."}, p.texts())
		p.Close()

		p = &process{disk: p.disk, crashed: new(bool), away: true}
		p.Assembler = new(Lists).Open(Config{Name: "a list", Limits: limits, Sink: p.aSink})
		p.Close()
		require.ErrorIs(t, p.add(8, 2, "b"), ErrClosed)
	})
}

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
		other := &process{disk: p.disk, crashed: new(bool)}
		other.Assembler = lists.Open(Config{Name: "another", Sink: other.aSink})
		requireKept(t, other, 7, "c")
		require.Empty(t, p.all())
		p.Close()
		other.Close()
	})
}

func TestPartTooLarge(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		defer p.Close()
		require.ErrorIs(t, p.add(7, 1, strings.Repeat("x", relay.MaxLinkLength)), ErrTooLarge)
		require.NoError(t, p.add(7, 1, strings.Repeat("x", relay.MaxLinkLength-100)))
		require.Zero(t, p.maxLinks-2, "the part and the mark")
	})
}

// Events may have ids by which those of other messages are known again.
func TestMessageThatIsADuplicate(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		sink, _ := p.aSink()
		sink.Event = func(whole coding.Assembled) (relay.Acceptance, error) {
			a, err := eventOf(whole)
			a.Event.ID = "always the same"
			return a, err
		}
		for _, reference := range []uint16{1, 2} {
			for n := range uint8(2) {
				_, err := p.Add(sink, "1", "2", coding.Part{Header: coding.Header{Concat: coding.NewConcat(coding.SAR, reference, 2, n+1)}})
				require.NoError(t, err)
			}
		}
		require.Len(t, p.all(), 1)
		p = p.crash()
		later(time.Hour)
		require.Len(t, p.all(), 1, "no parts are left over")
		p.Close()
	})
}

// An event that can't be made is lost, and does not come again and again.
func TestMessageThatIsNoEvent(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "b")
		sink, _ := p.aSink()
		sink.Event = func(coding.Assembled) (relay.Acceptance, error) { return relay.Acceptance{}, errors.New("no event") }
		_, err := p.Add(sink, "491700000001", "12345", coding.Part{
			Header: coding.Header{Concat: coding.NewConcat(coding.UDH8, 7, 3, 3), Octets: 6}, Data: []byte("c"),
		})
		require.ErrorContains(t, err, "no event")
		other := p.list.shares[0]
		other.sink = func() (Sink, bool) { return sink, true }
		later(limits.Age)
		p = p.again()
		later(time.Hour)
		p.Close()
		require.Empty(t, p.all())
	})
}

// Messages with as many parts as there can be need several entries to be done.
func TestMessageOf255Parts(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		for n := range uint8(255) {
			_, err := p.addTo("1", 7, 255, n+1, "x")
			require.NoError(t, err)
		}
		require.Len(t, p.all(), 1)
		require.Len(t, p.all()[0].Tags, 255)
		require.Equal(t, 1+3, p.maxLinks)
		p = p.crash()
		later(time.Hour)
		require.Len(t, p.all(), 1)
		p.Close()
	})
}

// Only what may not be done is read.
func TestTheListIsReadFromItsMark(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		for i := range uint16(48) {
			requireKept(t, p, i, "a", "b", "c")
			later(30 * time.Minute)
		}
		requireKept(t, p, 100, "a")
		p = p.crash()
		synctest.Wait()
		require.LessOrEqual(t, p.read, 3*6, "parts of the last three hours at most")
		requireKept(t, p, 100, "b", "c")
		require.Len(t, p.all(), 49)
		p.Close()
	})
}

// However long events can't be kept, what they are to be made of is found again.
func TestTheMarkWaitsForWhatIsPending(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a")
		p.set(func() { p.full = true })
		later(5 * time.Hour)
		requireKept(t, p, 8, "a") // It brings a mark along.
		p = p.crash()
		later(limits.Age)
		p.Close()
		require.Equal(t, []string{"a", "a"}, p.texts())
	})
}

func TestMarks(t *testing.T) {
	l := newList("a list", coding.Limits{Age: 10 * time.Minute})
	now := time.UnixMilli(1e12)
	read := func(link relay.Link) time.Time {
		doneBefore, at, err := decodeMark(link.Value)
		require.NoError(t, err)
		require.Equal(t, now, at)
		return doneBefore
	}
	mark, due := l.newMark(now)
	require.True(t, due)
	require.Equal(t, now.Add(-30*time.Minute), read(mark))
	l.setMarked(now)
	_, due = l.newMark(now.Add(span - 1))
	require.False(t, due)
	_, due = l.newMark(now.Add(-1))
	require.True(t, due, "the clock was set back")
	l.pending = []coding.Assembled{{First: now.Add(-time.Minute)}, {First: now.Add(-3 * time.Hour)}}
	now = now.Add(span)
	mark, due = l.newMark(now)
	require.True(t, due)
	require.Equal(t, now.Add(-4*time.Hour-20*time.Minute), read(mark))
	from, to := l.spans(mark.Value, now.Add(time.Hour))
	require.Equal(t, spanOf(now)-4, from)
	require.Equal(t, spanOf(now)+2, to)
	// A clock that was set back, a mark that can't be read, and one from the future.
	_, to = l.spans(mark.Value, now.Add(-2*time.Hour))
	require.Equal(t, spanOf(now)+1, to)
	from, to = l.spans(nil, now)
	require.Equal(t, spanOf(now.Add(-l.keptFor())), from)
	require.Equal(t, spanOf(now)+1, to)
	from, to = l.spans(encodeMark(now, now.AddDate(100, 0, 0)), now)
	require.Equal(t, spanOf(now), from)
	require.Less(t, to-from, int64(100))
}
