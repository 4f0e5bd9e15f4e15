package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSequenceNumbers(t *testing.T) {
	w := window{
		last:  maxSequence - 2,
		calls: map[uint32]*call{maxSequence: {}, 2: {}},
		late:  map[uint32]lateCall{3: {}},
	}
	var got []uint32
	for range 4 {
		got = append(got, w.next())
	}
	require.Equal(t, []uint32{maxSequence - 1, 1, 4, 5}, got)
}

func TestLateCallsAreForgotten(t *testing.T) {
	var w window
	now := time.Unix(0, 0)
	for i := range uint32(3) {
		w.keepLate([]*call{{sequence: i, want: 5}}, now.Add(time.Duration(i)*time.Second), 10)
	}
	_, late := w.take(1, 5)
	require.NotNil(t, late)
	w.expireLate(now.Add(time.Second))
	require.Len(t, w.late, 1)
	w.expireLate(now.Add(time.Minute))
	require.Empty(t, w.late)
	require.Empty(t, w.order)
}
