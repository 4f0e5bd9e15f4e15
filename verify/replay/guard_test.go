package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func keyOf(n int) (k Key) {
	binary.BigEndian.PutUint64(k[8:], uint64(n)) //nolint:gosec // All bits are kept.
	return k
}

// requireTurn checks that a message must be worked on.
func requireTurn(t *testing.T, g *Guard, n int) *Turn {
	t.Helper()
	turn, answer, err := g.Begin(t.Context(), keyOf(n))
	require.NoError(t, err)
	require.NotNil(t, turn)
	require.Zero(t, answer)
	return turn
}

// requireRepeat checks that a message was accepted with a status before.
func requireRepeat(t *testing.T, g *Guard, n, status int) Answer {
	t.Helper()
	turn, answer, err := g.Begin(t.Context(), keyOf(n))
	require.NoError(t, err)
	require.Nil(t, turn)
	require.Equal(t, status, answer.Status)
	return answer
}

func accept(t *testing.T, g *Guard, n int, window time.Duration, kept bool) {
	t.Helper()
	g.Accept(requireTurn(t, g, n), Answer{Status: 202}, window, kept)
}

func TestRepeatsGetTheSameAnswer(t *testing.T) {
	g := New()
	answers := []Answer{
		{Status: 204},
		{Status: 200, ContentType: "application/json", Body: []byte(`{"ok":true}`)},
		{Status: 201, ContentType: "text/plain", Body: make([]byte, MaxBody)},
	}
	for i, answer := range answers {
		g.Accept(requireTurn(t, g, i), answer, time.Hour, false)
	}
	for i, answer := range answers {
		for range 2 {
			require.Equal(t, answer, requireRepeat(t, g, i, answer.Status))
		}
	}
	g.Accept(requireTurn(t, g, 9), Answer{Status: 200, ContentType: "text/plain", Body: make([]byte, MaxBody+1)}, time.Hour, false)
	require.Equal(t, Answer{Status: 200}, requireRepeat(t, g, 9, 200), "too long a body is left out")
}

func TestReleasedMessagesComeAgain(t *testing.T) {
	g := New()
	for range 3 {
		g.Release(requireTurn(t, g, 1))
	}
	accept(t, g, 1, time.Hour, false)
	requireRepeat(t, g, 1, 202)
	require.Len(t, g.turns, 1)
}

func TestMessagesAreForgottenAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		accept(t, g, 1, time.Hour, false)
		accept(t, g, 2, time.Minute, false) // expires before the one before it
		accept(t, g, 3, time.Hour, false)
		time.Sleep(time.Minute - 1)
		requireRepeat(t, g, 2, 202)
		time.Sleep(time.Nanosecond)
		accept(t, g, 2, 2*time.Hour, false)
		time.Sleep(time.Hour - time.Minute - 1)
		requireRepeat(t, g, 1, 202)
		time.Sleep(time.Nanosecond)
		for n := range 10 { // makes room
			accept(t, g, 10+n, time.Second, false)
			requireRepeat(t, g, 2, 202)
		}
		time.Sleep(2 * time.Hour)
		for range 10 {
			g.Release(requireTurn(t, g, 99))
		}
		require.Empty(t, g.turns, "nothing is left of what expired")
		require.Nil(t, g.oldest)
		require.Nil(t, g.newest)
		require.Nil(t, g.content)
		accept(t, g, 1, time.Hour, false)
		requireRepeat(t, g, 1, 202)
	})
}

