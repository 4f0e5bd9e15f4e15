//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// smscProcess is a running SMSC, seen from the runner.
type smscProcess struct {
	*controlled
}

func (b *bench) startSMSC(ctx context.Context) (*smscProcess, error) {
	c, err := b.startControlled(ctx, "smsc", "-window", strconv.Itoa(b.window))
	if err != nil {
		return nil, err
	}
	return &smscProcess{c}, nil
}

func (s *smscProcess) counts(ctx context.Context) (c smscCounts, err error) {
	return c, s.call(ctx, http.MethodGet, "/counts", &c)
}

// bindTimeout is how long sessions may take to be bound.
const bindTimeout = 2 * time.Minute

// waitForBinds waits until exactly n sessions are bound.
func (s *smscProcess) waitForBinds(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	for {
		c, err := s.counts(ctx)
		if err != nil {
			return err
		}
		if c.Bound == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d sessions are bound: %w", c.Bound, n, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
