//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// bench compares clients.
type bench struct {
	stdout, stderr io.Writer

	self  string // this program
	peers string // the directory of the scripts of others

	rounds   int
	warmUp   time.Duration
	duration time.Duration
	window   int
}

// sample is what one client was measured to do with one server.
type sample struct {
	// ClientCPU and ServerCPU are in microseconds a message.
	ClientCPU, ServerCPU float64
	PerSecond            float64
}

// pair is a client with a server.
type pair struct{ client, server string }

// The names of clients and servers.
const (
	ours   = "ours"
	node   = "node-smpp"
	kannel = "Kannel"
)

var (
	servers = []string{node, ours}
	clients = []string{ours, node, kannel}
)

// runClient measures all clients with all servers, in turn, round after round, so
// that a change in the machine's mood hits all of them.
func runClient(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	b := &bench{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("bench client", flag.ContinueOnError)
	flags.IntVar(&b.rounds, "rounds", 5, "how often to measure everything; medians are reported")
	flags.DurationVar(&b.duration, "duration", 5*time.Second, "how long each measurement takes")
	flags.DurationVar(&b.warmUp, "warm-up", 2*time.Second, "how long clients run before that, so that they are compiled and connected")
	flags.IntVar(&b.window, "window", session.DefaultWindow, "how many messages may wait for their answers")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if b.rounds < 1 || b.duration <= 0 || b.warmUp <= 0 || b.window < 1 {
		return errors.New("rounds, duration, warm-up and window must be positive")
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.peers, err = findPeers(); err != nil {
		return err
	}
	samples := make(map[pair][]sample)
	for round := range b.rounds {
		for _, server := range servers {
			for _, client := range clients {
				p := pair{client, server}
				s, err := b.measure(ctx, p)
				if err != nil {
					return fmt.Errorf("%s with the server of %s: %w", client, server, err)
				}
				samples[p] = append(samples[p], s)
				b.logf("round %d of %d, %s to the server of %s: %.0f/s, client %.1f us, server %.1f us",
					round+1, b.rounds, client, server, s.PerSecond, s.ClientCPU, s.ServerCPU)
			}
		}
	}
	return b.report(samples)
}

// measure runs one client with a fresh server.
func (b *bench) measure(ctx context.Context, p pair) (sample, error) {
	port, address, err := freePort()
	if err != nil {
		return sample{}, err
	}
	command := []string{b.self, "serve", "-address", address}
	if p.server == node {
		command = []string{"node", "bench_server.js", "port=" + port}
	}
	s, err := b.startServer(ctx, b.peers, address, command...)
	if err != nil {
		return sample{}, err
	}
	defer s.Stop()
	switch p.client {
	case ours:
		return b.measureFor(ctx, s, b.self, "submit", "-address", address, "-window", strconv.Itoa(b.window))
	case node:
		return b.measureFor(ctx, s, "node", "bench_client.js", "port="+port, "window="+strconv.Itoa(b.window),
			"size="+strconv.Itoa(textSize), "seconds=3600")
	default:
		return b.measureKannel(ctx, s, port)
	}
}

// measureFor measures a client that submits until it is stopped.
func (b *bench) measureFor(ctx context.Context, s *server, command ...string) (sample, error) {
	client, err := process.Start(ctx, process.Settings{Dir: b.peers, Stdout: b.stderr, Stderr: b.stderr}, command[0], command[1:]...)
	if err != nil {
		return sample{}, err
	}
	defer client.Stop()
	if err := pause(ctx, b.warmUp); err != nil {
		return sample{}, err
	}
	m, err := s.begin(client.PID())
	if err != nil {
		return sample{}, err
	}
	if err := pause(ctx, b.duration); err != nil {
		return sample{}, err
	}
	if err := client.Ended(); err != nil {
		return sample{}, err
	}
	n, err := s.count()
	if err != nil {
		return sample{}, err
	}
	return m.end(n)
}

// freePort returns a port of 127.0.0.1 that nothing listens on, and its address.
// It is none of those that the system gives to connections.
func freePort() (port, address string, err error) {
	for range 100 {
		port = strconv.Itoa(10_000 + rand.IntN(20_000)) //nolint:gosec // Any port will do.
		address = net.JoinHostPort("127.0.0.1", port)
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return port, address, l.Close()
		}
	}
	return "", "", err
}

func (b *bench) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.stderr, format+"\n", args...)
}
