package pdu_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// stream is all samples behind each other, with one that no buffer holds.
func stream(t testing.TB) (frames [][]byte, all []byte) {
	t.Helper()
	large := &pdu.DataSM{}
	require.NoError(t, large.TLVs.Add(pdu.TagMessagePayload, bytes.Repeat([]byte("x"), 65_535)))
	for _, p := range append(samples(), large, &pdu.EnquireLink{}) {
		frame, err := p.AppendTo(nil)
		require.NoError(t, err)
		frames = append(frames, frame)
		all = append(all, frame...)
	}
	return frames, all
}

func TestReadFrame(t *testing.T) {
	frames, all := stream(t)
	for name, r := range map[string]io.Reader{
		"many in one read":   bytes.NewReader(all),
		"one octet a read":   iotest.OneByteReader(bytes.NewReader(all)),
		"half of each":       iotest.HalfReader(bytes.NewReader(all)),
		"data with an error": iotest.DataErrReader(bytes.NewReader(all)),
	} {
		t.Run(name, func(t *testing.T) {
			reader := pdu.NewReader(r, 0)
			for _, want := range frames {
				require.NoError(t, reader.Wait())
				got, err := reader.ReadFrame()
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			_, err := reader.ReadFrame()
			require.Equal(t, io.EOF, err)
			require.Equal(t, io.EOF, reader.Wait())
		})
	}
}

func TestBuffered(t *testing.T) {
	nack, err := (&pdu.GenericNack{}).AppendTo(nil)
	require.NoError(t, err)
	reader := pdu.NewReader(bytes.NewReader(append(nack, nack...)), 0)
	require.Zero(t, reader.Buffered())
	for _, left := range []int{pdu.HeaderLength, 0} {
		_, err = reader.ReadFrame()
		require.NoError(t, err)
		require.Equal(t, left, reader.Buffered())
	}
}

func TestReadFrameCutOff(t *testing.T) {
	_, all := stream(t)
	reader := pdu.NewReader(bytes.NewReader(all[:3]), 0)
	_, err := reader.ReadFrame()
	require.Equal(t, io.ErrUnexpectedEOF, err)

	reader = pdu.NewReader(bytes.NewReader(all[:30]), 0)
	_, err = reader.ReadFrame()
	require.Equal(t, io.ErrUnexpectedEOF, err)

	// The stream ends inside the large one, which is the last but one.
	reader = pdu.NewReader(bytes.NewReader(all[:len(all)-20]), 0)
	for err = nil; err == nil; {
		_, err = reader.ReadFrame()
	}
	require.Equal(t, io.ErrUnexpectedEOF, err)
	_, err = reader.ReadFrame()
	require.Equal(t, io.ErrUnexpectedEOF, err)
}

// TestReadFrameResumes: a deadline that passes inside a PDU loses nothing.
func TestReadFrameResumes(t *testing.T) {
	nack, err := (&pdu.GenericNack{Header: pdu.Header{Sequence: 3}}).AppendTo(nil)
	require.NoError(t, err)
	reader := pdu.NewReader(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(nack))), 0)
	_, err = reader.ReadFrame()
	require.ErrorIs(t, err, iotest.ErrTimeout)
	got, err := reader.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, nack, got)
}

func TestReadFrameLimit(t *testing.T) {
	for _, test := range []struct {
		name, hex string
		max       int
		sequence  uint32 // of the answer
	}{
		{"eight", "00000008", 0, 0},
		{"more than the default", "00011171" + "00000005" + "00000000" + "00000009", 0, 9},
		{"only the length has come", "7fffffff", 0, 0},
		{"more than the limit", "00000065" + "00000005" + "00000000" + "00000009", 100, 9},
		{"a response has our number", "7fffffff" + "80000004" + "00000000" + "00000009", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			// What follows would be a PDU, but nobody can know.
			b := append(unhex(t, test.hex), unhex(t, "00000010000000150000000000000001")...)
			reader := pdu.NewReader(iotest.OneByteReader(bytes.NewReader(b)), test.max)
			if len(test.hex) > 8 {
				reader = pdu.NewReader(bytes.NewReader(b), test.max)
			}
			_, err := reader.ReadFrame()
			var e *pdu.Error
			require.ErrorAs(t, err, &e)
			require.True(t, e.Close)
			require.Equal(t, &pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdLen, Sequence: test.sequence}}, e.Reply())
			_, err = reader.ReadFrame()
			require.True(t, errors.Is(err, e), "reading goes on")
		})
	}
}

// TestReadFrameAllocation: a length alone allocates nothing.
func TestReadFrameAllocation(t *testing.T) {
	const announced = 1 << 30
	r := io.MultiReader(bytes.NewReader([]byte{announced >> 24, 0, 0, 0}), bytes.NewReader(make([]byte, 10_000)))
	reader := pdu.NewReader(r, announced)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := reader.ReadFrame()
	runtime.ReadMemStats(&after)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200_000))
}
