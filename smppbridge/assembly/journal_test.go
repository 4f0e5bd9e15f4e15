package assembly

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

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
