//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// bench runs scenarios one after another, with one sink for all of them.
type bench struct {
	stdout, stderr io.Writer

	self   string // this program
	caddy  string // the Caddy to measure
	dir    string // for queues; removed at the end
	secret string // what events are signed with
	sink   *sinkProcess
	smsc   *smscProcess // nil unless a scenario needs it
	next   uint64       // sequence number of the next event

	rounds      int
	duration    time.Duration
	connections int
	backlog     uint64
	window      int
}

// latencyShare is the load at which latency is measured, as a share of what
// the proxy can do.
const latencyShare = 0.3

// The scenarios that run unless others are named, and those that only do then,
// since one needs Kannel.
var (
	defaultScenarios = []string{"respond", "proxy", "accept", "full", "latency", "backlog"}
	smppScenarios    = []string{"smpp", "idle"}
)

func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	b := &bench{stdout: stdout, stderr: stderr}
	flags := newFlags("bench", stderr)
	parent := flags.String("dir", "", "directory for queues, on a real disk (default: below the user's cache directory)")
	flags.StringVar(&b.caddy, "caddy", "", "the Caddy to measure (default: built from this module)")
	flags.IntVar(&b.rounds, "rounds", 3, "how often to measure everything; medians are reported")
	flags.DurationVar(&b.duration, "duration", 10*time.Second, "how long to send in each measurement")
	flags.IntVar(&b.connections, "connections", 64, "number of the sender's connections")
	flags.Uint64Var(&b.backlog, "backlog", 1_000_000, "number of undelivered events for the backlog scenario")
	flags.IntVar(&b.window, "window", 100, "how many messages and receipts of an SMPP session may wait for their answers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	scenarios := flags.Args()
	if len(scenarios) == 0 {
		scenarios = defaultScenarios
	}
	for _, name := range scenarios {
		if !slices.Contains(defaultScenarios, name) && !slices.Contains(smppScenarios, name) {
			return fmt.Errorf("unknown scenario %q", name)
		}
	}
	if b.rounds < 1 || b.duration <= 0 || b.connections < 1 || b.window < 1 {
		return errors.New("rounds, duration, connections and window must be positive")
	}
	if slices.Contains(scenarios, "smpp") {
		if err := findKannel(); err != nil {
			return err
		}
	}
	if err := b.prepare(ctx, *parent); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir) //nolint:errcheck // nothing can be done about it
	var err error
	if b.sink, err = b.startSink(ctx); err != nil {
		return err
	}
	defer b.sink.Stop()
	if slices.ContainsFunc(scenarios, func(name string) bool { return slices.Contains(smppScenarios, name) }) {
		if b.smsc, err = b.startSMSC(ctx); err != nil {
			return err
		}
		defer b.smsc.Stop()
	}
	return b.run(ctx, scenarios)
}

// prepare makes what all scenarios need.
func (b *bench) prepare(ctx context.Context, parent string) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	key := make([]byte, 24)
	_, _ = rand.Read(key) // never fails
	b.secret = "whsec_" + base64.StdEncoding.EncodeToString(key)

	if parent == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		parent = filepath.Join(cache, "caddy-relay-bench")
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(parent, &fs); err != nil {
		return fmt.Errorf("%s: %w", parent, err)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		return fmt.Errorf("%s is in memory, where an fsync costs nothing; choose a disk with -dir", parent)
	}
	if b.dir, err = os.MkdirTemp(parent, "run-"); err != nil {
		return err
	}
	if b.caddy == "" {
		b.logf("building Caddy")
		if b.caddy, err = buildCaddy(ctx, b.dir); err != nil {
			return errors.Join(err, os.RemoveAll(b.dir))
		}
	}
	return nil
}

func (b *bench) run(ctx context.Context, scenarios []string) error {
	results := make(map[string]*measurement)
	closed := load{Connections: b.connections, Duration: b.duration}

	var targets []*target
	for _, t := range []*target{&respond, &proxy, &accept, &full} {
		// Latency is measured at a share of the proxy's throughput, and
		// draining a backlog is compared with the delivery of fresh events.
		if slices.Contains(scenarios, t.name) ||
			t == &proxy && slices.Contains(scenarios, "latency") ||
			t == &full && slices.Contains(scenarios, "backlog") {
			targets = append(targets, t)
		}
	}
	if err := b.measureRounds(ctx, results, "", closed, targets...); err != nil {
		return err
	}
	if slices.Contains(scenarios, "smpp") {
		messages := closed
		messages.Connections *= messageConnections
		if err := b.measureRounds(ctx, results, "", messages, &kannel, &kannelOne, &smpp); err != nil {
			return err
		}
	}
	if slices.Contains(scenarios, "latency") {
		open := closed
		open.Rate = latencyShare * results[proxy.name].PerSecond
		if err := b.measureRounds(ctx, results, lightLoad, open, &proxy, &full); err != nil {
			return err
		}
	}
	var backlog *backlogResult
	if slices.Contains(scenarios, "backlog") {
		var err error
		if backlog, err = b.measureBacklog(ctx, closed); err != nil {
			return fmt.Errorf("backlog: %w", err)
		}
	}
	var idle []*idleResult
	if slices.Contains(scenarios, "idle") {
		var err error
		if idle, err = b.measureIdle(ctx); err != nil {
			return fmt.Errorf("idle: %w", err)
		}
	}
	return b.report(results, backlog, idle)
}

// lightLoad marks the results of the latency scenario.
const lightLoad = " at 30 %"

// measureRounds measures the targets in turn, round after round, so that a
// change in the machine's mood hits all of them, and keeps the medians.
func (b *bench) measureRounds(ctx context.Context, results map[string]*measurement, suffix string, l load, targets ...*target) error {
	rounds := make(map[string][]*measurement)
	for round := range b.rounds {
		for _, t := range targets {
			m, err := b.measure(ctx, t, l)
			if err != nil {
				return err
			}
			name := t.name + suffix
			rounds[name] = append(rounds[name], m)
			b.logf("round %d of %d, %s: %.0f events/s, server %.1f us, sender %.1f us, sink %.1f us",
				round+1, b.rounds, name, m.PerSecond, m.ServerCPU, m.SenderCPU, m.SinkCPU)
		}
	}
	for name, all := range rounds {
		results[name] = medians(all)
	}
	return nil
}

func (b *bench) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.stderr, format+"\n", args...)
}
