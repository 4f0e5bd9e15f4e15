package receipt

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var epoch = date(7, 11, 7, 0, 0)

func tags(helds []Held) []uint64 {
	var tags []uint64
	for _, h := range helds {
		tags = append(tags, h.Tag)
	}
	return tags
}

func anyHeld(*Held) bool { return true }

func TestReceiptBeforeTheResponse(t *testing.T) {
	m := NewMatcher(Auto)
	e := NewEarly(EarlyLimits{})
	r := Receipt{MessageID: "1311768467463790320", State: Delivered}
	_, ok := m.Match(&r, nil)
	require.False(t, ok)
	require.Empty(t, e.Add(epoch, m.Keys(nil, &r), &r, 7))

	// Another response comes, then the one to the message.
	want := func(id string) []Held {
		key, ok := StoreKey(id)
		require.True(t, ok)
		return e.Take(key, func(h *Held) bool {
			match, ok := m.Match(&h.Receipt, []Message{{ID: id}})
			return ok && !match.Ambiguous
		})
	}
	require.Empty(t, want("123456789abcdef1"))
	require.Equal(t, []Held{{Receipt: r, Since: epoch, Tag: 7}}, want("123456789ABCDEF0"))
	require.Empty(t, want("123456789ABCDEF0"), "it is gone")
	require.Zero(t, e.Len())
	require.Empty(t, e.byKey)
	require.Zero(t, e.bytes)
}

func TestTakeLeavesWhatIsNotWanted(t *testing.T) {
	e := NewEarly(EarlyLimits{})
	for i := range uint64(4) {
		require.Empty(t, e.Add(epoch, []Key{1, Key(i)}, &Receipt{}, i))
	}
	odd := func(h *Held) bool { return h.Tag%2 == 1 }
	require.Equal(t, []uint64{1, 3}, tags(e.Take(1, odd)))
	require.Empty(t, e.Take(3, anyHeld), "it is gone from its other keys")
	require.Equal(t, []uint64{2}, tags(e.TakeFunc(func(h *Held) bool { return h.Tag == 2 })))
	require.Equal(t, []uint64{0}, tags(e.Take(1, anyHeld)))
	require.Zero(t, e.Len())
}

func TestEarlyExpires(t *testing.T) {
	e := NewEarly(EarlyLimits{Age: time.Second})
	_, ok := e.NextExpiry()
	require.False(t, ok)
	require.Empty(t, e.Add(epoch, []Key{1}, &Receipt{}, 1))
	require.Empty(t, e.Add(epoch.Add(time.Second/2), []Key{1}, &Receipt{}, 2))
	next, ok := e.NextExpiry()
	require.True(t, ok)
	require.Equal(t, epoch.Add(time.Second), next)
	require.Empty(t, e.Expire(next.Add(-1)))
	require.Equal(t, []uint64{1}, tags(e.Expire(next)))
	require.Equal(t, []uint64{2}, tags(e.Expire(next.Add(time.Hour))))
	require.Zero(t, e.bytes)
}

func TestEarlyIsBounded(t *testing.T) {
	e := NewEarly(EarlyLimits{Receipts: 2})
	require.Empty(t, e.Add(epoch, []Key{1}, &Receipt{}, 1))
	require.Empty(t, e.Add(epoch, []Key{1}, &Receipt{}, 2))
	require.Equal(t, []uint64{1}, tags(e.Add(epoch, []Key{1}, &Receipt{}, 3)))
	require.Equal(t, []uint64{4}, tags(e.Add(epoch, nil, &Receipt{}, 4)), "nobody would find it")

	e = NewEarly(EarlyLimits{Bytes: 3000})
	require.Empty(t, e.Add(epoch, []Key{1}, &Receipt{}, 1))
	require.Empty(t, e.Add(epoch, []Key{1}, &Receipt{}, 2))
	require.Equal(t, []uint64{1, 2, 3}, tags(e.Add(epoch, []Key{1}, &Receipt{Raw: strings.Repeat("x", 4000)}, 3)))
	require.Zero(t, e.bytes)
	require.Empty(t, e.byKey)
}

func TestEarlyGivesEachReceiptBackOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := EarlyLimits{Receipts: 5, Bytes: 8000, Age: 100}
		e := NewEarly(limits)
		now := epoch
		back := make(map[uint64]int)
		take := func(helds []Held) {
			for _, h := range helds {
				back[h.Tag]++
			}
		}
		steps := rapid.IntRange(0, 60).Draw(t, "steps")
		for i := range steps {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "delay")))
			take(e.Expire(now))
			keys := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 3), func(n int) Key { return Key(n) }), 0, 3).Draw(t, "keys")
			r := Receipt{Raw: strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 3000}).Draw(t, "size"))}
			take(e.Add(now, keys, &r, uint64(i)))
			if rapid.Bool().Draw(t, "take") {
				take(e.Take(Key(rapid.IntRange(0, 3).Draw(t, "key")), func(h *Held) bool { return h.Tag%3 > 0 }))
			}
			require.LessOrEqual(t, e.Len(), limits.Receipts)
			require.LessOrEqual(t, e.bytes, limits.Bytes)
			if next, ok := e.NextExpiry(); ok {
				require.True(t, next.After(now))
			}
		}
		take(e.Expire(now.Add(limits.Age)))
		require.Zero(t, e.bytes)
		require.Empty(t, e.byKey)
		require.Len(t, back, steps)
		for _, n := range back {
			require.Equal(t, 1, n)
		}
	})
}
