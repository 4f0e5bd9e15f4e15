package relay_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// reporter is a sink whose receiver reports later.
type reporter struct {
	*sink
	overdue func(d *relay.Delivery) relay.Result

	late []*relay.Delivery
}

func newReporter(result relay.Result) *reporter {
	return &reporter{sink: newSink(func(context.Context, *relay.Delivery) relay.Result { return result })}
}

func (r *reporter) Overdue(_ context.Context, d *relay.Delivery) relay.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, d)
	if r.overdue == nil {
		return relay.Result{Outcome: relay.Permanent, Detail: "nothing came"}
	}
	return r.overdue(d)
}

// first returns the id of the first delivery.
func (r *reporter) first() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[0].ID
}

// finishes counts what an observer is told.
type finishes struct {
	relay.Observer
	mu    sync.Mutex
	count map[relay.State]int
}

func (*finishes) Accepted(string, bool)                         {}
func (*finishes) Attempted(string, relay.Reason, time.Duration) {}
func (*finishes) Committed(int, int, time.Duration)             {}
func (*finishes) Synced(time.Duration)                          {}
func (f *finishes) Finished(_ string, s relay.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[s]++
}

func TestSettlements(t *testing.T) {
	taken := relay.Result{Outcome: relay.Taken, ReportWithin: time.Hour}
	delivered := relay.Result{Outcome: relay.Delivered, ReportWithin: time.Hour}
	for name, tt := range map[string]struct {
		result relay.Result
		settle []relay.State
		before relay.State // the state before any settlement
		want   relay.State
		counts map[relay.State]int
		late   int // how often the report was missed
	}{
		"taken, then delivered": {
			result: taken, settle: []relay.State{relay.StateDelivered}, before: relay.StateAwaiting,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"taken, then delivered twice": {
			result: taken, settle: []relay.State{relay.StateDelivered, relay.StateDelivered}, before: relay.StateAwaiting,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"taken, then failed": {
			result: taken, settle: []relay.State{relay.StateDead}, before: relay.StateAwaiting,
			want: relay.StateDead, counts: map[relay.State]int{relay.StateDead: 1},
		},
		"taken, then failed, then delivered after all": {
			result: taken, settle: []relay.State{relay.StateDead, relay.StateDelivered}, before: relay.StateAwaiting,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDead: 1, relay.StateDelivered: 1},
		},
		"taken, then delivered, then failed": {
			result: taken, settle: []relay.State{relay.StateDelivered, relay.StateDead}, before: relay.StateAwaiting,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"taken, then a report that settles nothing": {
			result: taken, settle: []relay.State{relay.StatePending}, before: relay.StateAwaiting, late: 1,
			want: relay.StateDead, counts: map[relay.State]int{relay.StateDead: 1},
		},
		"taken, then nothing": {
			result: taken, before: relay.StateAwaiting, late: 1,
			want: relay.StateDead, counts: map[relay.State]int{relay.StateDead: 1},
		},
		"delivered, then reported": {
			result: delivered, settle: []relay.State{relay.StateDelivered}, before: relay.StateUnreported,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"delivered is not undone": {
			result: delivered, settle: []relay.State{relay.StateDead}, before: relay.StateUnreported, late: 1,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"delivered, then nothing": {
			result: delivered, before: relay.StateUnreported, late: 1,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
		"a dead letter was taken after all": {
			result: relay.Result{Outcome: relay.Permanent}, settle: []relay.State{relay.StateAwaiting, relay.StateDelivered}, before: relay.StateDead,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDead: 1, relay.StateDelivered: 1},
		},
		"what is to be tried again was taken after all": {
			result: relay.Result{Outcome: relay.Retry}, settle: []relay.State{relay.StateUnreported}, before: relay.StatePending, late: 1,
			want: relay.StateDelivered, counts: map[relay.State]int{relay.StateDelivered: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, seen := newMemoryQueue(), &finishes{count: make(map[relay.State]int)}
				e, err := relay.NewEngine(t.Context(), relay.Options{Queue: q, Observer: seen})
				require.NoError(t, err)
				r := newReporter(tt.result)
				configure(e, to("sms", r, 30*time.Minute))
				send(t, e, "a", "sms")
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, map[relay.State]int{tt.before: 1}, q.states())
				for _, state := range tt.settle {
					_, err := e.Keep(relay.Acceptance{Settlement: &relay.Settlement{
						Delivery: r.first(), Destination: "sms", State: state, Until: time.Now().Add(time.Hour), Report: []byte("report"),
					}})
					require.NoError(t, err)
				}
				report, err := e.Report(t.Context(), r.first())
				require.NoError(t, err)
				assert.Equal(t, len(tt.settle) > 0, string(report) == "report")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Equal(t, map[relay.State]int{tt.want: 1}, q.states())
				assert.Equal(t, tt.counts, seen.count)
				assert.Len(t, r.late, tt.late)
				assert.Equal(t, 1, r.count(), "there is no other attempt")
				stats := e.Lanes()
				require.Len(t, stats, 1)
				dead := int64(0)
				if tt.want == relay.StateDead {
					dead = 1
				}
				assert.Equal(t, relay.LaneStats{Destination: "sms", Configured: true, Dead: dead}, stats[0])
				for _, d := range r.late {
					if len(tt.settle) > 0 {
						assert.Equal(t, "report", string(d.Report))
					}
				}
				require.NoError(t, e.Close(t.Context()))
			})
		})
	}
}

// TestReportBeforeTheOutcomeIsRecorded has a report settle a delivery while its
// attempt is under way, as when a receipt overtakes the commit.
func TestReportBeforeTheOutcomeIsRecorded(t *testing.T) {
	for name, result := range map[string]relay.Result{
		"taken":     {Outcome: relay.Taken, ReportWithin: time.Hour},
		"delivered": {Outcome: relay.Delivered, ReportWithin: time.Hour},
		"failed":    {Outcome: relay.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, seen := newMemoryQueue(), &finishes{count: make(map[relay.State]int)}
				var log bytes.Buffer
				e, err := relay.NewEngine(t.Context(), relay.Options{
					Queue: q, Observer: seen, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				})
				require.NoError(t, err)
				r := newReporter(result)
				r.answer = func(_ context.Context, d *relay.Delivery) relay.Result {
					_, err := e.Keep(relay.Acceptance{
						Event: &relay.Event{ID: "receipt", Source: "sms"}, To: []string{"crm"},
						Settlement: &relay.Settlement{Delivery: d.ID, Destination: "sms", State: relay.StateDelivered},
					})
					assert.NoError(t, err)
					return result
				}
				configure(e, to("sms", r, time.Minute))
				send(t, e, "a", "sms")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1, relay.StatePending: 1}, q.states())
				assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, seen.count)
				assert.Empty(t, r.late)
				assert.Equal(t, 1, r.count())
				assert.Contains(t, log.String(), "settled before its attempt ended")
				for _, l := range e.Lanes() {
					want := int64(0)
					if l.Destination == "crm" {
						want = 1
					}
					assert.Equal(t, want, l.Pending, l.Destination)
				}
				require.NoError(t, e.Close(t.Context()))
			})
		})
	}
}

