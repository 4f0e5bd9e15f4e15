//go:build linux

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// TestSubmit has our client submit to our server, until that has so many.
func TestSubmit(t *testing.T) {
	const enough = 1000
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var s smsc
	server := session.Server{SystemID: "bench", Authenticator: authenticator(func() session.Account {
		return session.Account{Handler: handler(func(r *session.Request) {
			m, ok := r.PDU.(*pdu.SubmitSM)
			if !ok || len(m.ShortMessage) != textSize {
				_ = r.Refuse(pdu.StatusInvMsgLen)
				return
			}
			s.HandleRequest(r)
			if s.answered.Load() == enough {
				cancel()
			}
		})}
	})}
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, _ = server.Accept(context.Background(), conn)
		}
	}()
	require.NoError(t, runSubmit(ctx, []string{"-address", l.Addr().String()}, io.Discard))
	require.GreaterOrEqual(t, s.answered.Load(), uint64(enough))
	require.NoError(t, l.Close())

	counts, printed := io.Pipe()
	asked := make(chan os.Signal, 2)
	asked <- syscall.SIGUSR1
	asked <- syscall.SIGUSR1
	go s.report(asked, printed)
	decoder := json.NewDecoder(counts)
	var first, second count
	require.NoError(t, decoder.Decode(&first))
	require.NoError(t, decoder.Decode(&second))
	require.Equal(t, []count{{s.answered.Load()}, {0}}, []count{first, second})
	close(asked)
}

// authenticator lets everybody in.
type authenticator func() session.Account

func (a authenticator) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return a(), nil
}

type handler func(*session.Request)

func (h handler) HandleRequest(r *session.Request) { h(r) }

// TestSubmitIsRefused: what is refused fails the benchmark.
func TestSubmitIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := session.Server{SystemID: "bench", Authenticator: authenticator(func() session.Account { return session.Account{} })}
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, _ = server.Accept(context.Background(), conn)
		}
	}()
	err = runSubmit(t.Context(), []string{"-address", l.Addr().String()}, io.Discard)
	require.ErrorContains(t, err, "ESME_RTHROTTLED")
	require.NoError(t, l.Close())
}

func TestArguments(t *testing.T) {
	for args, want := range map[string]string{
		"":                        "none of client, submit and serve",
		"clients":                 "none of client, submit and serve",
		"client 5":                `"5" is not a flag`,
		"client -rounds 0":        "must be positive",
		"client -window -1":       "must be positive",
		"submit -window 100000":   "window",
		"serve -address nonsense": "missing port",
		"client -unknown":         "flag provided but not defined",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		require.ErrorContains(t, err, want, args)
	}
}

func TestMedian(t *testing.T) {
	rounds := []sample{{3, 1, 10}, {1, 2, 30}, {2, 3, 20}}
	require.Equal(t, sample{2, 2, 20}, median(rounds))
	require.Equal(t, sample{2, 1.5, 20}, median(rounds[:2]))
}

func TestReport(t *testing.T) {
	samples := make(map[pair]sample)
	for _, server := range servers {
		samples[pair{ours, server}] = sample{10, 5, 30000}
		samples[pair{node, server}] = sample{25, 20, 20000}
		samples[pair{kannel, server}] = sample{30, 6, 10000}
	}
	var out strings.Builder
	writeSamples(&out, samples)
	writeRatios(&out, samples)
	require.Equal(t, `| server | client | submit_sm/s | CPU us a message: client | server |
|---|---|---|---|---|
| node-smpp | ours | 30000 | 10.0 | 5.0 |
| node-smpp | node-smpp | 20000 | 25.0 | 20.0 |
| node-smpp | Kannel | 10000 | 30.0 | 6.0 |
| ours | ours | 30000 | 10.0 | 5.0 |
| ours | node-smpp | 20000 | 25.0 | 20.0 |
| ours | Kannel | 10000 | 30.0 | 6.0 |

| client CPU a message | server | measured | bar | |
|---|---|---|---|---|
| ours / node-smpp | node-smpp | 0.40 | at most 0.5 | met |
| ours / Kannel | node-smpp | 0.33 | at most 0.3 | missed |
| ours / node-smpp | ours | 0.40 | at most 0.5 | met |
| ours / Kannel | ours | 0.33 | at most 0.3 | missed |
`, out.String())
}
