//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// warmUp fills connection pools and caches before anything is measured.
const warmUp = time.Second

// stallTimeout is how long a queue may go without a delivery before the rest
// counts as lost.
const stallTimeout = 30 * time.Second

// measurement is one run of one target. CPU times are in microseconds an event.
type measurement struct {
	Events    uint64
	PerSecond float64 // up to the last answer, or the last delivery if the target delivers
	ServerCPU float64 // of Caddy or Kannel
	SenderCPU float64
	SinkCPU   float64
	SMSCCPU   float64
	Answer    percentiles // from sending an event to its answer
	Delivery  percentiles // from sending an event to its arrival at the sink
	// Pending is the number of events not delivered when the sender stopped,
	// and PendingSeconds the time that their delivery takes at PerSecond.
	Pending        uint64
	PendingSeconds float64
	Written        float64 // bytes written to disk for an event
	PeakRSS        uint64
}

// sendLoad runs a sender as a process of its own. It fails if any event was
// answered with anything but success.
func (b *bench) sendLoad(ctx context.Context, l load) (*sendResult, time.Duration, error) {
	l.Secret, l.First = b.secret, b.next
	//nolint:gosec // it runs itself
	cmd := exec.CommandContext(ctx, b.self, "send",
		"-address", l.Address, "-secret", l.Secret,
		"-connections", strconv.Itoa(l.Connections),
		"-rate", strconv.FormatFloat(l.Rate, 'f', -1, 64),
		"-duration", l.Duration.String(),
		"-count", strconv.FormatUint(l.Count, 10),
		"-first", strconv.FormatUint(l.First, 10),
		"-format", l.Format,
		"-sink", b.sink.address,
		"-callback-mask", strconv.Itoa(l.CallbackMask))
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, b.stderr
	if err := cmd.Run(); err != nil {
		return nil, 0, fmt.Errorf("sender: %w", err)
	}
	var r sendResult
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return nil, 0, fmt.Errorf("sender: %w", err)
	}
	b.next += r.Events
	for status, n := range r.Codes {
		if status/100 != 2 {
			return nil, 0, fmt.Errorf("%d of %d events were answered with status %d", n, r.Events, status)
		}
	}
	if wanted := l.Rate * l.Duration.Seconds(); float64(r.Events) < 0.98*wanted {
		return nil, 0, fmt.Errorf("the sender sent %d events instead of %.0f", r.Events, wanted)
	}
	return &r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// measure runs a fresh server with t under l.
func (b *bench) measure(ctx context.Context, t *target, l load) (*measurement, error) {
	dir, err := os.MkdirTemp(b.dir, t.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the whole of b.dir is removed at the end
	if err := b.sink.setMode(ctx, t.sink); err != nil {
		return nil, err
	}
	s, err := b.start(ctx, t, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if !t.smpp {
		return b.warmAndMeasure(ctx, t, s, l)
	}
	first := b.next
	before, err := b.smsc.counts(ctx)
	if err != nil {
		return nil, err
	}
	m, err := b.warmAndMeasure(ctx, t, s, l)
	if err != nil {
		return nil, err
	}
	s.stop()
	return m, b.requireOnce(ctx, first, before)
}

func (b *bench) start(ctx context.Context, t *target, dir string) (*server, error) {
	if t.callbackMask != 0 {
		return b.startKannel(ctx, dir)
	}
	return b.startCaddy(ctx, t, dir)
}

// warmAndMeasure runs s, which is a server with t, under l.
func (b *bench) warmAndMeasure(ctx context.Context, t *target, s *server, l load) (*measurement, error) {
	l.Address = s.address
	warm := l
	warm.Duration, warm.Count, warm.Rate = warmUp, 0, 0
	if _, err := b.sendAndDrain(ctx, t, s, warm); err != nil {
		return nil, fmt.Errorf("%s, warming up: %w", t.name, err)
	}
	m, err := b.sendAndDrain(ctx, t, s, l)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	return m, nil
}

// sendAndDrain sends l to s and waits until everything has been delivered.
func (b *bench) sendAndDrain(ctx context.Context, t *target, s *server, l load) (*measurement, error) {
	l.Format, l.CallbackMask = t.format, t.callbackMask
	if err := b.sink.reset(ctx); err != nil {
		return nil, err
	}
	before, err := b.usages(s)
	if err != nil {
		return nil, err
	}
	sent, senderCPU, err := b.sendLoad(ctx, l)
	if err != nil {
		return nil, err
	}
	m := &measurement{Events: sent.Events, Answer: sent.Latency}
	end := sent.End
	if t.delivers {
		arrived, err := b.sink.counts(ctx)
		if err != nil {
			return nil, err
		}
		m.Pending = sent.Events - arrived.Distinct
		if arrived, err = b.sink.waitForEvents(ctx, sent.Events); err != nil {
			return nil, err
		}
		end = max(end, arrived.Last)
		if m.Delivery, err = b.sink.latency(ctx); err != nil {
			return nil, err
		}
	}
	after, err := b.usages(s)
	if err != nil {
		return nil, err
	}

	events := float64(sent.Events)
	perEvent := func(d time.Duration) float64 { return float64(d.Microseconds()) / events }
	m.PerSecond = events / time.Duration(end-sent.Start).Seconds()
	m.PendingSeconds = float64(m.Pending) / m.PerSecond
	m.ServerCPU = perEvent(after.server.CPU - before.server.CPU)
	m.SinkCPU = perEvent(after.sink.CPU - before.sink.CPU)
	m.SMSCCPU = perEvent(after.smsc.CPU - before.smsc.CPU)
	m.SenderCPU = perEvent(senderCPU)
	m.Written = float64(after.server.Written-before.server.Written) / events
	m.PeakRSS = after.server.PeakRSS
	return m, nil
}

// usages are those of all that a measurement is about but the sender, which is
// a process for each load.
type usages struct {
	server, sink, smsc process.Usage
}

func (b *bench) usages(s *server) (u usages, err error) {
	if u.server, err = s.usage(); err != nil {
		return u, err
	}
	if u.sink, err = b.sink.Usage(); err != nil {
		return u, err
	}
	if b.smsc != nil {
		u.smsc, err = b.smsc.Usage()
	}
	return u, err
}
