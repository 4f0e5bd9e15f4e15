package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/caddy-relay/caddy-relay/relay"
)

// fakeDNS returns a resolver whose answer to each question for IPv4 addresses
// is the next of answers; the last one is repeated. A nil answer fails.
func fakeDNS(answers ...[]string) *net.Resolver {
	next := make(chan []string, len(answers))
	for _, a := range answers {
		next <- a
	}
	last := answers[len(answers)-1]
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			answerDNS(server, func() []string {
				select {
				case a := <-next:
					return a
				default:
					return last
				}
			})
		}()
		return client, nil
	}}
}

// answerDNS answers one question in the format for TCP (RFC 1035, 4.2.2).
func answerDNS(conn net.Conn, answer func() []string) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return
	}
	var msg dnsmessage.Message
	if err := msg.Unpack(query); err != nil {
		return
	}
	msg.Response, msg.RecursionAvailable, msg.Additionals = true, true, nil
	question := msg.Questions[0]
	if question.Type == dnsmessage.TypeA {
		addrs := answer()
		if addrs == nil {
			msg.RCode = dnsmessage.RCodeNameError
		}
		for _, addr := range addrs {
			msg.Answers = append(msg.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
			})
		}
	}
	reply, err := msg.AppendPack(make([]byte, 2, 512))
	if err != nil {
		return
	}
	binary.BigEndian.PutUint16(reply, uint16(len(reply)-2))
	_, _ = conn.Write(reply)
}

// dialing returns a transport that records what it is to dial, and reaches
// target whatever that is. It refuses the addresses in down.
func dialing(dialed *[]string, target string, down ...string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		*dialed = append(*dialed, address)
		if slices.Contains(down, address) {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, target)
	}}
}

func TestGuardLooksUpBeforeDialing(t *testing.T) {
	c := newCapture(t)
	tests := []struct {
		name    string
		answers [][]string
		guard   Guard
		down    []string
		dialed  []string
		reason  relay.Reason
		detail  string
	}{
		{name: "public", answers: [][]string{{"93.184.215.14"}}, dialed: []string{"93.184.215.14:8080"}},
		{
			name: "private", answers: [][]string{{"10.0.0.1"}}, reason: relay.ReasonForbidden,
			detail: "10.0.0.1 is a private address; add allow_private or allow <cidr>",
		},
		{
			name: "metadata", answers: [][]string{{"169.254.169.254"}}, guard: Guard{AllowPrivate: true}, reason: relay.ReasonForbidden,
			detail: "169.254.169.254 is a cloud metadata address; add allow <cidr>",
		},
		{
			name: "allowed", answers: [][]string{{"10.0.0.1"}}, guard: Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}},
			dialed: []string{"10.0.0.1:8080"},
		},
		{name: "only the public one", answers: [][]string{{"127.0.0.1", "93.184.215.14", "10.0.0.1"}}, dialed: []string{"93.184.215.14:8080"}},
		{
			name: "next address", answers: [][]string{{"93.184.215.14", "93.184.215.15"}}, down: []string{"93.184.215.14:8080"},
			dialed: []string{"93.184.215.14:8080", "93.184.215.15:8080"},
		},
		{name: "no such host", answers: [][]string{nil}, reason: relay.ReasonDNS, detail: "lookup hooks.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var dialed []string
			w := newTest(t, "http://hooks.example.com:8080/p4th?token=s3cret", func(cfg *Config) {
				cfg.Guard = tt.guard
				cfg.Transport = dialing(&dialed, c.Listener.Addr().String(), tt.down...)
				cfg.Resolver = fakeDNS(tt.answers...)
			})
			got := w.Deliver(t.Context(), testDelivery())
			require.ElementsMatch(t, tt.dialed, dialed)
			require.Equal(t, tt.reason, got.Reason, got.Detail)
			if tt.reason == "" {
				require.Equal(t, "hooks.example.com:8080", c.request.Host)
				return
			}
			require.Equal(t, relay.Retry, got.Outcome)
			require.Contains(t, got.Detail, tt.detail)
			require.NotContains(t, got.Detail, "s3cret")
		})
	}
}

