package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func deliver(sequence uint32) *pdu.DeliverSM {
	return &pdu.DeliverSM{Header: pdu.Header{Sequence: sequence}, ShortMessage: []byte("Hello")}
}

func TestAnswersThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *session.Request, 2)
		s, p := bound(t, pdu.BindReceiver, session.Config{Handler: handler(func(r *session.Request) { requests <- r })})
		p.send(deliver(7), deliver(8))
		first, second := <-requests, <-requests
		require.Equal(t, []byte("Hello"), first.PDU.(*pdu.DeliverSM).ShortMessage)
		require.Same(t, s, first.Session())

		require.Error(t, second.Respond(&pdu.SubmitSMResp{}), "the wrong type")
		require.Error(t, second.Respond(&pdu.DeliverSMResp{MessageID: "\x00"}), "it can't be encoded")
		require.NoError(t, second.Respond(&pdu.DeliverSMResp{}))
		require.Equal(t, pdu.Header{Sequence: 8}, *p.next().Head())
		require.ErrorIs(t, second.Respond(&pdu.DeliverSMResp{}), session.ErrAnswered)
		require.ErrorIs(t, second.Refuse(pdu.StatusSysErr), session.ErrAnswered)

		require.NoError(t, first.Refuse(pdu.StatusRxPAppn))
		got := p.next()
		require.Equal(t, pdu.CommandDeliverSMResp, got.CommandID())
		require.Equal(t, pdu.Header{Sequence: 7, Status: pdu.StatusRxPAppn}, *got.Head())
	})
}

func TestAnswerAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *session.Request, 1)
		s, p := bound(t, pdu.BindReceiver, session.Config{Handler: handler(func(r *session.Request) { requests <- r })})
		p.send(deliver(7))
		r := <-requests
		require.NoError(t, s.Close())
		requireFailed(t, outcome{err: r.Respond(&pdu.DeliverSMResp{})}, false, session.ErrStopped)
	})
}

func TestTooManyUnansweredRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *session.Request, 3)
		_, p := bound(t, pdu.BindReceiver, session.Config{MaxUnanswered: 2, Handler: handler(func(r *session.Request) { requests <- r })})
		p.send(deliver(1), deliver(2), deliver(3))
		require.Equal(t, pdu.Header{Sequence: 3, Status: pdu.StatusRxTAppn}, *p.next().Head())
		require.NoError(t, (<-requests).Respond(&pdu.DeliverSMResp{}))
		require.Equal(t, pdu.Header{Sequence: 1}, *p.next().Head())
		p.send(deliver(4))
		<-requests
		require.NoError(t, (<-requests).Respond(&pdu.DeliverSMResp{}))
		require.Equal(t, pdu.Header{Sequence: 4}, *p.next().Head())
	})
}

// TestFullWindowsOnBothSides has both sides send as much as they may before they
// read: it must not block.
func TestFullWindowsOnBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := handler(func(r *session.Request) { _ = r.Respond(&pdu.DeliverSMResp{}) })
		s, p := bound(t, pdu.BindTransceiver, session.Config{Window: 10, Handler: answered})
		var results []<-chan outcome
		for range 10 {
			results = append(results, submit(s))
		}
		synctest.Wait()
		for i := range uint32(500) {
			p.send(deliver(i + 1))
		}
		messages, responses := 0, 0
		for messages+responses < 510 {
			switch got := p.next().(type) {
			case *pdu.SubmitSM:
				messages++
				p.respond(got, pdu.StatusOK, "1")
			case *pdu.DeliverSMResp:
				responses++
			}
		}
		require.Equal(t, 10, messages)
		for _, r := range results {
			requireAnswered(t, <-r, pdu.StatusOK)
		}
	})
}

// TestResponseIsReportedBeforeWhatFollows has a request of the peer right behind
// its response, as a receipt may be: the response is known by then.
func TestResponseIsReportedBeforeWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		seen := handler(func(r *session.Request) {
			order = append(order, "request")
			_ = r.Respond(&pdu.DeliverSMResp{})
		})
		s, p := bound(t, pdu.BindTransceiver, session.Config{Handler: seen})
		go func() {
			_, _ = s.Do(context.Background(), message(), func(response pdu.PDU, late bool) {
				require.False(t, late)
				order = append(order, response.(*pdu.SubmitSMResp).MessageID)
			})
		}()
		m := p.next().Head()
		p.send(&pdu.SubmitSMResp{Header: pdu.Header{Sequence: m.Sequence}, MessageID: "id"}, deliver(1))
		require.Equal(t, pdu.CommandDeliverSMResp, p.next().CommandID())
		require.Equal(t, []string{"id", "request"}, order)
	})
}

func TestRequestsThatAreNotAllowed(t *testing.T) {
	all := handler(func(r *session.Request) { _ = r.Respond(&pdu.DeliverSMResp{}) })
	for name, tt := range map[string]struct {
		mode    pdu.BindMode
		handler session.Handler
		request pdu.PDU
		status  pdu.CommandStatus
	}{
		"deliver_sm to a receiver":    {pdu.BindReceiver, all, deliver(5), pdu.StatusOK},
		"deliver_sm to a transmitter": {pdu.BindTransmitter, all, deliver(5), pdu.StatusInvBndSts},
		"submit_sm to an ESME":        {pdu.BindTransceiver, all, &pdu.SubmitSM{Header: pdu.Header{Sequence: 5}}, pdu.StatusInvBndSts},
		"bind of an ESME":             {pdu.BindTransceiver, all, &pdu.Bind{Header: pdu.Header{Sequence: 5}, Mode: pdu.BindReceiver}, pdu.StatusInvBndSts},
		"without a handler":           {pdu.BindTransceiver, nil, deliver(5), pdu.StatusRxTAppn},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := bound(t, tt.mode, session.Config{Handler: tt.handler})
				p.send(tt.request)
				got := p.next()
				require.Equal(t, tt.request.CommandID().Response(), got.CommandID())
				require.Equal(t, tt.status, got.Head().Status)
				require.Equal(t, uint32(5), got.Head().Sequence)
				require.Equal(t, session.StateBound, s.State())
			})
		})
	}
}

