package session

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// marks is a low-water mark that only notes what it is set to.
type marks struct {
	*lowWater
	noted
	now time.Duration
}

// noted is the connection of marks.
type noted struct {
	net.Conn
	set    []int
	waits  int // octets
	broken bool
}

func (n *noted) setLowWater(octets int) bool {
	n.set = append(n.set, octets)
	return !n.broken
}

func (n *noted) unread() int { return n.waits }

func newMarks() *marks {
	m := new(marks)
	m.lowWater = newLowWater(&m.noted)
	return m
}

// current returns the mark.
func (m *marks) current() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.octets
}

// paused returns the pause after the last stall.
func (m *marks) paused() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pause
}

// reads has a number of reads with responses of 27 octets each come at a pace, when
// due responses remain due.
func (m *marks) reads(n, responses int, pace time.Duration, due int) {
	for range n {
		m.now += pace * time.Duration(responses)
		m.adjust(batch{at: m.now, octets: 27 * responses, responses: responses}, due)
	}
}

func TestLowWater(t *testing.T) {
	for name, tt := range map[string]struct {
		pace time.Duration
		due  int
		want int // octets
	}{
		"half of what is due":         {20 * time.Microsecond, 10, 5 * 27},
		"as many as come soon":        {100 * time.Microsecond, 100, 5 * 27},
		"a large window":              {time.Microsecond, 1000, 500 * 27},
		"few are due":                 {20 * time.Microsecond, 3, 1},
		"none are due":                {20 * time.Microsecond, 0, 1},
		"they don't come fast enough": {300 * time.Microsecond, 100, 1},
		"by a clock that is coarse":   {0, 10, 5 * 27},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMarks()
				m.reads(200, 1, tt.pace, tt.due)
				require.InDelta(t, tt.want, m.current(), float64(tt.want)/4)
				require.Less(t, len(m.noted.set), 200/4, "it is set only where that is worth it")
				m.timer.Stop()
			})
		})
	}
}

// TestLowWaterBegins: a session that begins to be busy does not wait before that
// has lasted, and one that is not any more never does.
func TestLowWaterBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarks()
		m.reads(20, 1, 20*time.Microsecond, 10)
		require.Empty(t, m.noted.set)
		m.reads(100, 5, 20*time.Microsecond, 10)
		require.Greater(t, m.current(), 1)
		m.reads(1, 5, 20*time.Microsecond, 2)
		require.Equal(t, 1, m.current())
		m.reads(1, 5, 20*time.Microsecond, 10)
		require.Greater(t, m.current(), 1)
		// What is no response tells nothing but that time has passed.
		m.adjust(batch{at: m.now, octets: 1000}, 10)
		require.Greater(t, m.current(), 1)
		m.adjust(batch{at: m.now, octets: 1000}, 1)
		require.Equal(t, 1, m.current())
		m.timer.Stop()
	})
}

// TestLowWaterReleases has a peer that never sends as much as is expected: each
// time, the reader is woken, and that is tried less and less often.
func TestLowWaterReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarks()
		m.waits = 27
		for pause := leastPause; ; pause = min(2*pause, mostPause) {
			m.stall(t)
			require.InDelta(t, pause, m.paused(), float64(pause)/10)
			m.reads(50, 5, 20*time.Microsecond, 10)
			require.Equal(t, 1, m.current(), "it pauses")
			if m.paused() == mostPause {
				return
			}
			m.now += pause
		}
	})
}

// TestLowWaterOfAPeerThatRests has a peer send nothing for a while, so that there
// is nothing that waits.
func TestLowWaterOfAPeerThatRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarks()
		for range 10 {
			m.stall(t)
			require.Zero(t, m.paused())
		}
	})
}

// stall has nothing come any more once the mark is set.
func (m *marks) stall(t *testing.T) {
	t.Helper()
	for n := 0; m.current() == 1; n++ {
		require.Less(t, n, 100)
		m.reads(1, 5, 20*time.Microsecond, 10)
	}
	time.Sleep(holdCheck)
	synctest.Wait()
	require.Equal(t, 1, m.current())
}

func TestLowWaterCanFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarks()
		m.broken = true
		m.reads(200, 1, 20*time.Microsecond, 10)
		require.Len(t, m.noted.set, 1)
		require.Equal(t, 1, m.current())
	})
}
