//go:build linux

package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// count is what a server prints on SIGUSR1: how many messages it has answered
// since the last time. bench_server.js does the same.
type count struct {
	Submits uint64 `json:"submits"`
}

// smsc takes all messages of everybody.
type smsc struct {
	answered, counted atomic.Uint64
}

// Authenticate implements [session.Authenticator].
func (s *smsc) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account{Handler: s}, nil
}

// HandleRequest implements [session.Handler].
func (s *smsc) HandleRequest(r *session.Request) {
	id := strconv.FormatUint(s.answered.Add(1), 10)
	// An error means that the session has ended, and the client is gone.
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: id})
}

// runServe serves until ctx is done.
func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench serve", flag.ContinueOnError)
	address := flags.String("address", "127.0.0.1:2775", "where to listen")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	var s smsc
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go s.report(asked, stdout)
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	server := session.Server{SystemID: "bench", Authenticator: &s}
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() { _, _ = server.Accept(ctx, conn) }()
	}
}

// report prints a [count] whenever it is asked to.
func (s *smsc) report(asked <-chan os.Signal, stdout io.Writer) {
	encoder := json.NewEncoder(stdout)
	for range asked {
		now := s.answered.Load()
		_ = encoder.Encode(count{Submits: now - s.counted.Swap(now)})
	}
}
