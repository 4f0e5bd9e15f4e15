package relay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func TestOnlyTheNewestActiveAttachmentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		first, second, third := newSink(nil), newSink(nil), newSink(nil)
		a := e.Attach(relay.Config{Destinations: []relay.DestinationConfig{to("crm", first)}})
		send(t, e, "before", "crm")
		synctest.Wait()
		assert.Zero(t, first.count(), "not active yet")
		a.Activate()
		synctest.Wait()
		assert.Equal(t, 1, first.count())

		b := configure(e, to("crm", second))
		send(t, e, "during", "crm")
		synctest.Wait()
		assert.Equal(t, 1, second.count())
		a.Detach()

		doomed := configure(e, to("crm", third))
		doomed.Detach()
		send(t, e, "after", "crm")
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 0}, []int{first.count(), second.count(), third.count()})

		b.Detach()
		send(t, e, "waits", "crm")
		synctest.Wait()
		assert.Equal(t, 2, second.count())
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestRemovedDestinationKeepsItsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		crm := newSink(fails)
		a := configure(e, to("crm", crm, time.Minute, time.Minute))
		send(t, e, "a", "crm")
		synctest.Wait()
		b := configure(e)
		a.Detach()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, 1, crm.count())
		assert.Equal(t, []relay.LaneStats{{Destination: "crm", Pending: 1}}, e.Lanes())
		oldest, err := e.Oldest(t.Context(), "crm")
		require.NoError(t, err)
		assert.Equal(t, time.Hour, time.Since(oldest))

		back := newSink(nil)
		configure(e, to("crm", back))
		b.Detach()
		synctest.Wait()
		assert.Equal(t, 1, back.count())
		assert.Equal(t, 2, back.attempts[0].Attempt)
		require.NoError(t, e.Close(t.Context()))
	})
}

// slowReads is a queue whose reads take a while to return what they found.
type slowReads struct {
	*memoryQueue
	wait  time.Duration
	mu    sync.Mutex
	bytes int64 // asked for in all
}

func (q *slowReads) Claim(ctx context.Context, query relay.ClaimQuery) (relay.Claims, error) {
	q.mu.Lock()
	q.bytes += query.MaxBytes
	wait := q.wait
	q.mu.Unlock()
	claims, err := q.memoryQueue.Claim(ctx, query)
	time.Sleep(wait)
	return claims, err
}

func (q *slowReads) slowDown(wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wait = wait
}

// TestQuickReloadDuringARead puts deliveries back while the queue is read,
// which has passed over them, and takes them up again before the read ends.
func TestQuickReloadDuringARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &slowReads{memoryQueue: newMemoryQueue()}
		e := newEngine(t, q)
		s := newSink(func(_ context.Context, d *relay.Delivery) relay.Result {
			time.Sleep(100 * time.Millisecond)
			if d.Event.ID == "retry" && d.Attempt == 1 {
				return fails(t.Context(), d)
			}
			return relay.Result{Outcome: relay.Delivered}
		})
		config := relay.DestinationConfig{Name: "crm", Destination: s, Concurrency: 1, Schedule: relay.Schedule{Waits: []time.Duration{50 * time.Millisecond}}}
		a := configure(e, config)
		synctest.Wait()
		send(t, e, "retry", "crm")
		for i := range 5 {
			send(t, e, fmt.Sprint(i), "crm")
		}
		q.slowDown(80 * time.Millisecond)
		time.Sleep(185 * time.Millisecond) // the retry is due, and being read
		a.Detach()
		configure(e, config)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 6}, q.states())
	})
}

func TestLanesShareTheMemoryWhenAllReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &slowReads{memoryQueue: newMemoryQueue(), wait: time.Second}
		e := newEngine(t, q)
		var config []relay.DestinationConfig
		for i := range 1000 {
			config = append(config, to(fmt.Sprint(i), newSink(nil)))
		}
		configure(e, config...)
		synctest.Wait()
		assert.LessOrEqual(t, q.bytes, int64(64<<20))
		require.NoError(t, e.Close(t.Context()))
	})
}
