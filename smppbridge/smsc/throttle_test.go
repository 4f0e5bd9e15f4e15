package smsc

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func TestThrottlingIsTriedAgainAtOnce(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := &phone{statuses: []pdu.CommandStatus{pdu.StatusThrottled, pdu.StatusThrottled}}
		b.bound(pdu.BindReceiver, p)
		began := time.Now()
		require.Equal(b, relay.Result{Outcome: relay.Delivered}, b.destination(nil).Deliver(context.Background(), delivery("hello")))
		require.Len(b, p.got, 3)
		require.Equal(b, time.Second, time.Since(began), "the session is slower")

		began = time.Now()
		p.statuses = slices.Repeat([]pdu.CommandStatus{pdu.StatusThrottled}, 100)
		result := b.destination(nil).Deliver(context.Background(), delivery("hello"))
		require.Equal(b, relay.Retry, result.Outcome)
		require.Equal(b, DefaultWaitTimeout, time.Since(began))
	})
}

// limited is a phone that takes so many messages a second.
type limited struct {
	phone
	limiter *rate.Limiter
	refused int
}

func (l *limited) HandleRequest(r *session.Request) {
	if l.limiter.Allow() {
		l.phone.HandleRequest(r)
		return
	}
	l.mu.Lock()
	l.refused++
	l.mu.Unlock()
	_ = r.Refuse(pdu.StatusThrottled)
}

// TestAClientThatThrottlesGetsLess delivers to two sessions, of which one is slow:
// it learns how much that takes, and goes on with the other at full speed.
func TestAClientThatThrottlesGetsLess(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		const messages, perSecond = 2000, 50
		slow := &limited{limiter: rate.NewLimiter(perSecond, perSecond)}
		b.bound(pdu.BindReceiver, slow)
		d := b.destination(nil)
		began := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range messages / 20 {
					require.Equal(b, relay.Delivered, d.Deliver(context.Background(), delivery("hello")).Outcome)
				}
			})
		}
		wg.Wait()
		took := time.Since(began)
		require.Equal(b, messages, slow.count())
		require.Less(b, slow.refused, messages/5)
		require.Less(b, took, 2*messages/perSecond*time.Second)
		b.Logf("%d messages in %s, %d refused", messages, took, slow.refused)

		// Another session is not slowed down.
		fast := new(phone)
		b.bound(pdu.BindReceiver, fast)
		before, began := slow.count(), time.Now()
		for range 200 {
			require.Equal(b, relay.Delivered, d.Deliver(context.Background(), delivery("hello")).Outcome)
		}
		require.Equal(b, 200, fast.count()+slow.count()-before)
		require.Less(b, time.Since(began), 2*time.Second)
	})
}
