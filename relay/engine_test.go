package relay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// sink is a destination that counts what it gets. answer may be nil.
type sink struct {
	mu       sync.Mutex
	got      map[string]int // by event id
	attempts []*relay.Delivery
	times    []time.Time
	answer   func(ctx context.Context, d *relay.Delivery) relay.Result
}

func newSink(answer func(context.Context, *relay.Delivery) relay.Result) *sink {
	return &sink{got: make(map[string]int), answer: answer}
}

func (s *sink) Deliver(ctx context.Context, d *relay.Delivery) relay.Result {
	s.mu.Lock()
	s.got[d.Event.ID]++
	s.attempts = append(s.attempts, d)
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	if s.answer == nil {
		return relay.Result{Outcome: relay.Delivered, Status: 200}
	}
	return s.answer(ctx, d)
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.attempts)
}

// events counts the different events that came.
func (s *sink) events() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func fails(context.Context, *relay.Delivery) relay.Result {
	return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: 503}
}

func hangs(ctx context.Context, _ *relay.Delivery) relay.Result {
	<-ctx.Done()
	return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonCanceled}
}

func newEngine(t *testing.T, q relay.Queue) *relay.Engine {
	t.Helper()
	e, err := relay.NewEngine(t.Context(), relay.Options{Queue: q})
	require.NoError(t, err)
	return e
}

func configure(e *relay.Engine, destinations ...relay.DestinationConfig) *relay.Attachment {
	a := e.Attach(relay.Config{Destinations: destinations, Limits: relay.Limits{History: time.Hour}})
	a.Activate()
	return a
}

func to(name string, d relay.Destination, waits ...time.Duration) relay.DestinationConfig {
	return relay.DestinationConfig{Name: name, Destination: d, Concurrency: 4, Schedule: relay.Schedule{Waits: waits}}
}

func send(t *testing.T, e *relay.Engine, id string, names ...string) {
	t.Helper()
	duplicate, err := e.Accept(&relay.Event{ID: id, Source: "test", Time: time.Now(), Body: []byte(id)}, names, time.Hour)
	require.NoError(t, err)
	require.False(t, duplicate)
}

func TestDeliveredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		crm, erp := newSink(nil), newSink(nil)
		configure(e, to("crm", crm), to("erp", erp))
		for i := range 100 {
			send(t, e, fmt.Sprint(i), "crm", "erp")
		}
		synctest.Wait()
		for _, s := range []*sink{crm, erp} {
			assert.Equal(t, 100, s.events())
			assert.Equal(t, 100, s.count())
		}
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 200}, q.states())
	})
}

func TestDeliveryIDIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		crm, erp := newSink(fails), newSink(nil)
		configure(e, to("crm", crm, time.Second, time.Second), to("erp", erp))
		send(t, e, "a", "crm", "erp")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 3, crm.count())
		assert.Equal(t, crm.attempts[0].ID, crm.attempts[2].ID)
		assert.NotEqual(t, crm.attempts[0].ID, erp.attempts[0].ID)
		assert.Equal(t, []int{1, 2, 3}, []int{crm.attempts[0].Attempt, crm.attempts[1].Attempt, crm.attempts[2].Attempt})
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestRetriesFollowTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(fails)
		configure(e, to("crm", s, 5*time.Second, time.Minute))
		start := time.Now()
		send(t, e, "a", "crm")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, s.times, 3)
		assert.WithinDuration(t, start.Add(5*time.Second), s.times[1], 100*time.Millisecond)
		assert.WithinDuration(t, start.Add(65*time.Second), s.times[2], 200*time.Millisecond)
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDead: 1}, q.states())
	})
}

func TestOutcomes(t *testing.T) {
	for name, tt := range map[string]struct {
		result   relay.Result
		schedule relay.Schedule
		attempts int
		state    relay.State
	}{
		"permanent": {relay.Result{Outcome: relay.Permanent, Reason: relay.ReasonStatus, Status: 410}, relay.Schedule{Waits: []time.Duration{time.Second}}, 1, relay.StateDead},
		"off":       {relay.Result{Outcome: relay.Retry, Reason: relay.ReasonTimeout}, relay.Schedule{Off: true}, 1, relay.StateDropped},
		"delivered": {relay.Result{Outcome: relay.Delivered, Status: 204}, relay.Schedule{Off: true}, 1, relay.StateDelivered},
		"given up":  {relay.Result{Outcome: relay.Retry, Reason: relay.ReasonTimeout}, relay.Schedule{Waits: []time.Duration{time.Second, time.Hour, time.Hour}, GiveUpAfter: 90 * time.Minute}, 4, relay.StateDead},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newMemoryQueue()
				e := newEngine(t, q)
				s := newSink(func(context.Context, *relay.Delivery) relay.Result { return tt.result })
				configure(e, relay.DestinationConfig{Name: "crm", Destination: s, Concurrency: 1, Schedule: tt.schedule})
				send(t, e, "a", "crm")
				time.Sleep(24 * time.Hour)
				assert.Equal(t, tt.attempts, s.count())
				require.NoError(t, e.Close(t.Context()))
				assert.Equal(t, map[relay.State]int{tt.state: 1}, q.states())
			})
		})
	}
}

func TestPanickingDestinationIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(nil)
		s.answer = func(_ context.Context, d *relay.Delivery) relay.Result {
			if d.Attempt == 1 {
				panic("boom")
			}
			return relay.Result{Outcome: relay.Delivered}
		}
		configure(e, to("crm", s, time.Second))
		send(t, e, "a", "crm")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 2, s.count())
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, q.states())
	})
}

// TestOneStuckDestinationDelaysNoOther lets one destination hang, and looks
// when the events of the other arrive, and what the stuck one holds.
func TestOneStuckDestinationDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		stuck, fine := newSink(hangs), newSink(nil)
		configure(e, to("stuck", stuck), to("fine", fine))
		start := time.Now()
		for i := range 20_000 {
			send(t, e, fmt.Sprint(i), "stuck", "fine")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, 20_000, fine.count())
		assert.Less(t, fine.times[len(fine.times)-1].Sub(start), time.Second)
		assert.Equal(t, 4, stuck.count(), "concurrency")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, e.Close(ctx))
	})
}

// TestManyStuckDestinations has 990 of 1,000 destinations hang while each gets
// events, and looks at the others.
func TestManyStuckDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, stuck, events = 1000, 990, 30
		e := newEngine(t, newMemoryQueue())
		hanging, fine := newSink(hangs), newSink(nil)
		var config []relay.DestinationConfig
		for i := range all {
			d := relay.DestinationConfig{Name: fmt.Sprint("d", i), Destination: hanging, Concurrency: 64}
			if i >= stuck {
				d.Destination = fine
			}
			config = append(config, d)
		}
		configure(e, config...)
		for i := range events {
			for j := range all {
				send(t, e, fmt.Sprint(i, "-", j), config[j].Name)
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, (all-stuck)*events, fine.count())
		assert.Equal(t, stuck*8, hanging.count(), "a receiver that does not answer is called by few attempts only")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, e.Close(ctx))
	})
}

func TestBacklogIsDeliveredWhenTheDestinationComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		for i := range 30_000 { // more than a lane holds
			send(t, e, fmt.Sprint(i), "crm")
		}
		time.Sleep(time.Hour)
		s := newSink(nil)
		configure(e, to("crm", s))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 30_000, s.events())
		assert.Equal(t, 30_000, s.count(), "each once")
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 30_000}, q.states())
	})
}

// TestNothingIsDeliveredTwiceOrLost mixes fresh events, overflow, retries and
// changes of config, and counts at the end.
func TestNothingIsDeliveredTwiceOrLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		q.delay = func() time.Duration { return time.Duration(rand.IntN(int(20 * time.Millisecond))) }
		e := newEngine(t, q)
		var mu sync.Mutex
		delivered := make(map[string]int)
		s := newSink(func(_ context.Context, d *relay.Delivery) relay.Result {
			time.Sleep(time.Duration(rand.IntN(int(time.Millisecond))))
			if rand.IntN(5) == 0 {
				return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: 500}
			}
			mu.Lock()
			defer mu.Unlock()
			delivered[d.Event.ID]++
			return relay.Result{Outcome: relay.Delivered}
		})
		config := func() relay.DestinationConfig {
			return to("crm", s, slices.Repeat([]time.Duration{10 * time.Millisecond}, 50)...)
		}
		old := configure(e, config())
		var senders sync.WaitGroup
		for sender := range 20 {
			senders.Go(func() {
				for i := range 1000 {
					send(t, e, fmt.Sprint(sender, "-", i), "crm")
				}
			})
		}
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			next := configure(e, config())
			old.Detach()
			old = next
		}
		senders.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, delivered, 20_000)
		for id, n := range delivered {
			assert.Equal(t, 1, n, id)
		}
		require.NoError(t, e.Close(t.Context()))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 20_000}, q.states())
	})
}