// A name that turns into a private address after it was checked must not lead
// there: what is dialed is what was checked.
func TestGuardRebinding(t *testing.T) {
	c := newCapture(t)
	var dialed []string
	w := newTest(t, "http://rebind.example.com/", func(cfg *Config) {
		cfg.Guard = Guard{}
		cfg.Transport = dialing(&dialed, c.Listener.Addr().String())
		cfg.Resolver = fakeDNS([]string{"93.184.215.14"}, []string{"127.0.0.1"})
	})
	require.Equal(t, relay.Delivered, w.Deliver(t.Context(), testDelivery()).Outcome)
	require.Equal(t, relay.ReasonForbidden, w.Deliver(t.Context(), testDelivery()).Reason)
	require.Equal(t, []string{"93.184.215.14:80"}, dialed)
}

// The destination's own transport checks in the dialer, after its look-up.
func TestGuardOfOwnTransport(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	connections := countConnections(s)
	s.Start()
	defer s.Close()
	w := newTest(t, s.URL, nil)
	require.Equal(t, relay.Delivered, w.Deliver(t.Context(), testDelivery()).Outcome)
	require.EqualValues(t, 1, connections.Load())

	w.transport = (&Config{}).ownTransport()
	require.Equal(t, relay.Result{
		Outcome: relay.Retry,
		Reason:  relay.ReasonForbidden,
		Detail:  "127.0.0.1 is a loopback address; add allow_private or allow <cidr>",
	}, w.Deliver(t.Context(), testDelivery()))
	require.EqualValues(t, 1, connections.Load())
}

func TestGuardControl(t *testing.T) {
	var g Guard
	require.NoError(t, g.Control(t.Context(), "tcp4", "93.184.215.14:443", nil))
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "[::ffff:10.0.0.1]:80", "[fe80::1%lo]:80", "localhost:80", "/run/socket", ""} {
		require.Error(t, g.Control(t.Context(), "tcp", address, nil), address)
	}
}

func TestTransportSettings(t *testing.T) {
	// A proxy of the environment would look up names itself, past the guard.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	w := newTest(t, "https://example.com/", nil)
	require.Nil(t, w.transport.Proxy)
	require.True(t, w.transport.DisableCompression)
	require.True(t, w.transport.ForceAttemptHTTP2)
	require.Equal(t, DefaultConcurrency, w.transport.MaxIdleConnsPerHost)

	w = newTest(t, "https://example.com/", func(cfg *Config) {
		cfg.Concurrency = 7
		cfg.Transport = &http.Transport{MaxResponseHeaderBytes: 5, WriteBufferSize: 6}
	})
	require.True(t, w.transport.DisableCompression)
	require.Equal(t, 7, w.transport.MaxIdleConnsPerHost)
	require.EqualValues(t, 5, w.transport.MaxResponseHeaderBytes)
	require.Equal(t, 6, w.transport.WriteBufferSize)
}

func TestNewRefusesTransport(t *testing.T) {
	proxy := http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:3128"})
	const bypass = "the transport has a dialer of its own, which would bypass the check of addresses"
	dial := func(string, string) (net.Conn, error) { return nil, errors.ErrUnsupported }
	for _, tt := range []struct {
		transport *http.Transport
		want      string
	}{
		{&http.Transport{Proxy: proxy}, "a proxy connects to addresses that can't be checked here; add allow_private to use one"},
		{&http.Transport{DialTLS: dial}, bypass}, //nolint:staticcheck // Refused is what it must be.
		{&http.Transport{Dial: dial}, bypass},    //nolint:staticcheck // Refused is what it must be.
		{&http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.ErrUnsupported }}, bypass},
	} {
		cfg := Config{URL: "https://example.com/", Transport: tt.transport}
		require.EqualError(t, cfg.Validate(), tt.want)
		_, err := New(cfg)
		require.EqualError(t, err, tt.want)
	}
	require.NoError(t, (&Config{URL: "https://example.com/", Guard: Guard{AllowPrivate: true}, Transport: &http.Transport{Proxy: proxy}}).Validate())
}
