//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// latencies are exact samples in microseconds. Four bytes each, they hold a
// run of millions of events in less memory than it would take to argue about
// the error of a histogram.
type latencies []uint32

func (l latencies) add(d time.Duration) latencies {
	return append(l, uint32(min(max(d.Microseconds(), 0), math.MaxUint32))) //nolint:gosec // clamped
}

// percentiles of latencies, in microseconds. All are 0 without samples.
type percentiles struct {
	P50 uint32 `json:"p50_us"`
	P99 uint32 `json:"p99_us"`
	Max uint32 `json:"max_us"`
}

// percentiles sorts l.
func (l latencies) percentiles() percentiles {
	if len(l) == 0 {
		return percentiles{}
	}
	slices.Sort(l)
	// Nearest rank: the smallest sample that at least p percent do not exceed.
	at := func(p int) uint32 { return l[(len(l)*p+99)/100-1] }
	return percentiles{P50: at(50), P99: at(99), Max: l[len(l)-1]}
}
