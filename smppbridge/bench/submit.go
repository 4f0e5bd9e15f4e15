//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// textSize is how many octets of text each message has.
const textSize = 60

// text is what all clients send: bench_client.js makes such a text, too.
var text = strings.Repeat("x", textSize)

// runSubmit submits messages over one transceiver until ctx is done. It does so as
// a destination does, which by default tries twice as many deliveries at a time as
// fit into the window.
func runSubmit(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench submit", flag.ContinueOnError)
	address := flags.String("address", "127.0.0.1:2775", "the SMSC")
	window := flags.Int("window", session.DefaultWindow, "how many messages may wait for their answers")
	concurrency := flags.Int("concurrency", 0, "how many messages are tried at a time (default: twice the window)")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if *concurrency == 0 {
		*concurrency = 2 * *window
	}
	pool, err := session.NewPool(session.PoolConfig{Connector: session.Connector{
		Address: *address,
		Bind:    pdu.Bind{SystemID: "bench", Password: "bench"},
		Config:  session.Config{Window: *window},
	}})
	if err != nil {
		return err
	}
	var recipient atomic.Uint64
	group, submitting := errgroup.WithContext(ctx)
	for range *concurrency {
		group.Go(func() error { return submitUntil(submitting, pool, &recipient) })
	}
	err = group.Wait()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, pool.Stop(stopping))
}

// submitUntil submits one message after the other until ctx is done, each to a
// recipient of its own.
func submitUntil(ctx context.Context, pool *session.Pool, recipient *atomic.Uint64) error {
	for ctx.Err() == nil {
		m := &pdu.SubmitSM{
			SourceAddr:   pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
			DestAddr:     pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: strconv.FormatUint(491700000000+recipient.Add(1)%10_000_000, 10)},
			ShortMessage: []byte(text),
		}
		resp, err := pool.Submit(ctx, m, session.Submission{Wait: time.Minute})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case resp.Head().Status != pdu.StatusOK:
			return fmt.Errorf("a message was answered with %s", resp.Head().Status)
		}
	}
	return nil
}
