package assembly

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

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

func TestTheListIsReadFirst(t *testing.T) {
	run(t, func(t *testing.T) {
		p := start()
		requireKept(t, p, 7, "a", "c")
		p.set(func() { *p.crashed = true })
		p.Close()
		p = &process{disk: p.disk, crashed: new(bool), event: eventOf, unread: errDisk}
		p.Assembler = new(Lists).Open(Config{Name: "a list", Limits: limits, Sink: p.aSink})
		began := time.Now()
		require.ErrorIs(t, p.add(7, 2, "b"), ErrUnread)
		require.Equal(t, restoreTimeout, time.Since(began))
		p.set(func() { p.unread = nil })
		requireKept(t, p, 7, "b")
		require.Equal(t, []string{"a|b|c."}, p.texts())
		p.Close()

		p = &process{disk: p.disk, crashed: new(bool), event: eventOf, away: true}
		p.Assembler = new(Lists).Open(Config{Name: "a list", Limits: limits, Sink: p.aSink})
		p.Close()
		require.ErrorIs(t, p.add(8, 2, "b"), ErrClosed)
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
