package smppbridge

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// A config that is replaced by one with the same binds leaves these as they are,
// and what comes back goes where the new one says, also for messages of before.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			time.Sleep(5 * time.Second)
			take(n, r)
		})
		before := b.smsc.session()
		result := make(chan relay.Result)
		go func() { result <- b.Deliver(context.Background(), delivery(t, recipient, "Hello")) }()
		synctest.Wait()
		old, c := b.Destination, b.cfg
		c.Receipts = Route{To: func(*relay.Event) []string { return []string{"erp"} }}
		var err error
		b.Destination, err = New(c, b.binds)
		require.NoError(t, err)
		require.NoError(t, b.Start())
		require.NoError(t, b.Start(), "once more changes nothing")
		old.Stop()
		require.Equal(t, relay.Delivered, (<-result).Outcome, "it goes on")
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, []string{"erp"}, b.store.all()[0].to)
		require.Equal(t, before, b.smsc.session())
		require.Len(t, b.smsc.sessions, 1)
		b.close()
		require.Empty(t, b.binds.destinations)
		require.NoError(t, b.binds.Start(), "it is closed for good")
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, relay.ReasonCanceled, r.Reason, "it does not count")
	})
}

// Closing waits for the responses that are due, and unbinds.
func TestCloseFinishesTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			time.Sleep(5 * time.Second)
			take(n, r)
		})
		result := make(chan relay.Result, 1)
		go func() { result <- b.Deliver(context.Background(), delivery(t, recipient, "Hello")) }()
		synctest.Wait()
		began := time.Now()
		b.close()
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Equal(t, relay.Delivered, (<-result).Outcome)
		<-b.smsc.session().Done()
		require.ErrorIs(t, b.smsc.session().Err(), session.ErrUnbound)
	})
}

// A session that only receives can't be what a message waits for.
func TestReceiverAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(_ *Config, bind *BindConfig) { bind.Modes = []pdu.BindMode{pdu.BindReceiver} })
		defer b.close()
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, "no session was bound within 30s", r.Detail)
		require.Equal(t, DefaultWaitTimeout, time.Since(began))
		require.Equal(t, pdu.StatusOK, b.smsc.send(messageOf("Hi")))
		require.Len(t, b.messages(), 1)
	})
}

func TestTransmitterAndReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take, func(_ *Config, bind *BindConfig) {
			bind.Modes = []pdu.BindMode{pdu.BindTransmitter, pdu.BindReceiver}
		})
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		for _, s := range b.smsc.sessions {
			if s.Mode() == pdu.BindReceiver {
				response, err := s.Do(t.Context(), receiptOf("m1", "DELIVRD"), nil)
				require.NoError(t, err)
				require.Equal(t, pdu.StatusOK, response.Head().Status)
			}
		}
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

func TestBadSessions(t *testing.T) {
	for want, c := range map[string]BindConfig{
		"window":  {Session: session.Config{Window: -1}},
		"timeout": {Session: session.Config{ResponseTimeout: -1}},
		"pause":   {MinBackoff: time.Hour},
	} {
		c.Addresses, c.SystemID = []string{"smsc.test:2775"}, "esme"
		_, err := NewBinds(c)
		require.ErrorContains(t, err, want)
	}
}

// A message that comes when a session is bound must not wait for another one, even
// if it comes before anything else is known of that session.
func TestBoundBeforeItIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, smsc: &smsc{t: t, answer: take, down: true}, store: newFakeStore()}
		b.open()
		defer b.close()
		b.binds.Observe(session.Event{Kind: session.EventBound, Mode: pdu.BindTransceiver})
		began := time.Now()
		_, err := b.binds.up(t.Context(), time.Minute)
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		b.binds.Observe(session.Event{Kind: session.EventLost, Mode: pdu.BindTransceiver})
		_, err = b.binds.up(t.Context(), time.Minute)
		require.ErrorIs(t, err, session.ErrNoRoom)
		require.Equal(t, time.Minute, time.Since(began))
	})
}
