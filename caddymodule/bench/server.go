//go:build linux

package main

import (
	"slices"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// server is what a sender sends to: a running Caddy, or Kannel, which is two
// processes.
type server struct {
	// processes are in the order in which they were started.
	processes []*process.Process
	address   string
}

// stop ends the server in order, the last process first, and waits for it.
func (s *server) stop() {
	for _, p := range slices.Backward(s.processes) {
		p.Stop()
	}
}

// kill ends the server like a power cut would, and waits for it.
func (s *server) kill() {
	for _, p := range s.processes {
		p.Kill()
	}
}

// usage is that of all processes together.
func (s *server) usage() (sum process.Usage, err error) {
	for _, p := range s.processes {
		u, err := p.Usage()
		if err != nil {
			return process.Usage{}, err
		}
		sum.CPU += u.CPU
		sum.PeakRSS += u.PeakRSS
		sum.Written += u.Written
	}
	return sum, nil
}
