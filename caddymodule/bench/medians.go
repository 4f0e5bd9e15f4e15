//go:build linux

package main

import "slices"

// medians returns a measurement whose every field is the median over rounds.
func medians(rounds []*measurement) *measurement {
	return &measurement{
		Events:         median(rounds, func(m *measurement) uint64 { return m.Events }),
		PerSecond:      median(rounds, func(m *measurement) float64 { return m.PerSecond }),
		ServerCPU:      median(rounds, func(m *measurement) float64 { return m.ServerCPU }),
		SenderCPU:      median(rounds, func(m *measurement) float64 { return m.SenderCPU }),
		SinkCPU:        median(rounds, func(m *measurement) float64 { return m.SinkCPU }),
		SMSCCPU:        median(rounds, func(m *measurement) float64 { return m.SMSCCPU }),
		Answer:         medianPercentiles(rounds, func(m *measurement) percentiles { return m.Answer }),
		Delivery:       medianPercentiles(rounds, func(m *measurement) percentiles { return m.Delivery }),
		Pending:        median(rounds, func(m *measurement) uint64 { return m.Pending }),
		PendingSeconds: median(rounds, func(m *measurement) float64 { return m.PendingSeconds }),
		Written:        median(rounds, func(m *measurement) float64 { return m.Written }),
		PeakRSS:        median(rounds, func(m *measurement) uint64 { return m.PeakRSS }),
	}
}

func medianPercentiles(rounds []*measurement, field func(*measurement) percentiles) percentiles {
	return percentiles{
		P50: median(rounds, func(m *measurement) uint32 { return field(m).P50 }),
		P99: median(rounds, func(m *measurement) uint32 { return field(m).P99 }),
		Max: median(rounds, func(m *measurement) uint32 { return field(m).Max }),
	}
}

// median of an even number of rounds is the mean of the two in the middle.
func median[M any, T uint32 | uint64 | float64](rounds []M, field func(M) T) T {
	values := make([]T, len(rounds))
	for i, m := range rounds {
		values[i] = field(m)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
