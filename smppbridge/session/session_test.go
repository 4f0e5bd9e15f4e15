package session_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func TestSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &events{}
		s, p := bound(t, pdu.BindTransceiver, session.Config{Observer: seen})
		require.Equal(t, session.StateBound, s.State())
		require.Equal(t, pdu.BindTransceiver, s.Mode())
		require.Equal(t, "smsc", s.PeerSystemID())
		require.Equal(t, pdu.Version33, s.PeerVersion(), "it told none")
		for i := range uint32(3) {
			result := submit(s)
			got, ok := p.next().(*pdu.SubmitSM)
			require.True(t, ok)
			require.Equal(t, i+2, got.Sequence)
			require.Equal(t, message().ShortMessage, got.ShortMessage)
			p.respond(got, pdu.StatusOK, "id")
			o := <-result
			requireAnswered(t, o, pdu.StatusOK)
			require.Equal(t, "id", o.response.(*pdu.SubmitSMResp).MessageID)
		}
		require.Len(t, seen.of(session.EventBound), 1)
	})
}

func TestResponsesInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 5})
		var results []<-chan outcome
		var requests []pdu.PDU
		for range 5 {
			results = append(results, submit(s))
			requests = append(requests, p.next())
		}
		for _, r := range slices.Backward(requests) {
			p.respond(r, pdu.StatusOK, strconv.Itoa(int(r.Head().Sequence)))
		}
		for i, r := range results {
			o := <-r
			requireAnswered(t, o, pdu.StatusOK)
			require.Equal(t, strconv.Itoa(int(requests[i].Head().Sequence)), o.response.(*pdu.SubmitSMResp).MessageID)
		}
	})
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 2})
		first, second := submit(s), submit(s)
		a, b := p.next(), p.next()

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.Equal(t, time.Second, elapsed(func() {
			requireFailed(t, <-do(ctx, s, message(), nil), false, context.DeadlineExceeded)
		}))

		third := submit(s)
		synctest.Wait()
		require.Empty(t, third)
		p.respond(a, pdu.StatusSubmitFail, "")
		p.next()
		p.respond(b, pdu.StatusOK, "1")
		for _, o := range []outcome{<-first, <-second} {
			require.NoError(t, o.err)
		}
		require.Empty(t, third)
	})
}

func TestResponseTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		late  bool
	}{
		"late":     {after: 14 * time.Minute, late: true},
		"too late": {after: 16 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &events{}
				s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 1, EnquireInterval: -1, Observer: seen})
				var late []pdu.PDU
				result := do(context.Background(), s, message(), func(r pdu.PDU) { late = append(late, r) })
				request := p.next()
				require.Equal(t, time.Minute, elapsed(func() { requireFailed(t, <-result, true, session.ErrTimeout) }))
				require.Len(t, seen.of(session.EventTimeout), 1)

				// The slot is free again.
				next := submit(s)
				other := p.next()
				require.NotEqual(t, request.Head().Sequence, other.Head().Sequence)
				p.respond(other, pdu.StatusOK, "2")
				requireAnswered(t, <-next, pdu.StatusOK)

				time.Sleep(tt.after)
				p.respond(request, pdu.StatusOK, "1")
				p.respond(request, pdu.StatusOK, "1")
				synctest.Wait()
				if !tt.late {
					require.Empty(t, late)
					require.Len(t, seen.of(session.EventUnexpected), 2)
					return
				}
				require.Len(t, late, 1, "a response is reported once")
				require.Equal(t, "1", late[0].(*pdu.SubmitSMResp).MessageID)
				require.Len(t, seen.of(session.EventLate), 1)
				require.Len(t, seen.of(session.EventUnexpected), 1)
			})
		})
	}
}

func TestLateResponsesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 3, MaxLate: 2, EnquireInterval: -1})
		var late []string
		var requests []pdu.PDU
		for range 3 {
			result := do(context.Background(), s, message(), func(r pdu.PDU) { late = append(late, r.(*pdu.SubmitSMResp).MessageID) })
			requests = append(requests, p.next())
			requireFailed(t, <-result, true, session.ErrTimeout)
		}
		for i, r := range requests {
			p.respond(r, pdu.StatusOK, strconv.Itoa(i))
		}
		synctest.Wait()
		require.Equal(t, []string{"1", "2"}, late)
	})
}

func TestContextEndsWhileAResponseIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 1})
		ctx, cancel := context.WithCancel(context.Background())
		var late []pdu.PDU
		result := do(ctx, s, message(), func(r pdu.PDU) { late = append(late, r) })
		request := p.next()
		cancel()
		requireFailed(t, <-result, true, context.Canceled)
		requireFailed(t, <-do(ctx, s, message(), nil), false, context.Canceled)

		next := submit(s)
		synctest.Wait()
		require.Empty(t, next, "the SMSC still works on the first one")
		p.respond(request, pdu.StatusOK, "1")
		p.respond(p.next(), pdu.StatusOK, "2")
		requireAnswered(t, <-next, pdu.StatusOK)
		require.Len(t, late, 1)
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 1})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for range 3 {
			requireFailed(t, <-do(ctx, s, message(), nil), false, context.Canceled)
		}
		result := submit(s)
		p.respond(p.next(), pdu.StatusOK, "1")
		requireAnswered(t, <-result, pdu.StatusOK)
	})
}

func TestUnexpectedResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &events{}
		s, p := bound(t, pdu.BindTransmitter, session.Config{Observer: seen})
		result := submit(s)
		request := p.next()
		number := request.Head().Sequence
		p.send(
			&pdu.SubmitSMResp{Header: pdu.Header{Sequence: 4711}, MessageID: "nobody's"},
			&pdu.DeliverSMResp{Header: pdu.Header{Sequence: number}},
			&pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdID}},
			&pdu.EnquireLinkResp{Header: pdu.Header{Sequence: 99}},
		)
		synctest.Wait()
		require.Empty(t, result, "none of them is for it")
		require.Len(t, seen.of(session.EventUnexpected), 3)
		p.respond(request, pdu.StatusOK, "1")
		p.respond(request, pdu.StatusOK, "again")
		o := <-result
		requireAnswered(t, o, pdu.StatusOK)
		require.Equal(t, "1", o.response.(*pdu.SubmitSMResp).MessageID)
		synctest.Wait()
		require.Len(t, seen.of(session.EventUnexpected), 4)
	})
}

func TestGenericNack(t *testing.T) {
	for name, tt := range map[string]struct{ sent, want pdu.CommandStatus }{
		"unknown command": {pdu.StatusInvCmdID, pdu.StatusInvCmdID},
		"without status":  {pdu.StatusOK, pdu.StatusUnknownErr},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := bound(t, pdu.BindTransmitter, session.Config{})
				result := submit(s)
				p.send(&pdu.GenericNack{Header: pdu.Header{Status: tt.sent, Sequence: p.next().Head().Sequence}})
				o := <-result
				requireAnswered(t, o, tt.want)
				require.Equal(t, pdu.CommandGenericNack, o.response.CommandID())
				require.Equal(t, session.StateBound, s.State())
			})
		})
	}
}

func TestPeerThatLostFraming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{})
		result := submit(s)
		p.next()
		p.send(&pdu.GenericNack{Header: pdu.Header{Status: pdu.StatusInvCmdLen}})
		requireFailed(t, <-result, true, nil)
		<-s.Done()
		require.ErrorContains(t, s.Err(), "can't tell our PDUs apart")
	})
}

func TestRequestsThatAreNotSent(t *testing.T) {
	for name, tt := range map[string]struct {
		mode pdu.BindMode
		p    pdu.PDU
	}{
		"submit_sm as receiver":            {pdu.BindReceiver, message()},
		"a response":                       {pdu.BindTransceiver, &pdu.SubmitSMResp{}},
		"unbind":                           {pdu.BindTransceiver, &pdu.Unbind{}},
		"a request that has no response":   {pdu.BindTransceiver, &pdu.AlertNotification{}},
		"what the specification can't say": {pdu.BindTransceiver, &pdu.SubmitSM{ServiceType: "too long"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := bound(t, tt.mode, session.Config{Window: 1})
				for range 2 {
					requireFailed(t, <-do(context.Background(), s, tt.p, nil), false, nil)
				}
				require.Equal(t, session.StateBound, s.State())
			})
		})
	}
}

func TestBindRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &session.Connector{Bind: pdu.Bind{SystemID: "esme", Password: "secret"}}
		p := connectTo(t, c)
		failed := make(chan error, 1)
		go func() {
			_, err := c.Connect(context.Background(), pdu.BindTransceiver)
			failed <- err
		}()
		b, ok := p.next().(*pdu.Bind)
		require.True(t, ok)
		require.Equal(t, "secret", b.Password)
		require.Equal(t, pdu.Version34, b.InterfaceVersion)
		p.send(&pdu.BindResp{Header: pdu.Header{Sequence: b.Sequence, Status: pdu.StatusInvPaswd}, Mode: b.Mode})
		var refused *session.BindError
		err := <-failed
		require.ErrorAs(t, err, &refused)
		require.Equal(t, pdu.StatusInvPaswd, refused.Status)
		require.NotContains(t, err.Error(), "secret")
	})
}

func TestBindUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &session.Connector{}
		p := connectTo(t, c)
		go p.end()
		require.Equal(t, 30*time.Second, elapsed(func() {
			_, err := c.Connect(context.Background(), pdu.BindReceiver)
			require.ErrorIs(t, err, session.ErrTimeout)
		}))
	})
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for name, cfg := range map[string]session.Config{
		"negative window":     {Window: -1},
		"huge window":         {Window: 10_001},
		"tiny PDUs":           {MaxPDU: 15},
		"negative timeout":    {ResponseTimeout: -1},
		"no late responses":   {MaxLate: -1},
		"nothing is answered": {MaxUnanswered: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&session.Connector{Config: cfg}).Connect(context.Background(), pdu.BindReceiver)
			require.Error(t, err)
			pool := session.PoolConfig{Connector: session.Connector{Config: cfg}}
			_, err = session.NewPool(pool)
			require.Error(t, err)
			require.Equal(t, err, pool.Validate())
		})
	}
}

func TestVersionOfTheSMSC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &session.Connector{}
		p := connectTo(t, c)
		result := make(chan *session.Session, 1)
		go func() {
			s, err := c.Connect(context.Background(), pdu.BindTransceiver)
			require.NoError(t, err)
			result <- s
		}()
		resp := &pdu.BindResp{Header: pdu.Header{Sequence: p.next().Head().Sequence}, Mode: pdu.BindTransceiver, SystemID: "smsc"}
		resp.TLVs.AddUint8(pdu.TagSCInterfaceVersion, uint8(pdu.Version50))
		p.send(resp)
		s := <-result
		require.Equal(t, pdu.Version50, s.PeerVersion())
		require.Equal(t, `transceiver of "smsc" at pipe`, s.String())
		require.NoError(t, s.Close())
	})
}

func TestNames(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"open": session.StateOpen, "bound": session.StateBound, "unbound": session.StateUnbound, "closed": session.StateClosed,
		"lost": session.EventLost, "failed": session.EventFailed, "throttled": session.EventThrottled, "timeout": session.EventTimeout,
		"late": session.EventLate, "unexpected": session.EventUnexpected, "refused": session.EventRefused, "unknown": session.EventKind(99),
	} {
		require.Equal(t, want, got.String())
	}
	require.Equal(t, "smpp: not sent: stopped", (&session.Error{Err: session.ErrStopped}).Error())
	require.Equal(t, "smpp: sent, and the outcome is unknown: no response in time", (&session.Error{MaybeSent: true, Err: session.ErrTimeout}).Error())
	require.Equal(t, "smpp: the bind was refused with ESME_RALYBND", (&session.BindError{Status: pdu.StatusAlyBnd}).Error())
}
