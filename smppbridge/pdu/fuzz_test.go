package pdu_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// FuzzDecode reads whatever comes in. What can be decoded encodes to something
// that decodes to the same; what can't has an answer that can be encoded.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"testdata/smpp.json", "testdata/smpp-malformed.json"} {
		for _, v := range readVectors(f, file) {
			f.Add(unhex(f, v.Hex), false)
		}
	}
	for _, p := range samples() {
		b, err := p.AppendTo(nil)
		require.NoError(f, err)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, lenient bool) {
		reader := pdu.NewReader(bytes.NewReader(b), 0)
		reused := pdu.Decoder{Lenient: lenient, Reuse: true}
		for {
			frame, err := reader.ReadFrame()
			if err != nil {
				checkReply(t, err)
				return
			}
			d := pdu.Decoder{Lenient: lenient}
			p, err := d.Decode(frame)
			again, errAgain := reused.Decode(frame)
			require.Equal(t, err, errAgain)
			checkReply(t, err)
			if p == nil {
				continue
			}
			require.Equal(t, p.String(), again.String())
			checkStable(t, p)
		}
	})
}

// checkReply encodes the answer to what could not be decoded.
func checkReply(t *testing.T, err error) {
	t.Helper()
	e, ok := err.(*pdu.Error) //nolint:errorlint // Reader and Decoder return it as it is.
	if !ok {
		return
	}
	if reply := e.Reply(); reply != nil {
		require.True(t, reply.CommandID().IsResponse())
		_, err = reply.AppendTo(nil)
		require.NoError(t, err)
	}
}

// checkStable encodes a PDU and decodes it again.
func checkStable(t *testing.T, p pdu.PDU) {
	t.Helper()
	first, err := p.AppendTo(nil)
	if err != nil {
		// Lenient peers may send longer text than we do.
		var e *pdu.Error
		require.ErrorAs(t, err, &e)
		return
	}
	var strict pdu.Decoder
	again, err := strict.Decode(first)
	require.NoError(t, err)
	require.Equal(t, p, again)
	second, err := again.AppendTo(nil)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

// FuzzParseTime: what is read as an absolute time can be written.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"260102030405000+", "260102030405048-", "000001000000000R", "260230000000000+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := pdu.ParseTime(s, epoch)
		if err != nil || s[15] == 'R' {
			return
		}
		written, err := pdu.FormatTime(at)
		if err != nil {
			return // The zone takes it out of the century.
		}
		again, err := pdu.ParseTime(written, epoch)
		require.NoError(t, err)
		require.True(t, again.Equal(at))
	})
}
