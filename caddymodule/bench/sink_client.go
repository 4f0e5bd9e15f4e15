//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// sinkProcess is a running sink, seen from the runner.
type sinkProcess struct {
	*process
	address string
	control string
}

func (b *bench) startSink(ctx context.Context) (*sinkProcess, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	control, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, b.stderr, nil, b.self, "sink", "-address", address, "-control", control)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.waitFor(ctx, control); err != nil {
		p.kill()
		return nil, err
	}
	return &sinkProcess{process: p, address: address, control: control}, nil
}

// call sends a request to the control port and decodes the answer into v,
// unless that is nil.
func (s *sinkProcess) call(ctx context.Context, method, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.control+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read-only
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("sink: %s %s: %s", method, path, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(v)
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
			return c, fmt.Errorf("%d requests at the sink did not hold an event", c.Foreign)
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
