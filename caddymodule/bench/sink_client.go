//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// sinkProcess is a running sink, seen from the runner.
type sinkProcess struct {
	*controlled
}

func (b *bench) startSink(ctx context.Context) (*sinkProcess, error) {
	c, err := b.startControlled(ctx, "sink")
	if err != nil {
		return nil, err
	}
	return &sinkProcess{c}, nil
}

func (s *sinkProcess) reset(ctx context.Context) error {
	return s.call(ctx, http.MethodPost, "/reset", nil)
}

func (s *sinkProcess) setMode(ctx context.Context, mode string) error {
	return s.call(ctx, http.MethodPost, "/mode/"+mode, nil)
}

func (s *sinkProcess) counts(ctx context.Context) (c counts, err error) {
	return c, s.call(ctx, http.MethodGet, "/counts", &c)
}

func (s *sinkProcess) latency(ctx context.Context) (p percentiles, err error) {
	return p, s.call(ctx, http.MethodGet, "/latency", &p)
}

// waitForEvents waits until n distinct events have arrived, and fails when
// none arrives for a while.
func (s *sinkProcess) waitForEvents(ctx context.Context, n uint64) (counts, error) {
	var last counts
	progress := time.Now()
	for {
		c, err := s.counts(ctx)
		if err != nil {
			return c, err
		}
		if c.Foreign > 0 {
			return c, fmt.Errorf("%d requests at the sink did not hold an event: %q", c.Foreign, c.Sample)
		}
		if c.Distinct >= n {
			return c, nil
		}
		if c.Distinct > last.Distinct {
			last, progress = c, time.Now()
		}
		if time.Since(progress) > stallTimeout {
			return c, fmt.Errorf("%d of %d events arrived, and no more for %s", c.Distinct, n, stallTimeout)
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