// alerts is a handler of alert_notification.
type alerts struct {
	handler
	got []string
}

func (a *alerts) HandleAlert(p *pdu.AlertNotification) { a.got = append(a.got, p.SourceAddr.Addr) }

func TestRequestsWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &alerts{}
		_, p := bound(t, pdu.BindReceiver, session.Config{Handler: a})
		p.send(
			&pdu.AlertNotification{SourceAddr: pdu.Address{Addr: "4917"}},
			&pdu.Outbind{SystemID: "smsc", Password: "x"},
			&pdu.EnquireLink{Header: pdu.Header{Sequence: 3}},
		)
		require.Equal(t, pdu.CommandEnquireLinkResp, p.next().CommandID())
		require.Equal(t, []string{"4917"}, a.got)
	})
}

// TestMessageBeforeTheBindIsAnswered comes from SMSCs that hurry to send what
// they have stored.
func TestMessageBeforeTheBindIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &session.Connector{Config: session.Config{Handler: handler(func(r *session.Request) { _ = r.Respond(&pdu.DeliverSMResp{}) })}}
		p := connectTo(t, c)
		result := make(chan *session.Session, 1)
		go func() {
			s, err := c.Connect(context.Background(), pdu.BindReceiver)
			require.NoError(t, err)
			result <- s
		}()
		b, ok := p.next().(*pdu.Bind)
		require.True(t, ok)
		p.send(deliver(1))
		require.Equal(t, pdu.Header{Sequence: 1}, *p.next().Head())
		p.send(&pdu.BindResp{Header: pdu.Header{Sequence: b.Sequence}, Mode: b.Mode}, deliver(2))
		require.Equal(t, pdu.Header{Sequence: 2}, *p.next().Head())
		require.NoError(t, (<-result).Close())
	})
}

func TestUnbindByUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *session.Request, 1)
		s, p := bound(t, pdu.BindTransceiver, session.Config{Handler: handler(func(r *session.Request) { requests <- r })})
		result := submit(s)
		request := p.next()
		p.send(deliver(1))
		unanswered := <-requests
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(context.Background()) }()
		synctest.Wait()
		require.Equal(t, session.StateUnbound, s.State())

		requireFailed(t, <-submit(s), false, session.ErrStopped)
		p.send(deliver(2))
		require.Equal(t, pdu.Header{Sequence: 2, Status: pdu.StatusRxTAppn}, *p.next().Head())
		p.respond(request, pdu.StatusOK, "1")
		requireAnswered(t, <-result, pdu.StatusOK)
		require.NoError(t, unanswered.Respond(&pdu.DeliverSMResp{}))
		require.Equal(t, pdu.Header{Sequence: 1}, *p.next().Head())

		unbind := p.next()
		require.Equal(t, pdu.CommandUnbind, unbind.CommandID())
		require.Empty(t, stopped)
		p.send(&pdu.UnbindResp{Header: pdu.Header{Sequence: unbind.Head().Sequence}})
		require.NoError(t, <-stopped)
		require.Empty(t, p.end())
		require.ErrorIs(t, s.Err(), session.ErrStopped)
		require.NoError(t, s.Stop(context.Background()), "it may be stopped again")
	})
}

func TestStopThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{})
		result := submit(s)
		p.next()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		go p.end()
		require.Equal(t, 25*time.Second, elapsed(func() { require.ErrorIs(t, s.Stop(ctx), context.DeadlineExceeded) }),
			"unbind is sent nevertheless, and is not answered")
		requireFailed(t, <-result, true, session.ErrStopped)
	})
}

func TestUnbindByThePeer(t *testing.T) {
	for name, answers := range map[string]bool{"window finished": true, "window lost": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := bound(t, pdu.BindTransceiver, session.Config{})
				result := submit(s)
				request := p.next()
				p.send(&pdu.Unbind{Header: pdu.Header{Sequence: 9}})
				synctest.Wait()
				requireFailed(t, <-submit(s), false, session.ErrUnbound)
				wait := 5 * time.Second
				if answers {
					wait = 0
					p.respond(request, pdu.StatusOK, "1")
					requireAnswered(t, <-result, pdu.StatusOK)
				}
				require.Equal(t, wait, elapsed(func() {
					got := p.next()
					require.Equal(t, pdu.CommandUnbindResp, got.CommandID())
					require.Equal(t, uint32(9), got.Head().Sequence)
				}))
				require.Equal(t, time.Second, elapsed(func() { require.Empty(t, p.end()) }))
				if !answers {
					requireFailed(t, <-result, true, session.ErrUnbound)
				}
				<-s.Done()
				require.ErrorIs(t, s.Err(), session.ErrUnbound)
			})
		})
	}
}

func TestUnbindByBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransceiver, session.Config{})
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(context.Background()) }()
		unbind := p.next()
		require.Equal(t, pdu.CommandUnbind, unbind.CommandID())
		p.send(&pdu.Unbind{Header: pdu.Header{Sequence: 9}})
		require.Equal(t, pdu.CommandUnbindResp, p.next().CommandID())
		p.send(&pdu.UnbindResp{Header: pdu.Header{Sequence: unbind.Head().Sequence}})
		require.NoError(t, <-stopped)
	})
}
