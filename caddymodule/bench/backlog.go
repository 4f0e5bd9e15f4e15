//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// backlogResult says how the relay fares with many undelivered events.
type backlogResult struct {
	Events    uint64  // undelivered when Caddy was killed
	Empty     float64 // events accepted a second by a fresh Caddy
	Loaded    float64 // the same, with the backlog waiting
	PeakRSS   uint64  // of the Caddy that took all of it
	Restart   time.Duration
	Drain     float64 // events delivered a second after the restart
	DrainCPU  float64 // microseconds of Caddy an event
	DrainRSS  uint64
	Delivered uint64
	Repeats   uint64
}

// startTimeout bounds the wait for the first event to be accepted.
const startTimeout = time.Minute

// measureBacklog fills a queue whose destination hangs, measures accepting
// with and without that, kills Caddy, and lets the next one deliver it all.
func (b *bench) measureBacklog(ctx context.Context, l load) (*backlogResult, error) {
	dir, err := os.MkdirTemp(b.dir, "backlog-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the whole of b.dir is removed at the end
	r := &backlogResult{}
	if err := b.fillBacklog(ctx, dir, l, r); err != nil {
		return nil, err
	}
	return r, b.drainBacklog(ctx, dir, r)
}

func (b *bench) fillBacklog(ctx context.Context, dir string, l load, r *backlogResult) error {
	if err := b.sink.setMode(ctx, accept.sink); err != nil {
		return err
	}
	loaded, err := b.startCaddy(ctx, &accept, dir)
	if err != nil {
		return err
	}
	defer loaded.kill()

	b.logf("filling a queue with %d events", b.backlog)
	m, err := b.sendAndDrain(ctx, &accept, loaded, load{
		Address: loaded.address, Connections: l.Connections, Count: b.backlog,
	})
	if err != nil {
		return err
	}
	r.Events = m.Events

	var withoutRounds, withRounds []*measurement
	for round := range b.rounds {
		without, err := b.measure(ctx, &accept, l)
		if err != nil {
			return err
		}
		before := b.next
		with, err := b.warmAndMeasure(ctx, &accept, loaded, l)
		if err != nil {
			return err
		}
		r.Events += b.next - before
		withoutRounds, withRounds = append(withoutRounds, without), append(withRounds, with)
		b.logf("round %d of %d, accept: %.0f events/s empty, %.0f with a backlog", round+1, b.rounds, without.PerSecond, with.PerSecond)
	}
	r.Empty = medians(withoutRounds).PerSecond
	r.Loaded = medians(withRounds).PerSecond
	used, err := loaded.usage()
	r.PeakRSS = used.PeakRSS
	return err
}

func (b *bench) drainBacklog(ctx context.Context, dir string, r *backlogResult) error {
	if err := b.sink.setMode(ctx, full.sink); err != nil {
		return err
	}
	if err := b.sink.reset(ctx); err != nil {
		return err
	}
	start := time.Now()
	s, err := b.startCaddy(ctx, &full, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.sendUntilAccepted(s, start.Add(startTimeout)); err != nil {
		return err
	}
	r.Restart = time.Since(start)
	b.logf("draining %d events", r.Events)

	arrived, err := b.sink.waitForEvents(ctx, r.Events+1) // one more for the event just accepted
	if err != nil {
		return err
	}
	used, err := s.usage()
	if err != nil {
		return err
	}
	r.Delivered, r.Repeats = arrived.Distinct, arrived.Repeats
	r.Drain = float64(arrived.Distinct) / time.Duration(arrived.Last-arrived.First).Seconds()
	r.DrainCPU = float64(used.CPU.Microseconds()) / float64(arrived.Distinct)
	r.DrainRSS = used.PeakRSS
	return nil
}

// sendUntilAccepted sends event after event until one is accepted.
func (b *bench) sendUntilAccepted(s *server, deadline time.Time) error {
	for {
		sent, err := send(load{
			Address: s.address, Secret: b.secret, Connections: 1,
			Count: 1, Duration: startTimeout, First: b.next,
		})
		b.next++
		if err == nil && sent.Codes[202] == 1 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no event was accepted within %s: %w", startTimeout, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