// TestReportsWithoutRetries end without dead letters.
func TestReportsWithoutRetries(t *testing.T) {
	for _, settle := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			q, seen := newMemoryQueue(), &finishes{count: make(map[relay.State]int)}
			e, err := relay.NewEngine(t.Context(), relay.Options{Queue: q, Observer: seen})
			require.NoError(t, err)
			r := newReporter(relay.Result{Outcome: relay.Taken, ReportWithin: time.Hour})
			configure(e, relay.DestinationConfig{Name: "sms", Destination: r, Schedule: relay.Schedule{Off: true}})
			send(t, e, "a", "sms")
			time.Sleep(time.Second)
			if settle {
				_, err := e.Keep(relay.Acceptance{Settlement: &relay.Settlement{Delivery: r.first(), Destination: "sms", State: relay.StateDead}})
				require.NoError(t, err)
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			assert.Equal(t, map[relay.State]int{relay.StateDropped: 1}, q.states())
			assert.Equal(t, map[relay.State]int{relay.StateDropped: 1}, seen.count)
			assert.Zero(t, e.Lanes()[0].Pending)
			require.NoError(t, e.Close(t.Context()))
		})
	}
}

func TestOverdueIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		r := newReporter(relay.Result{Outcome: relay.Taken, ReportWithin: time.Hour})
		began := time.Now()
		var times []time.Duration
		r.overdue = func(*relay.Delivery) relay.Result {
			times = append(times, time.Since(began).Truncate(time.Second))
			if len(times) < 3 {
				return relay.Result{Outcome: relay.Retry}
			}
			return relay.Result{Outcome: relay.Delivered}
		}
		configure(e, to("sms", r))
		send(t, e, "a", "sms")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Equal(t, []time.Duration{time.Hour, time.Hour + time.Minute, time.Hour + 2*time.Minute}, times)
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, q.states())
		require.NoError(t, e.Close(t.Context()))
	})
}

