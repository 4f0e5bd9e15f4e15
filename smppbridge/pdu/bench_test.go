package pdu_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// benchmarked are the PDUs of a busy session.
func benchmarked() map[string]pdu.PDU {
	return map[string]pdu.PDU{
		"submit_sm":      submitSM(),
		"submit_sm_resp": &pdu.SubmitSMResp{MessageID: "0123456789"},
		"deliver_sm":     deliverSM(),
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, p := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 512)
			var err error
			for b.Loop() {
				if buf, err = p.AppendTo(buf[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, p := range benchmarked() {
		frame, err := p.AppendTo(nil)
		require.NoError(b, err)
		// Each other frame has other text, as if it came from another peer.
		var changed []byte
		for _, octet := range frame {
			if octet == '0' {
				octet = '9'
			}
			changed = append(changed, octet)
		}
		for mode, d := range map[string]*pdu.Decoder{"new": {}, "reuse": {Reuse: true}} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := d.Decode(frame); err != nil {
						b.Fatal(err)
					}
					frame, changed = changed, frame
				}
			})
		}
	}
}

// endless repeats a PDU for ever.
type endless struct {
	frame []byte
	rest  []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = e.frame
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func BenchmarkReadFrame(b *testing.B) {
	frame, err := deliverSM().AppendTo(nil)
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	r := pdu.NewReader(&endless{frame: bytes.Repeat(frame, 100)}, 0)
	for b.Loop() {
		if _, err := r.ReadFrame(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations: the hot path allocates nothing but text that differs from
// what was decoded before.
func TestAllocations(t *testing.T) {
	var buf []byte
	for name, p := range benchmarked() {
		frame, err := p.AppendTo(nil)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = p.AppendTo(buf[:0]) }), name)
		d := pdu.Decoder{Reuse: true}
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = d.Decode(frame) }), name)
	}
	// A PDU on the stack stays there.
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p := pdu.SubmitSM{Header: pdu.Header{Sequence: 1}, SourceAddr: sender, DestAddr: subscriber}
		buf, _ = p.AppendTo(buf[:0])
	}))
}
