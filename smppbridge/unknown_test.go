package smppbridge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func TestLostResponse(t *testing.T) {
	for duplicates, want := range map[Duplicates]relay.Outcome{AvoidDuplicates: relay.Permanent, AllowDuplicates: relay.Retry} {
		t.Run(duplicatesNames[duplicates], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, lose, func(c *Config, _ *BindConfig) { c.Duplicates = duplicates })
				defer b.close()
				began := time.Now()
				r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
				require.Equal(t, want, r.Outcome)
				require.Equal(t, relay.ReasonTimeout, r.Reason)
				require.Contains(t, r.Detail, "unknown whether the SMSC has taken the message: no response in time")
				require.Equal(t, session.DefaultResponseTimeout, time.Since(began).Round(time.Second))
				require.Equal(t, []notePart{{State: partUnknown}}, parts(t, r))
				require.NoError(t, b.smsc.session().Close())
			})
		})
	}
}

// answerLate answers the first message after its time.
func answerLate(n int, r *session.Request) {
	if n == 1 {
		time.Sleep(session.DefaultResponseTimeout + 10*time.Second)
	}
	take(n, r)
}

// A response that is late spares a copy, and its receipt finds the message.
func TestLateResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate, func(c *Config, _ *BindConfig) { c.Duplicates = AllowDuplicates })
		defer b.close()
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		b.keep(d, r)
		time.Sleep(time.Minute)
		r = b.again(d, r)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
		require.Equal(t, []notePart{{State: partAccepted, MessageID: "m1"}}, parts(t, r))
		require.Len(t, b.smsc.submitted(), 1)
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

// After a restart, what a late response said is in the store.
func TestLateResponseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, answerLate)
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		time.Sleep(time.Minute)
		b.close()
		b.open()
		defer b.close()
		synctest.Wait()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}

func TestConnectionDropsMidWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ int, r *session.Request) { _ = r.Session().Close() })
		defer b.close()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Permanent, r.Outcome)
		require.Equal(t, relay.ReasonConnect, r.Reason)
		require.Contains(t, r.Detail, "unknown whether")
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		synctest.Wait()
		b.smsc.mu.Lock()
		b.smsc.down = true
		b.smsc.mu.Unlock()
		require.NoError(t, b.smsc.session().Close())
		synctest.Wait()
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, relay.ReasonConnect, r.Reason)
		require.Equal(t, "no session was bound within 30s: smpp: connect: connection refused", r.Detail)
		require.Equal(t, DefaultWaitTimeout, time.Since(began))
		require.True(t, r.Uncounted, "nothing was tried")
		require.Nil(t, r.Note)
	})
}

func TestWindowFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, lose, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		defer b.close()
		for range 2 {
			go b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
			synctest.Wait()
		}
		began := time.Now()
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Equal(t, relay.ReasonTimeout, r.Reason)
		require.Equal(t, "no session had room in its window within 1m30s", r.Detail)
		require.Equal(t, 90*time.Second, time.Since(began))
		time.Sleep(time.Minute)
		require.NoError(t, b.smsc.session().Close())
	})
}

// A message whose turn comes at the last moment has all the time for its
// response.
func TestTurnAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			time.Sleep(50 * time.Second)
			take(n, r)
		}, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		defer b.close()
		go b.Deliver(context.Background(), delivery(t, recipient, "first"))
		synctest.Wait()
		r := b.Deliver(t.Context(), delivery(t, recipient, "second"))
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
	})
}

func TestShutdown(t *testing.T) {
	t.Run("in flight", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, lose)
			defer b.close()
			synctest.Wait()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("shutdown"))
			defer cancel()
			r := b.Deliver(ctx, delivery(t, recipient, "Hello"))
			require.Equal(t, relay.Permanent, r.Outcome)
			require.NotEqual(t, relay.ReasonCanceled, r.Reason, "it has to be recorded")
			require.Contains(t, r.Detail, "unknown whether")
			require.NoError(t, b.smsc.session().Close())
		})
	})
	t.Run("not sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, take)
			defer b.close()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := b.Deliver(ctx, delivery(t, recipient, "Hello"))
			require.Equal(t, relay.Retry, r.Outcome)
			require.Equal(t, relay.ReasonCanceled, r.Reason)
			require.Nil(t, r.Note)
		})
	})
}

// A process that is killed while a message is sent leaves no outcome behind, but
// the next one knows.
func TestKilledWhileSending(t *testing.T) {
	for duplicates, want := range map[Duplicates]relay.Outcome{AvoidDuplicates: relay.Permanent, AllowDuplicates: relay.Delivered} {
		t.Run(duplicatesNames[duplicates], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := func(c *Config, _ *BindConfig) { c.Duplicates = duplicates }
				b := start(t, take, config)
				d := delivery(t, recipient, "Hello")
				require.Equal(t, relay.Delivered, b.Deliver(t.Context(), d).Outcome)
				b.close() // The result is lost.
				time.Sleep(time.Second)
				b.open(config)
				defer b.close()
				r := b.Deliver(t.Context(), d)
				require.Equal(t, want, r.Outcome, r.Detail)
				if duplicates == AllowDuplicates {
					require.Len(t, b.smsc.submitted(), 2)
					return
				}
				require.Contains(t, r.Detail, "unknown whether the SMSC has taken the message: the process ended")
				require.Len(t, b.smsc.submitted(), 1)
				// Somebody who has found out replays it.
				require.Equal(t, relay.Delivered, b.again(d, r).Outcome)
			})
		})
	}
}

// What was not sent at all, or refused, is no reason to think so.
func TestNotKilledWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(n int, r *session.Request) {
			if n == 1 {
				_ = r.Refuse(pdu.StatusSysErr)
				return
			}
			take(n, r)
		}, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		d := delivery(t, recipient, "Hello")
		r := b.Deliver(t.Context(), d)
		require.Equal(t, relay.Retry, r.Outcome)
		b.keep(d, r)
		b.smsc.mu.Lock()
		b.smsc.answer = lose
		b.smsc.mu.Unlock()
		other := delivery(t, recipient, "Hello")
		other.ID = "q_2"
		go b.Deliver(context.Background(), other) // It takes the window.
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r = b.Deliver(ctx, d)
		require.Equal(t, relay.ReasonCanceled, r.Reason)
		b.keep(d, r)
		require.NoError(t, b.smsc.session().Close())
		b.smsc.mu.Lock()
		b.smsc.answer = take
		b.smsc.mu.Unlock()
		b.close()
		b.open()
		defer b.close()
		r = b.Deliver(t.Context(), d)
		require.Equal(t, relay.Delivered, r.Outcome, r.Detail)
	})
}

func TestStoreFailsBeforeSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, take)
		defer b.close()
		b.store.fail(errors.New("disk full"))
		r := b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Retry, r.Outcome)
		require.Contains(t, r.Detail, "could not be recorded: disk full")
		require.Empty(t, b.smsc.submitted())
		b.store.fail(relay.ErrFull)
		r = b.Deliver(t.Context(), delivery(t, recipient, "Hello"))
		require.Equal(t, relay.Delivered, r.Outcome, "a full queue has to be emptied")
	})
}
