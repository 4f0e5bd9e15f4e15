//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
)

// startTestSink returns a serving sink and its address.
func startTestSink(t *testing.T) (*sink, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &sink{}
	done := make(chan error, 1)
	go func() { done <- s.serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		require.NoError(t, <-done)
	})
	return s, l.Addr().String()
}

func (s *sink) countsNow() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func TestSendToSink(t *testing.T) {
	tests := map[string]load{
		"closed loop": {Connections: 8, Count: 1000},
		"open loop":   {Connections: 8, Count: 200, Rate: 20_000},
		"by time":     {Connections: 2, Duration: 20 * time.Millisecond},
		"more connections than events": {
			Connections: 16, Count: 3,
		},
	}
	for name, l := range tests {
		t.Run(name, func(t *testing.T) {
			s, address := startTestSink(t)
			l.Address, l.Secret, l.First, l.Format = address, testSecret, 1<<20, formatEvent

			r, err := send(l)
			require.NoError(t, err)
			require.NotZero(t, r.Events)
			if l.Count > 0 {
				require.Equal(t, l.Count, r.Events)
			}
			require.Equal(t, map[int]uint64{200: r.Events}, r.Codes)
			require.GreaterOrEqual(t, r.End, r.Start)

			c := s.countsNow()
			require.Equal(t, r.Events, c.Distinct)
			require.Zero(t, c.Repeats)
			require.Zero(t, c.Foreign)
			require.GreaterOrEqual(t, c.First, r.Start)
			require.GreaterOrEqual(t, r.End, c.Last)
			require.Len(t, s.latency, int(r.Events))

			// The same numbers again are repeats.
			l.Count = r.Events
			l.Duration = 0
			_, err = send(l)
			require.NoError(t, err)
			again := s.countsNow()
			require.Equal(t, r.Events, again.Distinct)
			require.Equal(t, r.Events, again.Repeats)
		})
	}
}

func TestSendRefusesUnlimitedLoad(t *testing.T) {
	_, err := send(load{Address: "127.0.0.1:1", Secret: testSecret, Connections: 1})
	require.ErrorContains(t, err, "limit")
}

func TestSinkModes(t *testing.T) {
	s, address := startTestSink(t)
	one := load{Address: address, Secret: testSecret, Connections: 1, Count: 1, Format: formatEvent}

	s.mode.Store(int32(modeFail))
	r, err := send(one)
	require.NoError(t, err)
	require.Equal(t, map[int]uint64{503: 1}, r.Codes)

	s.mode.Store(int32(modeRefuse))
	_, err = send(one)
	require.Error(t, err)

	// Two requests in one go: the first hangs and is not counted. The answer
	// to the second is all there is to read.
	s.mode.Store(int32(modeHang))
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.handle(theirs)
	}()
	w, err := newEventWriter(address, testSecret)
	require.NoError(t, err)
	_, err = ours.Write(w.render(7, time.Now()))
	require.NoError(t, err)
	// Nothing can be read from a pipe that nothing is written to. That the
	// next write is taken shows that the first request was dealt with.
	_, err = ours.Write([]byte("P"))
	require.NoError(t, err)
	require.NoError(t, ours.Close())
	<-done

	require.Zero(t, s.countsNow())
}

func TestSinkCountsForeignRequests(t *testing.T) {
	s, address := startTestSink(t)
	resp, err := http.Post("http://"+address+"/hook", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, counts{Foreign: 1, Sample: "/hook hello"}, s.countsNow())

	s.record(newEventRequest(t, maxSequence), time.Now())
	require.Equal(t, counts{Foreign: 2, Sample: "/hook hello"}, s.countsNow())
}

func newEventRequest(t *testing.T, sequence uint64) request {
	t.Helper()
	w, err := newEventWriter("127.0.0.1:1", testSecret)
	require.NoError(t, err)
	w.render(sequence, time.Now())
	return request{target: []byte("/in"), body: w.body}
}

func TestSinkControl(t *testing.T) {
	s := &sink{}
	server := httptest.NewServer(s.control())
	defer server.Close()
	client := &sinkProcess{&controlled{control: strings.TrimPrefix(server.URL, "http://")}}
	ctx := t.Context()

	s.record(newEventRequest(t, 1), time.Now())
	s.record(newEventRequest(t, 1), time.Now())
	s.record(newEventRequest(t, 2), time.Now().Add(time.Second))
	c, err := client.waitForEvents(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, uint64(2), c.Distinct)
	require.Equal(t, uint64(1), c.Repeats)
	p, err := client.latency(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, p.Max, uint32(time.Second.Microseconds()))

	require.NoError(t, client.reset(ctx))
	c, err = client.counts(ctx)
	require.NoError(t, err)
	require.Zero(t, c)
	// A reset does not forget what was seen.
	s.record(newEventRequest(t, 1), time.Now())
	require.Equal(t, counts{Repeats: 1}, s.countsNow())

	for name, want := range modes {
		require.NoError(t, client.setMode(ctx, name))
		require.Equal(t, want, mode(s.mode.Load()))
	}
	require.ErrorContains(t, client.setMode(ctx, "nonsense"), "404")

	s.record(request{target: []byte("/hook"), body: []byte("hello")}, time.Now())
	_, err = client.waitForEvents(ctx, 1)
	require.ErrorContains(t, err, `did not hold an event: "/hook hello"`)
}

// TestCommands runs the two programs as a shell would.
func TestCommands(t *testing.T) {
	address, err := freeAddress()
	require.NoError(t, err)
	control, err := freeAddress()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"sink", "-address", address, "-control", control}, io.Discard, io.Discard)
	}()
	require.NoError(t, process.Listening(t.Context(), control))

	var out bytes.Buffer
	const count = 100
	require.NoError(t, run(t.Context(), []string{
		"send", "-address", address, "-secret", testSecret, "-connections", "2", "-count", strconv.Itoa(count),
	}, &out, io.Discard))
	var r sendResult
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Equal(t, uint64(count), r.Events)

	stop()
	require.NoError(t, <-done)
}