// TestReportsOfADestinationThatHasNone are those of a destination which has got
// another type since.
func TestReportsOfADestinationThatHasNone(t *testing.T) {
	for result, want := range map[relay.Outcome]relay.State{relay.Taken: relay.StateDead, relay.Delivered: relay.StateDelivered} {
		synctest.Test(t, func(t *testing.T) {
			q := newMemoryQueue()
			e := newEngine(t, q)
			configure(e, to("sms", newReporter(relay.Result{Outcome: result, ReportWithin: time.Hour})))
			send(t, e, "a", "sms")
			synctest.Wait()
			configure(e, to("sms", newSink(nil)))
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			assert.Equal(t, map[relay.State]int{want: 1}, q.states())
			require.NoError(t, e.Close(t.Context()))
		})
	}
}

func TestSettlementsThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemoryQueue())
		for _, id := range []string{"", "memory", "memory_", "memory_1", "other_1", "memory_!", "memory_zzzzzzzzzzzzzzzzzzzz"} {
			_, err := e.Keep(relay.Acceptance{Settlement: &relay.Settlement{Delivery: id, State: relay.StateDelivered}})
			require.NoError(t, err, id)
			report, err := e.Report(t.Context(), id)
			require.NoError(t, err)
			require.Nil(t, report)
		}
		_, err := e.Keep(relay.Acceptance{Settlement: &relay.Settlement{Delivery: "memory_1", Report: make([]byte, relay.MaxNoteLength+1)}})
		require.ErrorContains(t, err, "a report has 65537 bytes")
		require.NoError(t, e.Close(t.Context()))
	})
}

// TestWaitingDoesNotCount has a receiver that is away for longer than the schedule
// has attempts, but not for longer than the event is worth.
func TestWaitingDoesNotCount(t *testing.T) {
	for name, tt := range map[string]struct {
		schedule relay.Schedule
		away     time.Duration
		want     relay.State
		attempts int
	}{
		"back in time":    {relay.Schedule{Waits: []time.Duration{time.Hour}, GiveUpAfter: 3 * time.Hour}, 2 * time.Hour, relay.StateDelivered, 1},
		"for ever":        {relay.Schedule{Waits: []time.Duration{time.Hour}}, 24 * time.Hour, relay.StatePending, 0},
		"for too long":    {relay.Schedule{Waits: []time.Duration{time.Hour}, GiveUpAfter: time.Hour}, 24 * time.Hour, relay.StateDead, 1},
		"retries are off": {relay.Schedule{Off: true}, 24 * time.Hour, relay.StateDropped, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newMemoryQueue()
				e := newEngine(t, q)
				back := time.Now().Add(tt.away)
				s := newSink(func(context.Context, *relay.Delivery) relay.Result {
					if time.Now().Before(back) {
						time.Sleep(time.Minute)
						return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Uncounted: true}
					}
					return relay.Result{Outcome: relay.Delivered}
				})
				configure(e, relay.DestinationConfig{Name: "sms", Destination: s, Schedule: tt.schedule})
				_, err := e.Accept(&relay.Event{ID: "a", Source: "s", Time: time.Now()}, []string{"sms"}, time.Hour)
				require.NoError(t, err)
				time.Sleep(min(tt.away+2*time.Minute, 4*time.Hour))
				synctest.Wait()
				assert.Equal(t, map[relay.State]int{tt.want: 1}, q.states())
				assert.Equal(t, tt.attempts, q.attempted("a"))
				require.NoError(t, e.Close(t.Context()))
			})
		})
	}
}

// TestCanceledAttemptDoesNotCount is about a destination whose connections are
// just being replaced.
func TestCanceledAttemptDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue()
		e := newEngine(t, q)
		tries := 0
		s := newSink(func(context.Context, *relay.Delivery) relay.Result {
			if tries++; tries < 4 {
				return relay.Result{Outcome: relay.Retry, Reason: relay.ReasonCanceled}
			}
			return relay.Result{Outcome: relay.Delivered}
		})
		configure(e, relay.DestinationConfig{Name: "sms", Destination: s, Schedule: relay.Schedule{Off: true}})
		send(t, e, "a", "sms")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, map[relay.State]int{relay.StateDelivered: 1}, q.states())
		assert.Equal(t, 1, q.attempted("a"))
		require.NoError(t, e.Close(t.Context()))
	})
}
