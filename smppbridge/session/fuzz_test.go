package session_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// FuzzPeer has peers of both kinds say anything. Whatever it is, each request has
// one result, and nothing is left when the connection is gone.
func FuzzPeer(f *testing.F) {
	for _, seed := range []pdu.PDU{
		&pdu.SubmitSMResp{Header: pdu.Header{Sequence: 2}, MessageID: "1"},
		&pdu.GenericNack{Header: pdu.Header{Sequence: 2, Status: pdu.StatusInvCmdID}},
		&pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdLen}},
		&pdu.Unbind{Header: pdu.Header{Sequence: 1}},
		&pdu.UnbindResp{Header: pdu.Header{Sequence: 2}},
		&pdu.EnquireLink{Header: pdu.Header{Sequence: 1}},
		deliver(1), message(),
		bind("esme", "secret", pdu.BindTransceiver),
	} {
		b, err := seed.AppendTo(nil)
		require.NoError(f, err)
		f.Add(b, true)
		f.Add(append(b, b...), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, client bool) {
		synctest.Test(t, func(t *testing.T) {
			taken := handler(func(r *session.Request) { _ = r.Refuse(pdu.StatusSysErr) })
			var s *session.Session
			var p *peer
			if client {
				s, p = bound(t, pdu.BindTransceiver, session.Config{Handler: taken})
			} else {
				p, s = boundESME(t, pdu.BindTransceiver, session.Account{Handler: taken})
			}
			result := do(context.Background(), s, &pdu.DataSM{}, nil)
			p.next()
			go func() { _, _ = io.Copy(io.Discard, p.conn) }()
			_, _ = p.conn.Write(b)
			_ = p.conn.Close()
			<-s.Done()
			if o := <-result; o.err != nil {
				requireFailed(t, o, true, nil)
			}
		})
	})
}

// FuzzBind has a peer say anything before it is bound.
func FuzzBind(f *testing.F) {
	for _, seed := range []pdu.PDU{bind("esme", "secret", pdu.BindReceiver), bind("esme", "guess", pdu.BindReceiver), &pdu.Unbind{}, message()} {
		b, err := seed.AppendTo(nil)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			go func() {
				_, _ = theirs.Write(b)
				_ = theirs.Close()
			}()
			v := &session.Server{Authenticator: accounts{"esme": {}}}
			s, err := v.Accept(context.Background(), ours)
			if err != nil {
				require.Nil(t, s)
				return
			}
			<-s.Done()
			require.Equal(t, "esme", s.PeerSystemID())
		})
	})
}
