package receipt

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// told is one receipt about a part.
type told struct {
	part  int
	state State
	final bool
	news  bool
}

func TestParts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		parts   int
		told    []told
		timeout bool
		want    Whole
	}{
		{"nothing", 2, nil, false, Whole{State: Enroute}},
		{"one of two", 2, []told{{0, Delivered, true, true}}, false, Whole{State: Enroute}},
		{"all delivered", 2, []told{{1, Delivered, true, true}, {0, Delivered, true, true}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"a single one", 1, []told{{0, Delivered, true, true}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"least far", 3, []told{{0, Delivered, true, true}, {1, Accepted, false, true}, {2, Scheduled, false, true}}, false, Whole{State: Scheduled}},
		{"all accepted", 2, []told{{0, Accepted, false, true}, {1, Accepted, false, true}}, false, Whole{State: Accepted}},
		{"a failure is at once", 3, []told{{2, Expired, true, true}}, false, Whole{State: Expired, Final: true, Failed: []int{2}}},
		{"the first failed part counts", 3, []told{{2, Expired, true, true}, {1, Rejected, true, true}, {0, Delivered, true, true}}, false, Whole{State: Rejected, Final: true, Complete: true, Failed: []int{1, 2}}},
		{"a duplicate", 2, []told{{0, Delivered, true, true}, {0, Delivered, true, false}}, false, Whole{State: Enroute}},
		{"another last state", 1, []told{{0, Delivered, true, true}, {0, Undeliverable, true, false}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"a late notification", 1, []told{{0, Delivered, true, true}, {0, Enroute, false, false}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"notifications out of order", 1, []told{{0, Accepted, false, true}, {0, Enroute, false, false}, {0, Accepted, false, false}}, false, Whole{State: Accepted}},
		{"a failed try", 1, []told{{0, Undeliverable, false, false}, {0, Delivered, true, true}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"no state", 1, []told{{0, Unknown, false, false}}, false, Whole{State: Enroute}},
		{"unknown", 2, []told{{0, Unknown, true, true}, {1, Delivered, true, true}}, false, Whole{State: Unknown, Final: true, Complete: true}},
		{"unknown twice", 1, []told{{0, Unknown, true, true}, {0, Unknown, true, false}}, false, Whole{State: Unknown, Final: true, Complete: true}},
		{"unknown, then on the way", 1, []told{{0, Unknown, true, true}, {0, Enroute, false, false}}, false, Whole{State: Unknown, Final: true, Complete: true}},
		{"unknown, then known", 1, []told{{0, Unknown, true, true}, {0, Delivered, true, true}}, false, Whole{State: Delivered, Final: true, Complete: true}},
		{"unknown and failed", 2, []told{{0, Unknown, true, true}, {1, Deleted, true, true}}, false, Whole{State: Deleted, Final: true, Complete: true, Failed: []int{1}}},
		{"timeout", 2, []told{{0, Delivered, true, true}, {1, Accepted, false, true}}, true, Whole{State: Unknown, Final: true, Complete: true}},
		{"timeout after a failure", 2, []told{{1, Skipped, true, true}}, true, Whole{State: Skipped, Final: true, Complete: true, Failed: []int{1}}},
		{"timeout of nothing", 2, []told{{0, Delivered, true, true}, {1, Delivered, true, true}}, true, Whole{State: Delivered, Final: true, Complete: true}},
		{"no such part", 1, []told{{1, Delivered, true, false}, {-1, Delivered, true, false}}, false, Whole{State: Enroute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := make(Parts, tt.parts)
			for _, told := range tt.told {
				require.Equal(t, told.news, p.Update(told.part, told.state, told.final), "%v", told)
			}
			if tt.timeout {
				p.Timeout()
			}
			require.Equal(t, tt.want, p.Whole())

			stored, err := json.Marshal(p)
			require.NoError(t, err)
			var again Parts
			require.NoError(t, json.Unmarshal(stored, &again))
			require.Equal(t, p, again)
		})
	}
}

func TestLateReceiptAfterTimeout(t *testing.T) {
	p := make(Parts, 2)
	p.Timeout()
	require.True(t, p.Update(0, Delivered, true))
	require.Equal(t, Whole{State: Unknown, Final: true, Complete: true}, p.Whole())
	require.True(t, p.Update(1, Delivered, true))
	require.Equal(t, Whole{State: Delivered, Final: true, Complete: true}, p.Whole())
}

// In whatever order receipts come, and however often, the last states count.
func TestOrderOfReceiptsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "parts")
		want := make(Parts, n)
		var all []told
		for i := range n {
			last := rapid.SampledFrom([]State{Delivered, Expired, Deleted, Undeliverable, Rejected, Skipped}).Draw(t, "last")
			want[i] = Part{State: last, Final: true}
			all = append(all, told{part: i, state: last, final: true})
			for range rapid.IntRange(0, 3).Draw(t, "others") {
				all = append(all, told{part: i, state: rapid.SampledFrom([]State{Unknown, Scheduled, Enroute, Accepted, Undeliverable}).Draw(t, "other")})
			}
			if rapid.Bool().Draw(t, "unknown") {
				all = append(all, told{part: i, state: Unknown, final: true})
			}
		}
		all = append(all, all...)
		p := make(Parts, n)
		final := false
		for _, told := range rapid.Permutation(all).Draw(t, "order") {
			p.Update(told.part, told.state, told.final)
			w := p.Whole()
			require.False(t, final && !w.Final, "what is final stays so")
			final = w.Final
		}
		require.Equal(t, want, p)
	})
}
