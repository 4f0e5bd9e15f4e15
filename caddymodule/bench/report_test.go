//go:build linux

package main

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

func TestPercentiles(t *testing.T) {
	var l latencies
	require.Zero(t, l.percentiles())
	for ms := 100; ms >= 1; ms-- {
		l = l.add(time.Duration(ms) * time.Millisecond)
	}
	require.Equal(t, percentiles{P50: 50_000, P99: 99_000, Max: 100_000}, l.percentiles())

	one := latencies{}.add(-time.Second).add(3 * time.Hour)
	require.Equal(t, percentiles{P50: 0, P99: math.MaxUint32, Max: math.MaxUint32}, one.percentiles())
}

func TestMedians(t *testing.T) {
	rounds := []*measurement{
		{Events: 3, PerSecond: 30, ServerCPU: 1, Answer: percentiles{P50: 9}},
		{Events: 1, PerSecond: 10, ServerCPU: 2, Answer: percentiles{P50: 8}},
		{Events: 2, PerSecond: 20, ServerCPU: 3, Answer: percentiles{P50: 1}},
	}
	require.Equal(t, &measurement{Events: 2, PerSecond: 20, ServerCPU: 2, Answer: percentiles{P50: 8}}, medians(rounds))
	require.InDelta(t, 15, medians(rounds[1:]).PerSecond, 0)
}

func TestRatios(t *testing.T) {
	results := map[string]*measurement{
		respond.name: {PerSecond: 1000},
		accept.name:  {PerSecond: 400},
		full.name:    {PerSecond: 300, ServerCPU: 10, Written: 5 * bodySize, PendingSeconds: 3},
	}
	list := ratios(results, &backlogResult{Empty: 10, Loaded: 9, PeakRSS: 100 << 20, DrainRSS: 200 << 20, Restart: time.Second, Drain: 150})
	var out strings.Builder
	writeRatios(&out, list)
	require.Equal(t, `
| ratio | measured | bar | |
|---|---|---|---|
| accept / respond, events/s | 0.40 | at least 0.45 | missed |
| full, seconds of work pending at the end | 3.00 | at most 2 | missed |
| full, bytes written per byte | 5.00 | at most 6 | met |
| accepted/s with a backlog / empty | 0.90 | at least 0.9 | met |
| MiB with a backlog | 200.00 | at most 300 | met |
| seconds to start with a backlog | 1.00 | at most 5 | met |
| drained/s / fresh events delivered/s | 0.50 | at least 0.9 | missed |
`, out.String())
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	b := &bench{stdout: &out, rounds: 2, duration: time.Minute, connections: 7}
	require.NoError(t, b.report(map[string]*measurement{
		proxy.name: {PerSecond: 1000, ServerCPU: 1.5, Delivery: percentiles{P50: 1500, P99: 2000}},
	}, &backlogResult{Events: 12345}, nil))
	require.Contains(t, out.String(), "7 connections, 1024-byte events, medians of 2 rounds of 1m0s")
	require.Contains(t, out.String(), "| proxy | 1000 | 1.5 | 0.0 | 0.0 | - | 1.50 / 2.00 |")
	require.Contains(t, out.String(), "with a backlog of 12345 events")
	require.NotContains(t, out.String(), "| full |")
}

func TestCaddyfileIsFormattedAndComplete(t *testing.T) {
	center, err := idleCenter("127.0.0.1:2775")
	require.NoError(t, err)
	for _, target := range []target{
		respond, proxy, accept, full, smpp,
		{name: "idle client", app: idleClient(idleBinds)},
		{name: "idle SMSC", app: center},
	} {
		t.Run(target.name, func(t *testing.T) {
			text := target.caddyfile("127.0.0.1:8080",
				"SINK", "127.0.0.1:9000", "SECRET", testSecret, "QUEUE", "/var/queue", "SMSC", "127.0.0.1:2775", "WINDOW", "10")
			require.Equal(t, string(caddyfile.Format([]byte(text))), text)
			for _, placeholder := range []string{"SINK", "SECRET", "QUEUE", "SMSC", "WINDOW", "NAME", "COUNT", "ADDRESS", "HASH"} {
				require.NotContains(t, text, placeholder)
			}
		})
	}
}

func TestRunBenchRefuses(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"unknown scenario": {[]string{"nonsense"}, `unknown scenario "nonsense"`},
		"no rounds":        {[]string{"-rounds", "0"}, "must be positive"},
		"no connections":   {[]string{"-connections", "0"}, "must be positive"},
		"no window":        {[]string{"-window", "0"}, "must be positive"},
		"a queue in memory": {
			[]string{"-dir", "/dev/shm", "respond"}, "is in memory",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), tt.args, io.Discard, io.Discard), tt.want)
		})
	}
}

func TestReportOfSMPP(t *testing.T) {
	var out bytes.Buffer
	b := &bench{stdout: &out, rounds: 3, duration: time.Minute, connections: 7, window: 10}
	require.NoError(t, b.report(map[string]*measurement{
		kannel.name:    {PerSecond: 1000, ServerCPU: 500, SMSCCPU: 9.5},
		kannelOne.name: {PerSecond: 2000, ServerCPU: 300},
		smpp.name:      {PerSecond: 3000, ServerCPU: 200, Written: 2048},
	}, nil, []*idleResult{
		{Role: roleClient, Empty: process.Memory{RSS: 50 << 20, PSS: 40 << 20}, Bound: process.Memory{RSS: 120 << 20, PSS: 60 << 20}},
		{Role: roleSMSC, Empty: process.Memory{RSS: 50 << 20}, Bound: process.Memory{RSS: 80 << 20}},
	}))
	require.Contains(t, out.String(), "28 connections, one session, windows of 10")
	require.Contains(t, out.String(), "| kannel | 1000 | 500.0 | 0.0 | 0.0 | 9.5 | - | 0.0 | 0 |")
	require.Contains(t, out.String(), "| smpp | 3000 | 200.0 | 0.0 | 0.0 | 0.0 | - | 2.0 | 0 |")
	require.Contains(t, out.String(), "| client | 50.0 | 120.0 | 40.0 | 60.0 |")
	require.NotContains(t, out.String(), "| scenario | events/s")
	_, after, found := strings.Cut(out.String(), "| ratio |")
	require.True(t, found)
	require.Equal(t, ` measured | bar | |
|---|---|---|---|
| smpp / kannel, messages/s | 3.00 | at least 2 | met |
| smpp / kannel, CPU a message | 0.40 | at most 0.5 | met |
| smpp / kannel with one callback, messages/s | 1.50 | at least 1 | met |
| smpp / kannel with one callback, CPU a message | 0.67 | at most 1 | met |
| MiB for 1000 idle binds as client | 70.00 | at most 64 | missed |
| MiB for 1000 idle binds as SMSC | 30.00 | at most 64 | met |
`, after)
}
