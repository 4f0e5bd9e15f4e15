//go:build linux

// Command bench measures what the SMPP client costs against those of others on
// one machine, in one run, and prints the ratios:
//
//	go run ./smppbridge/bench client [flags]
//
// The others are node-smpp and the bearerbox of Kannel; see docs/benchmarks.md
// for what is measured. All clients and servers are processes of their own on
// 127.0.0.1, so that the CPU time of each can be told apart. "bench submit" and
// "bench serve" are our own two.
//
// It needs Linux, because it reads /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
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
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "client":
		return runClient(ctx, args, stdout, stderr)
	case "submit":
		return runSubmit(ctx, args, stderr)
	case "serve":
		return runServe(ctx, args, stdout, stderr)
	default:
		return fmt.Errorf("%q is none of client, submit and serve", name)
	}
}

// parse parses the flags of a subcommand, which has no other arguments.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	flags.SetOutput(stderr)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	return nil
}
