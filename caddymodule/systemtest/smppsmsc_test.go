package systemtest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// smppPassword is what an SMSC of a test lets in.
const smppPassword = "5ecre7-smpp"

// smsc is the other side of sessions: it keeps what is submitted to it.
type smsc struct {
	address string
	// take answers the n-th message, from 1. The default gives it the id of its
	// number.
	take func(r *session.Request, p *pdu.SubmitSM, n int)

	wg       sync.WaitGroup
	mu       sync.Mutex
	sessions []*session.Session
	binds    int // how many there have been
	refused  int
	submits  []*pdu.SubmitSM
}

// newSMSC starts an SMSC, until the end of the test.
func newSMSC(t *testing.T, take func(r *session.Request, p *pdu.SubmitSM, n int)) *smsc {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return newSMSCOn(t, l, take)
}

func newSMSCOn(t *testing.T, l net.Listener, take func(r *session.Request, p *pdu.SubmitSM, n int)) *smsc {
	t.Helper()
	c := &smsc{address: l.Addr().String(), take: take}
	server := &session.Server{SystemID: "smsc", Authenticator: c}
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		for _, s := range c.bound() {
			_ = s.Close()
		}
		c.wg.Wait()
	})
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(server, conn) })
		}
	})
	return c
}

func (c *smsc) serve(server *session.Server, conn net.Conn) {
	s, err := server.Accept(context.Background(), conn)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.binds++
	c.sessions = append(c.sessions, s)
	c.mu.Unlock()
	<-s.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = slices.DeleteFunc(c.sessions, func(other *session.Session) bool { return other == s })
}

// Authenticate implements [session.Authenticator].
func (c *smsc) Authenticate(_ context.Context, b *pdu.Bind, _ net.Addr) (session.Account, error) {
	if b.Password != smppPassword {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused++
		return session.Account{}, &session.BindError{Status: pdu.StatusInvPaswd}
	}
	return session.Account{Handler: c, MaxUnanswered: 1000}, nil
}

// HandleRequest implements [session.Handler].
func (c *smsc) HandleRequest(r *session.Request) {
	p, ok := r.PDU.(*pdu.SubmitSM)
	if !ok {
		_ = r.Refuse(pdu.StatusInvCmdID)
		return
	}
	c.mu.Lock()
	c.submits = append(c.submits, p)
	n := len(c.submits)
	c.mu.Unlock()
	c.take(r, p, n)
}

// bound returns the sessions that are up.
func (c *smsc) bound() []*session.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sessions)
}

// counts returns how many binds there were, how many were refused, and how many
// messages there are.
func (c *smsc) counts() (binds, refused, submits int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.binds, c.refused, len(c.submits)
}

// all returns the messages, in the order in which they came.
func (c *smsc) all() []*pdu.SubmitSM {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.submits)
}

// texts returns how often each text was submitted.
func (c *smsc) texts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := make(map[string]int)
	for _, p := range c.submits {
		texts[string(p.ShortMessage)]++
	}
	return texts
}

// requireUnbound waits until all of the sessions have ended, and checks that the
// peer has unbound them.
func requireUnbound(t *testing.T, sessions ...*session.Session) {
	t.Helper()
	for _, s := range sessions {
		<-s.Done()
		require.ErrorIs(t, s.Err(), session.ErrUnbound)
	}
}

// deliver sends deliver_sm over the session that was bound last, and returns the
// status of the answer.
func (c *smsc) deliver(t *testing.T, p *pdu.DeliverSM) pdu.CommandStatus {
	t.Helper()
	bound := c.bound()
	require.NotEmpty(t, bound)
	resp, err := bound[len(bound)-1].Do(context.Background(), p, nil)
	require.NoError(t, err)
	return resp.Head().Status
}