func TestEventAcceptedWhileTheQueueIsReadIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		q.delay = func() time.Duration { return time.Second }
		s := newSink(nil)
		configure(e, to("crm", s))
		synctest.Wait() // The lane has seen an empty queue, and learns of it in a second.
		q.delay = nil
		send(t, e, "a", "crm")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, s.count())
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestCloseLeavesTheRestInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		slow := newSink(func(ctx context.Context, d *relay.Delivery) relay.Result {
			if d.Event.ID == "quick" {
				time.Sleep(time.Second)
				return relay.Result{Outcome: relay.Delivered}
			}
			return hangs(ctx, d)
		})
		configure(e, to("crm", slow))
		send(t, e, "quick", "crm")
		for i := range 100 {
			send(t, e, fmt.Sprint(i), "crm")
		}
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, e.Close(ctx))
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1, relay.StatePending: 100}, q.states())
		assert.Zero(t, q.attempted("50"), "an attempt cut short by closing does not count")
		_, err := e.Accept(&relay.Event{ID: "late", Source: "test", Time: time.Now()}, []string{"crm"}, 0)
		require.ErrorIs(t, err, relay.ErrClosed)
		require.NoError(t, e.Close(t.Context()), "closing twice is harmless")
	})
}

func TestFailingQueueRefusesEventsAndKeepsOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(func(context.Context, *relay.Delivery) relay.Result {
			time.Sleep(time.Second)
			return relay.Result{Outcome: relay.Delivered}
		})
		configure(e, to("crm", s))
		send(t, e, "a", "crm")
		broken := errors.New("disk full")
		q.fail(broken)
		_, err := e.Accept(&relay.Event{ID: "b", Source: "test", Time: time.Now()}, []string{"crm"}, time.Hour)
		require.ErrorIs(t, err, broken)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, map[relay.State]int{relay.StatePending: 1}, q.states())
		assert.Equal(t, 1, s.count(), "not tried again while its outcome can't be stored")
		q.fail(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, q.states())
		send(t, e, "b", "crm")
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestEventThatCanNotBeSyncedIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		q.syncErr = errors.New("input/output error")
		_, err := e.Accept(&relay.Event{ID: "a", Source: "test", Time: time.Now()}, []string{"crm"}, time.Hour)
		require.ErrorIs(t, err, q.syncErr)
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestConcurrentRepeatsAreAcceptedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		s := newSink(nil)
		configure(e, to("crm", s))
		var wg sync.WaitGroup
		var mu sync.Mutex
		first := 0
		for range 50 {
			wg.Go(func() {
				duplicate, err := e.Accept(&relay.Event{ID: "same", Source: "test", Time: time.Now()}, []string{"crm"}, time.Hour)
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				if !duplicate {
					first++
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		assert.Equal(t, 1, first)
		assert.Equal(t, 1, s.count())
		require.NoError(t, e.Close(t.Context()))
	})
}

func TestMarksTellRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		s := newSink(nil)
		configure(e, to("crm", s))
		mark := relay.Mark{Hash: relay.MarkHash{1}, For: time.Hour, Note: 202}
		for i, want := range []bool{false, true} {
			duplicate, err := e.Accept(&relay.Event{ID: fmt.Sprint(i), Source: "test", Time: time.Now()}, []string{"crm"}, time.Hour, mark)
			require.NoError(t, err)
			require.Equal(t, want, duplicate)
		}
		require.NoError(t, e.Remember(relay.Mark{Hash: relay.MarkHash{2}, For: time.Hour, Note: 204}))
		for hash, want := range map[relay.MarkHash]uint16{{1}: 202, {2}: 204, {3}: 0} {
			note, ok, err := e.Remembered(t.Context(), hash)
			require.NoError(t, err)
			require.Equal(t, want != 0, ok)
			require.Equal(t, want, note)
		}
		synctest.Wait()
		require.Equal(t, 1, s.count())

		q.fail(errors.New("disk gone"))
		require.Error(t, e.Remember(mark))
		_, _, err := e.Remembered(t.Context(), mark.Hash)
		require.Error(t, err)
		q.fail(nil)
		require.NoError(t, e.Close(t.Context()))
		require.ErrorIs(t, e.Remember(mark), relay.ErrClosed)
		_, _, err = e.Remembered(t.Context(), mark.Hash)
		require.ErrorIs(t, err, relay.ErrClosed)
	})
}
