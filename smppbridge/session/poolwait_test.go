package session_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// TestPoolBoundsTheWait has a message wait for a slot, which is no part of how
// long it waits for its response.
func TestPoolBoundsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait, timeout = 5 * time.Second, time.Minute
		submit := func(p *session.Pool) (o outcome, took time.Duration) {
			took = elapsed(func() { o.response, o.err = p.Submit(t.Context(), message(), session.Submission{Wait: wait}) })
			return o, took
		}
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{
			Window: 1, ResponseTimeout: timeout, EnquireInterval: -1,
		}}})
		smsc := <-n.peers
		o, took := submit(p)
		requireFailed(t, o, false, session.ErrNoRoom)
		require.Equal(t, wait, took, "nothing is bound")
		smsc.acceptBind()
		synctest.Wait()

		first := poolSubmit(t.Context(), p)
		request := smsc.next()
		o, took = submit(p)
		requireFailed(t, o, false, session.ErrNoRoom)
		require.Equal(t, wait, took, "the window is full")

		time.AfterFunc(wait-time.Second, func() {
			smsc.respond(request, pdu.StatusOK, "1")
			request = smsc.next()
			time.AfterFunc(timeout-time.Second, func() { smsc.respond(request, pdu.StatusOK, "2") })
		})
		o, took = submit(p)
		requireAnswered(t, <-first, pdu.StatusOK)
		requireAnswered(t, o, pdu.StatusOK)
		require.Equal(t, wait+timeout-2*time.Second, took, "sent at the last moment, and answered as well")

		var read sync.WaitGroup
		read.Go(func() { smsc.next() })
		o, took = submit(p)
		read.Wait()
		requireFailed(t, o, true, session.ErrTimeout)
		require.Equal(t, timeout, took, "never answered")
		stop(t, p, smsc)
	})
}

// TestPoolExpiresEachWait has messages wait for a slot for as long as each may.
func TestPoolExpiresEachWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Window: 1}}})
		smsc := n.bound()
		first := poolSubmit(t.Context(), p)
		request := smsc.next()
		var waits sync.WaitGroup
		for _, wait := range []time.Duration{7 * time.Second, 3 * time.Second, 3 * time.Second, 5 * time.Second} {
			waits.Go(func() {
				var o outcome
				took := elapsed(func() { o.response, o.err = p.Submit(t.Context(), message(), session.Submission{Wait: wait}) })
				requireFailed(t, o, false, session.ErrNoRoom)
				require.Equal(t, wait, took)
			})
		}
		patient := poolSubmit(t.Context(), p)
		waits.Wait()
		smsc.respond(request, pdu.StatusOK, "1")
		requireAnswered(t, <-first, pdu.StatusOK)
		smsc.respond(smsc.next(), pdu.StatusOK, "2")
		requireAnswered(t, <-patient, pdu.StatusOK)
		stop(t, p, smsc)
	})
}

// TestPoolPassesOverWhatCannotBeSent has a message wait that can't be encoded. Its
// slot goes to the next one.
func TestPoolPassesOverWhatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Window: 1}}})
		smsc := n.bound()
		first := poolSubmit(t.Context(), p)
		request := smsc.next()
		bad := make(chan outcome, 1)
		go func() {
			response, err := p.Submit(t.Context(), &pdu.SubmitSM{ServiceType: "too long"}, session.Submission{})
			bad <- outcome{response, err}
		}()
		synctest.Wait()
		second := poolSubmit(t.Context(), p)
		synctest.Wait()
		smsc.respond(request, pdu.StatusOK, "1")
		requireAnswered(t, <-first, pdu.StatusOK)
		o := <-bad
		requireFailed(t, o, false, nil)
		var field *pdu.Error
		require.ErrorAs(t, o.err, &field)
		smsc.respond(smsc.next(), pdu.StatusOK, "2")
		requireAnswered(t, <-second, pdu.StatusOK)
		stop(t, p, smsc)
	})
}

// TestPoolAbandonsWhatItSent has whoever waited for a slot give up once the
// message is sent.
func TestPoolAbandonsWhatItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		p := n.pool(session.PoolConfig{Connector: session.Connector{Config: session.Config{Window: 1}}})
		smsc := n.bound()
		first := poolSubmit(t.Context(), p)
		request := smsc.next()
		ctx, cancel := context.WithCancel(t.Context())
		second := poolSubmit(ctx, p)
		synctest.Wait()
		smsc.respond(request, pdu.StatusOK, "1")
		requireAnswered(t, <-first, pdu.StatusOK)
		request = smsc.next()
		cancel()
		requireFailed(t, <-second, true, context.Canceled)
		third := poolSubmit(t.Context(), p)
		synctest.Wait()
		require.Empty(t, third, "the slot is taken until there is an answer")
		smsc.respond(request, pdu.StatusOK, "2")
		smsc.respond(smsc.next(), pdu.StatusOK, "3")
		requireAnswered(t, <-third, pdu.StatusOK)
		stop(t, p, smsc)
	})
}
