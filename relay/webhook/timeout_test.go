package webhook

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// pipeTransport connects to serve over a pipe, so that a synctest bubble can
// hold both sides.
func pipeTransport(serve func(conn net.Conn, r *http.Request)) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			r, err := http.ReadRequest(bufio.NewReader(server))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			serve(server, r)
		}()
		return client, nil
	}}
}

// untilClosed blocks until the other side closes the connection.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestDeliverTimeout(t *testing.T) {
	tests := []struct {
		name   string
		serve  func(conn net.Conn, r *http.Request)
		want   relay.Result
		within time.Duration
	}{
		{
			"no header",
			func(conn net.Conn, _ *http.Request) { untilClosed(conn) },
			relay.Result{Outcome: relay.Retry, Reason: relay.ReasonTimeout, Detail: "no complete answer within 15s"},
			15 * time.Second,
		},
		{
			"late but complete",
			func(conn net.Conn, _ *http.Request) {
				<-time.After(14 * time.Second)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			},
			relay.Result{Status: 200, Response: []byte("ok")},
			14 * time.Second,
		},
		{
			"body never ends",
			func(conn net.Conn, _ *http.Request) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				untilClosed(conn)
			},
			relay.Result{
				Outcome: relay.Retry, Reason: relay.ReasonTimeout, Status: 200, Response: []byte("half"),
				Detail: "the answer 200 broke off: no complete answer within 15s",
			},
			15 * time.Second,
		},
		{
			"header and body drip",
			func(conn net.Conn, _ *http.Request) {
				for _, c := range "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabcdefghijklmnopqrstuvwxyz" {
					if _, err := io.WriteString(conn, string(c)); err != nil {
						return
					}
					<-time.After(290 * time.Millisecond)
				}
			},
			relay.Result{
				Outcome: relay.Retry, Reason: relay.ReasonTimeout, Status: 200, Response: []byte("abcdefgh"),
				Detail: "the answer 200 broke off: no complete answer within 15s",
			},
			15 * time.Second,
		},
		{
			"failure whose body never ends",
			func(conn net.Conn, _ *http.Request) {
				_, _ = io.WriteString(conn, "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 10\r\n\r\nhalf")
				untilClosed(conn)
			},
			relay.Result{
				Outcome: relay.Retry, Reason: relay.ReasonStatus, Status: 503, RetryAfter: 7 * time.Second,
				Response: []byte("half"), Detail: "answered 503 Service Unavailable",
			},
			15 * time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTest(t, "http://93.184.215.14/", func(cfg *Config) { cfg.Transport = pipeTransport(tt.serve) })
				start := time.Now()
				got := w.Deliver(t.Context(), testDelivery())
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.within, time.Since(start))
				<-time.After(time.Second) // for the other side to end
			})
		})
	}
}

// The time of an attempt must not shorten that of the next, whichever way the
// first one ended.
func TestDeliverTimeoutStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := 10 * time.Second
		w := newTest(t, "http://93.184.215.14/", func(cfg *Config) {
			cfg.Transport = pipeTransport(func(conn net.Conn, _ *http.Request) {
				<-time.After(wait)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
			})
		})
		for _, wait = range []time.Duration{10 * time.Second, 14 * time.Second, 16 * time.Second, 14 * time.Second, 10 * time.Second} {
			start := time.Now()
			got := w.Deliver(t.Context(), testDelivery())
			require.Equal(t, min(wait, DefaultTimeout), time.Since(start))
			require.Equal(t, wait < DefaultTimeout, got.Outcome == relay.Delivered, got.Detail)
			// A pause longer than the timeout must not count either.
			<-time.After(time.Minute)
		}
	})
}

// The dial is detached from the attempt, and needs a limit of its own.
func TestDeliverTimeoutOfDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given time.Duration
		ended := make(chan struct{})
		w := newTest(t, "http://93.184.215.14/", func(cfg *Config) {
			cfg.Timeout = 4 * time.Second
			cfg.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				defer close(ended)
				start := time.Now()
				<-ctx.Done()
				given = time.Since(start)
				return nil, ctx.Err()
			}}
		})
		got := w.Deliver(t.Context(), testDelivery())
		require.Equal(t, relay.Result{Outcome: relay.Retry, Reason: relay.ReasonTimeout, Detail: "no complete answer within 4s"}, got)
		<-ended
		require.Equal(t, 4*time.Second, given)
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDeadlines(time.Second, 1)
		defer s.release()
		parent, cancel := context.WithCancel(t.Context())
		first := s.start(parent)
		second := s.start(parent)
		s.stop(first)
		s.stop(second)
		require.ErrorIs(t, second.ctx.Err(), context.Canceled, "no room to keep it")
		require.Same(t, first, s.start(parent), "kept for the next")
		s.stop(first)

		other := s.start(t.Context())
		require.NotSame(t, first, other, "of another parent")
		require.ErrorIs(t, first.ctx.Err(), context.Canceled)
		<-other.ctx.Done()
		require.Equal(t, context.DeadlineExceeded, context.Cause(other.ctx))
		s.stop(other)
		require.NotSame(t, other, s.start(t.Context()), "its time was up")

		child := s.start(parent)
		cancel()
		require.ErrorIs(t, child.ctx.Err(), context.Canceled)
		s.stop(child)
		next := s.start(parent)
		require.NotSame(t, child, next, "its parent had ended")
		s.stop(next)
		s.release()
		require.Error(t, next.ctx.Err())
	})
}
