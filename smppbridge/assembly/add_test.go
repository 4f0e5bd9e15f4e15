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
		defer func() { p.Close() }()
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
		// So has one of a message that is done.
		for range 2 {
			again, err = p.addTo("1", 7, 2, 2, "b")
			require.NoError(t, err)
			require.Equal(t, second, again)
			p = p.crash()
		}
		later(time.Hour)
		require.Len(t, p.all(), 1)
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
		p.set(func() {
			p.event = func(whole coding.Assembled) (relay.Acceptance, error) {
				a, err := eventOf(whole)
				a.Event.ID = "always the same"
				return a, err
			}
		})
		requireKept(t, p, 1, "a", "b", "c")
		requireKept(t, p, 2, "a", "b", "c")
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
		p.set(func() {
			p.event = func(coding.Assembled) (relay.Acceptance, error) { return relay.Acceptance{}, errors.New("no event") }
		})
		require.ErrorContains(t, p.add(7, 3, "c"), "no event")
		later(limits.Age)
		p = p.again()
		later(time.Hour)
		p.Close()
		require.Empty(t, p.all())
	})
}
