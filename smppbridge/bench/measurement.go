//go:build linux

package main

import (
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// measurement is what was used when a measurement began.
type measurement struct {
	client, server       int // process ids
	clientCPU, serverCPU time.Duration
	began                time.Time
}

// begin begins a measurement of a client: messages before it do not count.
func (s *server) begin(client int) (*measurement, error) {
	if _, err := s.count(); err != nil {
		return nil, err
	}
	m := &measurement{client: client, server: s.PID(), began: time.Now()}
	var err error
	if m.clientCPU, err = process.CPU(m.client); err != nil {
		return nil, err
	}
	m.serverCPU, err = process.CPU(m.server)
	return m, err
}

// end returns what n messages took since the beginning.
func (m *measurement) end(n uint64) (sample, error) {
	if n == 0 {
		return sample{}, errors.New("no message came")
	}
	elapsed := time.Since(m.began)
	client, err := process.CPU(m.client)
	if err != nil {
		return sample{}, err
	}
	server, err := process.CPU(m.server)
	if err != nil {
		return sample{}, err
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(n) }
	return sample{
		ClientCPU: each(client - m.clientCPU), ServerCPU: each(server - m.serverCPU),
		PerSecond: float64(n) / elapsed.Seconds(),
	}, nil
}
