//go:build linux

// Command bench measures the relay against plain Caddy on one machine, in one
// run, with the same sender and the same receiver, and prints the ratios:
//
//	go run ./caddymodule/bench [flags] [scenario...]
//
// The scenarios are respond, proxy, accept, full, latency, and backlog, which all
// run by default; smpp, which measures short messages against Kannel; and idle;
// see docs/benchmarks.md for what each does. It starts Caddy, a sender, and a sink
// as processes of their own on 127.0.0.1, so that the CPU time of each can be
// told apart. "bench send" and "bench sink" are the latter two, "bench smsc" and
// "bench clients" the other ends of SMPP sessions.
//
// It needs Linux, because it reads /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "send":
			return runSend(args[1:], stdout, stderr)
		case "sink":
			return runSink(ctx, args[1:], stderr)
		case "smsc":
			return runSMSC(ctx, args[1:], stderr)
		case "clients":
			return runClients(ctx, args[1:], stderr)
		}
	}
	return runBench(ctx, args, stdout, stderr)
}

func newFlags(name string, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	return flags
}

// runSend sends a load and prints what it came to as JSON.
func runSend(args []string, stdout, stderr io.Writer) error {
	var l load
	flags := newFlags("bench send", stderr)
	flags.StringVar(&l.Address, "address", "127.0.0.1:8080", "where to send events")
	flags.StringVar(&l.Secret, "secret", "whsec_", "signing secret, whsec_ and base64")
	flags.IntVar(&l.Connections, "connections", 64, "number of kept-alive connections")
	flags.Float64Var(&l.Rate, "rate", 0, "events per second; 0 sends the next as soon as the last is answered")
	flags.DurationVar(&l.Duration, "duration", 0, "how long to send; 0 is no limit")
	flags.Uint64Var(&l.Count, "count", 0, "how many events to send; 0 is no limit")
	flags.Uint64Var(&l.First, "first", 0, "sequence number of the first event")
	flags.StringVar(&l.Format, "format", formatEvent, "what to send: event, message (for the relay), or sendsms (for Kannel)")
	flags.StringVar(&l.Sink, "sink", "127.0.0.1:9000", "where Kannel calls back to")
	flags.IntVar(&l.CallbackMask, "callback-mask", kannelFinal, "for which states: the dlr-mask of Kannel")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// One thread does it, and saves the cost of waking others. The open loop
	// needs a second while the first sleeps in the kernel.
	runtime.GOMAXPROCS(1)
	if l.Rate > 0 {
		runtime.GOMAXPROCS(2)
	}
	result, err := send(l)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// runSink serves until ctx is done.
func runSink(ctx context.Context, args []string, stderr io.Writer) error {
	var s sink
	return serveControlled(ctx, newFlags("bench sink", stderr), args, s.serve, s.control())
}

// runSMSC serves until ctx is done.
func runSMSC(ctx context.Context, args []string, stderr io.Writer) error {
	var s smsc
	flags := newFlags("bench smsc", stderr)
	flags.IntVar(&s.window, "window", 100, "how many receipts of a session may wait for their answers")
	return serveControlled(ctx, flags, args, s.serve, s.control())
}

// serveControlled adds the flags of a [controlled] process, and serves both
// addresses until ctx is done.
func serveControlled(ctx context.Context, flags *flag.FlagSet, args []string, serve func(net.Listener) error, control http.Handler) error {
	address := flags.String("address", "127.0.0.1:9000", "where to serve")
	controlAddress := flags.String("control", "127.0.0.1:9001", "where to be controlled")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	served, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	controlled, err := net.Listen("tcp", *controlAddress)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: control, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() {
		_ = server.Close()
		_ = served.Close()
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(controlled) }()
	if err := serve(served); err != nil {
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
