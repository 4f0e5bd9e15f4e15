package sqlite

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

type instantly struct{ n atomic.Int64 }

func (i *instantly) Deliver(context.Context, *relay.Delivery) relay.Result {
	i.n.Add(1)
	return relay.Result{Outcome: relay.Delivered, Status: 200}
}

func benchmarkEvent(i int64) *relay.Event {
	return &relay.Event{
		ID: fmt.Sprintf("msg_%021x", uint64(i)*0x9e3779b97f4a7c15), Source: "bench", Time: time.Now(),
		Header: relay.Header(nil).Add("Content-Type", "application/json").Add("User-Agent", "bench"),
		Body:   make([]byte, 1024),
	}
}

// BenchmarkAccept has 64 goroutines wait for their events to be durable. With
// deliveries, it ends when all events have been delivered.
func BenchmarkAccept(b *testing.B) {
	for name, deliver := range map[string]bool{"stored": false, "delivered": true} {
		b.Run(name, func(b *testing.B) {
			store, err := Open(b.TempDir())
			require.NoError(b, err)
			engine, err := relay.NewEngine(b.Context(), relay.Options{Queue: store})
			require.NoError(b, err)
			sink := new(instantly)
			if deliver {
				engine.Attach(relay.Config{Destinations: []relay.DestinationConfig{{Name: "sink", Destination: sink, Concurrency: 64}}}).Activate()
			}
			b.ReportAllocs()
			b.SetParallelism(32) // times GOMAXPROCS
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := engine.Accept(benchmarkEvent(n.Add(1)), []string{"sink"}, time.Hour); err != nil {
						b.Error(err)
					}
				}
			})
			for deliver && sink.n.Load() < n.Load() {
				time.Sleep(100 * time.Microsecond)
			}
			b.StopTimer()
			require.NoError(b, engine.Close(context.Background()))
		})
	}
}

// BenchmarkClaim reads deliveries back, as a lane does with a backlog.
func BenchmarkClaim(b *testing.B) {
	s, err := Open(b.TempDir())
	require.NoError(b, err)
	const waiting = 20_000
	for i := range waiting / 100 {
		batch := &relay.Batch{}
		for j := range 100 {
			batch.Accepts = append(batch.Accepts, &relay.Acceptance{Event: benchmarkEvent(int64(i*100 + j)), To: []string{"crm"}})
		}
		require.NoError(b, s.Commit(b.Context(), batch))
	}
	held := make(map[int64]bool)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		c, err := s.Claim(b.Context(), relay.ClaimQuery{
			Destination: "crm", Now: time.Now(), Max: 1000, MaxBytes: 4 << 20,
			Held: func(key int64) bool { return held[key] },
		})
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range c.Due {
			held[d.Key] = true
		}
		if n += len(c.Due); c.Exhausted {
			clear(held)
		}
	}
	b.StopTimer()
	require.NoError(b, s.Close())
}
