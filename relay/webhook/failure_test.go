package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// rawServer gives every request of a connection to handle, which returns false
// to close it. It returns its URL and the number of connections so far.
func rawServer(t *testing.T, handle func(w io.Writer, r *http.Request) bool) (string, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	connections := new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go serveRaw(conn, handle)
		}
	}()
	return "http://" + l.Addr().String() + "/p4th?token=s3cret", connections
}

func serveRaw(conn net.Conn, handle func(io.Writer, *http.Request) bool) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if !handle(conn, r) {
			return
		}
	}
}

func TestDeliverBrokenAnswers(t *testing.T) {
	tests := []struct {
		name, answer string
		want         relay.Result
	}{
		{"none", "", relay.Result{Outcome: relay.Retry, Reason: relay.ReasonConnect, Detail: "EOF"}},
		{"not http", "SSH-2.0-OpenSSH_9.9\r\n\r\n", relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonConnect,
			Detail: `net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH_9.9"`,
		}},
		{"half a header", "HTTP/1.1 200 OK\r\nA: b", relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonConnect,
			Detail: "net/http: HTTP/1.x transport connection broken: unexpected EOF",
		}},
		{"success cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonConnect,
			Status: 200, Response: []byte("half"), Detail: "the answer 200 broke off: unexpected EOF",
		}},
		{"chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonConnect,
			Status: 200, Response: []byte("half"), Detail: "the answer 200 broke off: unexpected EOF",
		}},
		{"failure cut short", "HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\nhalf", relay.Result{
			Outcome: relay.Permanent, Reason: relay.ReasonStatus,
			Status: 410, Response: []byte("half"), Detail: "answered 410 Gone",
		}},
		// The body of a 101 is the connection, which no deadline covers.
		{"other protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", relay.Result{
			Outcome: relay.Retry, Reason: relay.ReasonStatus,
			Status: 101, Detail: "answered 101 Switching Protocols",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := rawServer(t, func(w io.Writer, r *http.Request) bool {
				_, _ = io.WriteString(w, tt.answer)
				return strings.HasPrefix(tt.answer, "HTTP/1.1 101")
			})
			require.Equal(t, tt.want, newTest(t, url, nil).Deliver(t.Context(), testDelivery()))
		})
	}
}

func TestDeliverLargeHeader(t *testing.T) {
	url, _ := rawServer(t, func(w io.Writer, _ *http.Request) bool {
		_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nA: %s\r\nContent-Length: 0\r\n\r\n", strings.Repeat("x", maxResponseHeader))
		return err == nil
	})
	got := newTest(t, url, nil).Deliver(t.Context(), testDelivery())
	require.Equal(t, relay.ReasonConnect, got.Reason)
	require.Contains(t, got.Detail, "exceeded")
}

// A receiver may close a kept connection at the very moment when it is used
// again. That must cost neither the event nor an attempt.
func TestDeliverStaleConnection(t *testing.T) {
	var requests atomic.Int32
	url, connections := rawServer(t, func(w io.Writer, r *http.Request) bool {
		if requests.Add(1) == 2 {
			return false
		}
		_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		return err == nil
	})
	w := newTest(t, url, nil)
	for range 2 {
		got := w.Deliver(t.Context(), testDelivery())
		require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
	}
	require.EqualValues(t, 3, requests.Load())
	require.EqualValues(t, 2, connections.Load())
}

func TestDeliverConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	w := newTest(t, "http://"+l.Addr().String()+"/p4th?token=s3cret", nil)
	require.Equal(t, relay.Result{
		Outcome: relay.Retry,
		Reason:  relay.ReasonConnect,
		Detail:  "dial tcp " + l.Addr().String() + ": connect: connection refused",
	}, w.Deliver(t.Context(), testDelivery()))
}

func TestDeliverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = discardLog()
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	plain := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	plain.Config.ErrorLog = discardLog()
	plain.Start()
	defer plain.Close()
	trusting := func(change func(*tls.Config)) func(*Config) {
		return func(cfg *Config) {
			config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			change(config)
			cfg.Transport = &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		}
	}
	tests := []struct {
		name   string
		url    string
		change func(*Config)
		detail string // empty for success
	}{
		{"trusted", s.URL, trusting(func(*tls.Config) {}), ""},
		{"unknown authority", s.URL, nil, "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"wrong name", s.URL, trusting(func(c *tls.Config) { c.ServerName = "other.test" }), "x509: certificate is valid for"},
		{"refused version", s.URL, trusting(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), "tls: protocol version not supported"},
		{"not TLS", "https" + strings.TrimPrefix(plain.URL, "http"), nil, "tls: first record does not look like a TLS handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newTest(t, tt.url, tt.change).Deliver(t.Context(), testDelivery())
			if tt.detail == "" {
				require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
				return
			}
			require.Equal(t, relay.Retry, got.Outcome)
			require.Equal(t, relay.ReasonTLS, got.Reason)
			require.Contains(t, got.Detail, tt.detail)
		})
	}
}

// The handshake goes on when its attempt is over, but not for ever.
func TestDeliverHandshakeTimeout(t *testing.T) {
	for name, transport := range map[string]*http.Transport{"own": nil, "given": {}} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
			w := newTest(t, "https://"+l.Addr().String(), func(cfg *Config) {
				cfg.Timeout = 20 * time.Millisecond
				cfg.Transport = transport
			})
			require.Equal(t, relay.ReasonTimeout, w.Deliver(t.Context(), testDelivery()).Reason)
			<-closed
		})
	}
}

func TestDeliverHTTP2(t *testing.T) {
	var protocol string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol = r.Proto
		_, _ = io.Copy(w, r.Body)
	}))
	connections := countConnections(s)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	w := newTest(t, s.URL, nil)
	w.transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	for range 5 {
		got := w.Deliver(t.Context(), testDelivery())
		require.Equal(t, relay.Delivered, got.Outcome, got.Detail)
		require.Equal(t, `{"order":{"id":17}}`, string(got.Response))
	}
	require.Equal(t, "HTTP/2.0", protocol)
	require.EqualValues(t, 1, connections.Load())
}

func TestDeliverCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	url, _ := rawServer(t, func(io.Writer, *http.Request) bool {
		cancel(errors.New("a shutdown"))
		return true
	})
	want := relay.Result{Outcome: relay.Retry, Reason: relay.ReasonCanceled, Detail: "cut short by a shutdown"}
	w := newTest(t, url, nil)
	require.Equal(t, want, w.Deliver(ctx, testDelivery()))
	require.Equal(t, want, w.Deliver(ctx, testDelivery()))
}

func TestRedact(t *testing.T) {
	inner := errors.New("no route to host")
	withURL := &url.Error{Op: "Post", URL: "https://me:s3cret@example.com/p4th?token=s3cret", Err: inner}
	require.Equal(t, "no route to host", redact(fmt.Errorf("outer: %w", withURL)))
	require.Equal(t, strings.Repeat("x", maxDetail)+"…", redact(errors.New(strings.Repeat("x", 1000))))
	require.Equal(t, "a�b", redact(errors.New("a\xffb")))
}
