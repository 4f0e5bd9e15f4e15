package session_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// accounts is an Authenticator: the account by system_id, if the password is
// "secret".
type accounts map[string]session.Account

func (a accounts) Authenticate(_ context.Context, b *pdu.Bind, _ net.Addr) (session.Account, error) {
	account, ok := a[b.SystemID]
	switch {
	case b.SystemID == "broken":
		return account, errors.New("the database is gone")
	case !ok:
		return account, &session.BindError{Status: pdu.StatusInvSysID}
	case b.Password != "secret":
		return account, &session.BindError{Status: pdu.StatusInvPaswd}
	}
	return account, nil
}

// accepted is what Accept returned.
type accepted struct {
	session *session.Session
	err     error
}

// accept calls Accept from a goroutine. The peer is the ESME.
func accept(ctx context.Context, t testing.TB, v *session.Server) (*peer, <-chan accepted) {
	ours, theirs := net.Pipe()
	result := make(chan accepted, 1)
	go func() {
		s, err := v.Accept(ctx, ours)
		result <- accepted{s, err}
	}()
	return newPeer(t, theirs), result
}

func bind(id, password string, mode pdu.BindMode) *pdu.Bind {
	return &pdu.Bind{Header: pdu.Header{Sequence: 1}, Mode: mode, SystemID: id, Password: password, InterfaceVersion: pdu.Version34}
}

// boundESME returns a peer that is bound to a server, and its session.
func boundESME(t testing.TB, mode pdu.BindMode, account session.Account) (*peer, *session.Session) {
	t.Helper()
	p, result := accept(context.Background(), t, &session.Server{SystemID: "smsc", Authenticator: accounts{"esme": account}})
	p.send(bind("esme", "secret", mode))
	resp, ok := p.next().(*pdu.BindResp)
	require.True(t, ok)
	require.Equal(t, pdu.StatusOK, resp.Status)
	a := <-result
	require.NoError(t, a.err)
	t.Cleanup(func() { require.NoError(t, a.session.Close()) })
	return p, a.session
}

func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		v := &session.Server{SystemID: "smsc", Authenticator: accounts{"esme": {Closed: func() { close(closed) }}}}
		p, result := accept(context.Background(), t, v)
		p.send(&pdu.EnquireLink{Header: pdu.Header{Sequence: 3}})
		require.Equal(t, pdu.CommandEnquireLinkResp, p.next().CommandID(), "also before the bind")
		p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: 4}})
		require.Equal(t, pdu.Header{Sequence: 4, Status: pdu.StatusInvBndSts}, *p.next().Head())

		p.send(bind("esme", "secret", pdu.BindTransceiver))
		resp, ok := p.next().(*pdu.BindResp)
		require.True(t, ok)
		require.Equal(t, "smsc", resp.SystemID)
		version, ok := resp.TLVs.SCInterfaceVersion()
		require.True(t, ok)
		require.Equal(t, pdu.Version34, version)
		s := (<-result).session
		require.Equal(t, "esme", s.PeerSystemID())
		require.Equal(t, pdu.Version34, s.PeerVersion())
		require.Equal(t, pdu.BindTransceiver, s.Mode())

		p.send(bind("esme", "secret", pdu.BindReceiver))
		require.Equal(t, pdu.StatusAlyBnd, p.next().Head().Status)
		require.NoError(t, p.conn.Close())
		<-closed
		<-s.Done()
	})
}

func TestOldPeersGetNoTLVs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, result := accept(context.Background(), t, &session.Server{Authenticator: accounts{"esme": {}}})
		b := bind("esme", "secret", pdu.BindReceiver)
		b.InterfaceVersion = pdu.Version33
		p.send(b)
		resp, ok := p.next().(*pdu.BindResp)
		require.True(t, ok)
		_, ok = resp.TLVs.SCInterfaceVersion()
		require.False(t, ok)
		require.NoError(t, (<-result).session.Close())
	})
}

func TestBindsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		id, password string
		status       pdu.CommandStatus
	}{
		"unknown account": {"nobody", "secret", pdu.StatusInvSysID},
		"wrong password":  {"esme", "guess", pdu.StatusInvPaswd},
		"no decision":     {"broken", "secret", pdu.StatusBindFail},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, result := accept(context.Background(), t, &session.Server{Authenticator: accounts{"esme": {}}})
				p.send(bind(tt.id, tt.password, pdu.BindTransmitter))
				require.Equal(t, pdu.Header{Sequence: 1, Status: tt.status}, *p.next().Head())
				// Nobody gets a second guess on the same connection.
				p.send(bind("esme", "secret", pdu.BindTransmitter))
				require.Equal(t, time.Second, elapsed(func() { require.Empty(t, p.end()) }))
				var refused *session.BindError
				require.ErrorAs(t, (<-result).err, &refused)
				require.Equal(t, tt.status, refused.Status)
			})
		})
	}
}

func TestPeersThatDoNotBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, result := accept(context.Background(), t, &session.Server{Authenticator: accounts{}})
		require.Equal(t, 30*time.Second, elapsed(func() { require.ErrorIs(t, (<-result).err, session.ErrNoBind) }))

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, result = accept(ctx, t, &session.Server{Authenticator: accounts{}})
		require.Equal(t, time.Second, elapsed(func() { require.ErrorIs(t, (<-result).err, session.ErrNoBind) }))

		_, result = accept(context.Background(), t, &session.Server{})
		require.ErrorContains(t, (<-result).err, "authenticator")
	})
}

func TestMessagesToAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := handler(func(r *session.Request) { _ = r.Respond(&pdu.SubmitSMResp{MessageID: "42"}) })
		p, s := boundESME(t, pdu.BindTransceiver, session.Account{Handler: taken})
		p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: 2}})
		resp, ok := p.next().(*pdu.SubmitSMResp)
		require.True(t, ok)
		require.Equal(t, "42", resp.MessageID)

		result := do(context.Background(), s, deliver(0), nil)
		request := p.next()
		require.Equal(t, pdu.CommandDeliverSM, request.CommandID())
		p.send(&pdu.DeliverSMResp{Header: pdu.Header{Sequence: request.Head().Sequence}})
		requireAnswered(t, <-result, pdu.StatusOK)
	})
}

func TestLimitsOfAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *session.Request, 10)
		p, s := boundESME(t, pdu.BindTransceiver, session.Account{
			Handler: handler(func(r *session.Request) { requests <- r }), Window: 1, MaxUnanswered: 2, Limiter: rate.NewLimiter(1, 3),
		})
		for i := range uint32(3) {
			p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: i}})
		}
		require.Equal(t, pdu.Header{Sequence: 2, Status: pdu.StatusThrottled}, *p.next().Head(), "two are unanswered")
		for range 2 {
			require.NoError(t, (<-requests).Respond(&pdu.SubmitSMResp{}))
			p.next()
		}
		p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: 3}})
		require.Equal(t, pdu.Header{Sequence: 3, Status: pdu.StatusThrottled}, *p.next().Head(), "that is more than one a second")
		time.Sleep(time.Second)
		p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: 4}})
		require.NoError(t, (<-requests).Respond(&pdu.SubmitSMResp{}))
		require.Equal(t, pdu.Header{Sequence: 4}, *p.next().Head())

		first := do(context.Background(), s, deliver(0), nil)
		p.next()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		requireFailed(t, <-do(ctx, s, deliver(0), nil), false, context.DeadlineExceeded)
		require.Empty(t, first)
	})
}

func TestModesOfAServer(t *testing.T) {
	for name, tt := range map[string]struct {
		mode    pdu.BindMode
		submit  pdu.CommandStatus
		deliver bool
	}{
		"receiver":    {pdu.BindReceiver, pdu.StatusInvBndSts, true},
		"transmitter": {pdu.BindTransmitter, pdu.StatusOK, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				taken := handler(func(r *session.Request) { _ = r.Respond(&pdu.SubmitSMResp{}) })
				p, s := boundESME(t, tt.mode, session.Account{Handler: taken})
				p.send(&pdu.SubmitSM{Header: pdu.Header{Sequence: 2}})
				require.Equal(t, tt.submit, p.next().Head().Status)
				result := do(context.Background(), s, deliver(0), nil)
				if !tt.deliver {
					requireFailed(t, <-result, false, session.ErrNotBound)
					return
				}
				p.send(&pdu.DeliverSMResp{Header: pdu.Header{Sequence: p.next().Head().Sequence}})
				requireAnswered(t, <-result, pdu.StatusOK)
			})
		})
	}
}
