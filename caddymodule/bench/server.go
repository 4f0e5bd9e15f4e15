//go:build linux

package main

import "slices"

// server is what a sender sends to: a running Caddy, or Kannel, which is two
// processes.
type server struct {
	// processes are in the order in which they were started.
	processes []*process
	address   string
}

// stop ends the server in order, the last process first, and waits for it.
func (s *server) stop() {
	for _, p := range slices.Backward(s.processes) {
		p.stop()
	}
}

// kill ends the server like a power cut would, and waits for it.
func (s *server) kill() {
	for _, p := range s.processes {
		p.kill()
	}
}

// usage is that of all processes together.
func (s *server) usage() (sum usage, err error) {
	for _, p := range s.processes {
		u, err := p.usage()
		if err != nil {
			return usage{}, err
		}
		sum.CPU += u.CPU
		sum.PeakRSS += u.PeakRSS
		sum.Written += u.Written
	}
	return sum, nil
}
