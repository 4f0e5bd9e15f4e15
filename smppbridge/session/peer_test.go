package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// peer is the other side of a session, which does just what a test says.
type peer struct {
	t       testing.TB
	conn    net.Conn
	frames  *pdu.Reader
	decoder pdu.Decoder
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	return &peer{t: t, conn: conn, frames: pdu.NewReader(conn, 0)}
}

// next reads a PDU.
func (p *peer) next() pdu.PDU {
	p.t.Helper()
	frame, err := p.frames.ReadFrame()
	require.NoError(p.t, err)
	got, err := p.decoder.Decode(slices.Clone(frame))
	require.NoError(p.t, err)
	return got
}

// end reads until the session closes the connection, and returns what came.
func (p *peer) end() []pdu.CommandID {
	p.t.Helper()
	var ids []pdu.CommandID
	for {
		frame, err := p.frames.ReadFrame()
		if err != nil {
			require.True(p.t, errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed), err)
			return ids
		}
		got, err := p.decoder.Decode(slices.Clone(frame))
		require.NoError(p.t, err)
		ids = append(ids, got.CommandID())
	}
}

// send writes PDUs at once.
func (p *peer) send(pdus ...pdu.PDU) {
	p.t.Helper()
	var b []byte
	for _, m := range pdus {
		var err error
		b, err = m.AppendTo(b)
		require.NoError(p.t, err)
	}
	p.write(b)
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	_, err := p.conn.Write(b)
	require.NoError(p.t, err)
}

// respond answers a submit_sm.
func (p *peer) respond(request pdu.PDU, status pdu.CommandStatus, id string) {
	p.t.Helper()
	p.send(&pdu.SubmitSMResp{Header: pdu.Header{Status: status, Sequence: request.Head().Sequence}, MessageID: id})
}

// acceptBind answers the bind of an ESME, which it returns.
func (p *peer) acceptBind() *pdu.Bind {
	p.t.Helper()
	b, ok := p.next().(*pdu.Bind)
	require.True(p.t, ok)
	p.send(&pdu.BindResp{Header: pdu.Header{Sequence: b.Sequence}, Mode: b.Mode, SystemID: "smsc"})
	return b
}

// bound returns a bound session of an ESME and its peer.
func bound(t testing.TB, mode pdu.BindMode, cfg session.Config) (*session.Session, *peer) {
	t.Helper()
	c := &session.Connector{Bind: pdu.Bind{SystemID: "esme", Password: "secret"}, Config: cfg}
	p := connectTo(t, c)
	var s *session.Session
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { s, err = c.Connect(context.Background(), mode) })
	p.acceptBind()
	wg.Wait()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, p
}

// dialer connects to nothing but conn.
func dialer(conn net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return conn, nil }
}

// outcome is what Do returned.
type outcome struct {
	response pdu.PDU
	err      error
}

// do calls Do from a goroutine.
func do(ctx context.Context, s *session.Session, p pdu.PDU, late func(pdu.PDU)) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		response, err := s.Do(ctx, p, func(response pdu.PDU, isLate bool) {
			if isLate && late != nil {
				late(response)
			}
		})
		result <- outcome{response, err}
	}()
	return result
}

// submit calls Do for a message.
func submit(s *session.Session) <-chan outcome { return do(context.Background(), s, message(), nil) }

func message() *pdu.SubmitSM {
	return &pdu.SubmitSM{
		SourceAddr:   pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
		DestAddr:     pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"},
		ShortMessage: []byte("Your code is 123456."),
	}
}

// requireFailed checks that a request got no response.
func requireFailed(t testing.TB, o outcome, sent bool, reason error) {
	t.Helper()
	require.Nil(t, o.response)
	var e *session.Error
	require.ErrorAs(t, o.err, &e)
	require.Equal(t, sent, e.MaybeSent, "%v", o.err)
	if reason != nil {
		require.ErrorIs(t, o.err, reason)
	}
}

// requireAnswered checks that a request got a response.
func requireAnswered(t testing.TB, o outcome, status pdu.CommandStatus) {
	t.Helper()
	require.NoError(t, o.err)
	require.Equal(t, status, o.response.Head().Status)
}

// handler is a function as a Handler.
type handler func(*session.Request)

func (h handler) HandleRequest(r *session.Request) { h(r) }

// events collects events.
type events struct {
	mu  sync.Mutex
	all []session.Event
}

func (e *events) Observe(ev session.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

// of returns those of a kind.
func (e *events) of(k session.EventKind) []session.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var got []session.Event
	for _, ev := range e.all {
		if ev.Kind == k {
			got = append(got, ev)
		}
	}
	return got
}

// elapsed runs f and returns how long it took on the clock of the bubble.
func elapsed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// connectTo has a connector connect to the peer that is returned.
func connectTo(t testing.TB, c *session.Connector) *peer {
	ours, theirs := net.Pipe()
	c.Dial = dialer(ours)
	return newPeer(t, theirs)
}