// TestConcurrentRepeatsWait has many requests bring a message whose first ones
// are not accepted.
func TestConcurrentRepeatsWait(t *testing.T) {
	for name, failures := range map[string]int64{"first accepted": 0, "third accepted": 2, "none accepted": 50} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New()
				var tried, repeats, running atomic.Int64
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						turn, answer, err := g.Begin(t.Context(), keyOf(1))
						if err != nil {
							t.Error(err)
						}
						if turn == nil {
							repeats.Add(int64(answer.Status) / 202)
							return
						}
						if running.Add(1) != 1 {
							t.Error("two work on the same message")
						}
						time.Sleep(time.Second)
						running.Add(-1)
						if tried.Add(1) <= failures {
							g.Release(turn)
						} else {
							g.Accept(turn, Answer{Status: 202}, time.Hour, false)
						}
					})
				}
				wg.Wait()
				want := min(failures+1, 50)
				require.Equal(t, want, tried.Load())
				require.Equal(t, 50-want, repeats.Load())
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	g := New()
	turn := requireTurn(t, g, 1)
	gone := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	_, _, err := g.Begin(ctx, keyOf(1))
	require.ErrorIs(t, err, gone)
	g.Release(turn)
	_, _, err = g.Begin(ctx, keyOf(1))
	require.NoError(t, err, "nothing to wait for")
}

func TestFullGuardRefusesWhatItCanNotRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		g.max, g.cached = 10, 4
		for n := range 9 {
			accept(t, g, n, time.Hour, false)
		}
		turn := requireTurn(t, g, 9)
		_, _, err := g.Begin(t.Context(), keyOf(10))
		require.ErrorIs(t, err, ErrFull)
		for n := range 9 {
			requireRepeat(t, g, n, 202)
		}
		g.Release(turn)
		accept(t, g, 10, time.Hour, false)
		_, _, err = g.Begin(t.Context(), keyOf(11))
		require.ErrorIs(t, err, ErrFull)
		time.Sleep(time.Hour)
		accept(t, g, 11, time.Hour, false)
	})
}

// TestWhatIsKeptElsewhereGivesWay checks that only that is forgotten early.
func TestWhatIsKeptElsewhereGivesWay(t *testing.T) {
	g := New()
	g.max, g.cached = 10, 4
	for n := range 100 {
		accept(t, g, n, time.Hour, true)
		require.LessOrEqual(t, len(g.turns), g.cached)
	}
	requireRepeat(t, g, 99, 202)
	g.Release(requireTurn(t, g, 0))

	accept(t, g, 200, time.Hour, false)
	for n := range 9 {
		accept(t, g, 300+n, time.Hour, true)
	}
	requireRepeat(t, g, 200, 202)
	_, _, err := g.Begin(t.Context(), keyOf(400))
	require.ErrorIs(t, err, ErrFull, "the oldest one is remembered only here")
}

func TestBodiesAreBounded(t *testing.T) {
	g := New()
	const n = 2 * maxContents / MaxBody
	for i := range n {
		answer := Answer{Status: 200, ContentType: "text/plain", Body: make([]byte, MaxBody)}
		if i%10 == 0 {
			answer = Answer{Status: 200}
		}
		g.Accept(requireTurn(t, g, i), answer, time.Hour, false)
		require.LessOrEqual(t, g.contents, maxContents)
	}
	require.Empty(t, requireRepeat(t, g, 1, 200).Body, "the oldest bodies are dropped")
	require.Len(t, requireRepeat(t, g, n-1, 200).Body, MaxBody)
	kept := 0
	for i := range n {
		if answer := requireRepeat(t, g, i, 200); len(answer.Body) > 0 {
			kept += (&content{answer.ContentType, answer.Body}).size()
		}
	}
	require.Equal(t, g.contents, kept)
	require.Greater(t, kept, maxContents/2)
}

func BenchmarkGuard(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		g := New()
		g.max = 1 << 30
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			turn, _, err := g.Begin(b.Context(), keyOf(n))
			if err != nil {
				b.Fatal(err)
			}
			n++
			g.Accept(turn, Answer{Status: 202}, time.Hour, true)
		}
	})
	b.Run("repeat", func(b *testing.B) {
		g := New()
		turn, _, _ := g.Begin(b.Context(), keyOf(1))
		g.Accept(turn, Answer{Status: 202}, time.Hour, true)
		b.ReportAllocs()
		for b.Loop() {
			if turn, _, err := g.Begin(b.Context(), keyOf(1)); turn != nil || err != nil {
				b.Fatal(turn, err)
			}
		}
	})
}
