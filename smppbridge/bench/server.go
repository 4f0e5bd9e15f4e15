//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// server is an SMSC that takes all messages of everybody, and counts them.
type server struct {
	*process.Process
	counts *json.Decoder
}

// startServer starts a server by a command line in a directory.
func (b *bench) startServer(ctx context.Context, dir, address string, command ...string) (*server, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := process.Start(ctx, process.Settings{Dir: dir, Stdout: in, Stderr: b.stderr}, command[0], command[1:]...)
	// The server has its own copy, so that its end is also that of what can be read.
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	go func() {
		<-p.Done()
		_ = out.Close()
	}()
	s := &server{Process: p, counts: json.NewDecoder(out)}
	if err := p.WaitFor(ctx, address); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// count returns how many messages have come since it was last called.
func (s *server) count() (uint64, error) {
	if err := s.Signal(syscall.SIGUSR1); err != nil {
		return 0, err
	}
	var c count
	if err := s.counts.Decode(&c); err != nil {
		return 0, fmt.Errorf("the count of the server: %w", err)
	}
	return c.Submits, nil
}
