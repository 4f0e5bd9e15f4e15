package webhook

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
)

// sinkVariable makes the test binary a receiver instead of running tests. In a
// process of its own, its CPU time is not counted as the destination's.
const sinkVariable = "WEBHOOK_BENCH_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) != "" {
		serveSink()
		return
	}
	os.Exit(m.Run())
}

// serveSink prints its address and answers until its standard input ends.
func serveSink() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go answerRaw(conn)
	}
}

// answerRaw reads requests with a Content-Length and answers each with 200.
func answerRaw(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				_, _ = fmt.Sscanf(string(value), "%d", &length)
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

func startSink(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sinkVariable+"=1", "GOMAXPROCS=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(b, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(address)
}

func benchDelivery() *relay.Delivery {
	return &relay.Delivery{
		ID:          "019a2f6e8f0b7c3a9d5e4f6a7b8c9d0e",
		Destination: "crm",
		Attempt:     1,
		Event: &relay.Event{
			ID:     "evt",
			Source: "github",
			Header: relay.Header(nil).Add("User-Agent", "GitHub-Hookshot").Add("Accept", "*/*").Add("Content-Type", "application/json"),
			Body:   bytes.Repeat([]byte("x"), 1024),
		},
	}
}

// BenchmarkDeliver sends 1 KiB bodies over 64 kept connections to a receiver
// in another process. cpu-us/op is this process's user and system time.
func BenchmarkDeliver(b *testing.B) {
	secret := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, bench := range []struct {
		name string
		cfg  Config
	}{
		{"plain", Config{}},
		{"signed", Config{SigningSecrets: []string{secret}}},
		{"signed twice with bearer", Config{SigningSecrets: []string{secret, secret}, BearerToken: "token"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cfg := bench.cfg
			cfg.URL = "http://" + startSink(b) + "/hook"
			cfg.Guard = Guard{AllowPrivate: true}
			w, err := New(cfg)
			require.NoError(b, err)
			defer w.CloseIdleConnections()
			b.SetParallelism(DefaultConcurrency / runtime.GOMAXPROCS(0))
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				d := benchDelivery()
				for pb.Next() {
					if r := w.Deliver(context.Background(), d); r.Outcome != relay.Delivered {
						b.Error(r.Detail)
						return
					}
				}
			})
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-us/op")
		})
	}
}

// BenchmarkRequest measures our own part: making the request.
func BenchmarkRequest(b *testing.B) {
	w, err := New(Config{
		URL:            "https://example.com/hook",
		BearerToken:    "token",
		SigningSecrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	})
	require.NoError(b, err)
	d := benchDelivery()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.request(ctx, d); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
