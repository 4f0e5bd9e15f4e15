package session_test

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// sink is an SMSC that does as little as possible, so that what is measured is
// the session: it answers each request with OK and a message_id.
func sink(conn net.Conn) {
	frames := pdu.NewReader(conn, 0)
	var out []byte
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			return
		}
		id := binary.BigEndian.Uint32(frame[4:])
		at := len(out)
		out = append(out, 0, 0, 0, 27)
		out = binary.BigEndian.AppendUint32(out, id|0x80000000)
		out = append(out, 0, 0, 0, 0)
		out = append(out, frame[12:16]...)
		out = append(out, "1234567890\x00"...)
		if id == uint32(pdu.CommandUnbind) {
			out = out[:at+16]
			out[at+3] = 16
		}
		if frames.Buffered() > 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		out = out[:0]
	}
}

// loopback returns both ends of a TCP connection.
func loopback(b testing.TB) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer func() { _ = l.Close() }()
	ours, err := net.Dial("tcp", l.Addr().String())
	require.NoError(b, err)
	theirs, err := l.Accept()
	require.NoError(b, err)
	return ours, theirs
}

func pipe(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }

// submitter is a Session or a Pool.
type submitter func(context.Context, pdu.PDU, func(pdu.PDU, bool)) (pdu.PDU, error)

// benchmark submits from a number of goroutines.
func benchmark(b *testing.B, do submitter, submitters int) {
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range submitters {
		n := b.N / submitters
		if i < b.N%submitters {
			n++
		}
		wg.Go(func() {
			m := message()
			for range n {
				r, err := do(context.Background(), m, nil)
				if err != nil || r.Head().Status != pdu.StatusOK {
					b.Errorf("%v %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSubmit(b *testing.B) {
	for _, bb := range []struct {
		name   string
		conns  func(testing.TB) (net.Conn, net.Conn)
		window int
	}{
		{"pipe/window=10", pipe, 10},
		{"loopback/window=1", loopback, 1},
		{"loopback/window=10", loopback, 10},
		{"loopback/window=100", loopback, 100},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ours, theirs := bb.conns(b)
			go sink(theirs)
			c := &session.Connector{Dial: dialer(ours), Config: session.Config{Window: bb.window}}
			s, err := c.Connect(context.Background(), pdu.BindTransmitter)
			require.NoError(b, err)
			benchmark(b, s.Do, bb.window)
			b.StopTimer()
			require.NoError(b, s.Stop(context.Background()))
		})
	}
}

// BenchmarkPool submits as many messages at a time as fit into the window of ten,
// and twice as many.
func BenchmarkPool(b *testing.B) {
	for name, submitters := range map[string]int{"full": 10, "waiting": 20} {
		b.Run(name, func(b *testing.B) {
			ours, theirs := loopback(b)
			go sink(theirs)
			p, err := session.NewPool(session.PoolConfig{Connector: session.Connector{Dial: dialer(ours)}})
			require.NoError(b, err)
			benchmark(b, func(ctx context.Context, m pdu.PDU, report func(pdu.PDU, bool)) (pdu.PDU, error) {
				return p.Submit(ctx, m, session.Submission{Wait: time.Minute, Report: report})
			}, submitters)
			b.StopTimer()
			require.NoError(b, p.Stop(context.Background()))
		})
	}
}

// BenchmarkServer has our own ESME and SMSC on one loopback connection.
func BenchmarkServer(b *testing.B) {
	ours, theirs := loopback(b)
	taken := handler(func(r *session.Request) { _ = r.Respond(&pdu.SubmitSMResp{MessageID: "1234567890"}) })
	v := &session.Server{Authenticator: accounts{"esme": {Handler: taken}}}
	go func() { _, _ = v.Accept(context.Background(), theirs) }()
	c := &session.Connector{Dial: dialer(ours), Bind: pdu.Bind{SystemID: "esme", Password: "secret"}}
	s, err := c.Connect(context.Background(), pdu.BindTransmitter)
	require.NoError(b, err)
	benchmark(b, s.Do, 10)
	b.StopTimer()
	require.NoError(b, s.Stop(context.Background()))
}
