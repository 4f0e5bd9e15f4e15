package systemtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stopping is what Caddy logs when it begins to stop.
const stopping = "servers shutting down"

// TestStopFinishesAttempts stops Caddy while a receiver takes its time. What
// it answers in the end counts, though the process was told to stop before.
func TestStopFinishesAttempts(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.grace = "1m"
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	unblock := sink.block()
	ids := requireManyAccepted(t, c, "flying", 5)
	waitFor(t, "attempts to be under way", func() bool { return sink.held.Load() == 5 })
	c.terminate(t)
	waitFor(t, "Caddy to stop", func() bool { return c.log.contains(stopping) })
	unblock()
	c.wait(t)
	require.Empty(t, sink.missing(ids))
	require.Empty(t, pendingIn(t, c.queue, "sink"), "the outcomes were not recorded")

	c.start(t)
	requireArrived(t, sink, requireManyAccepted(t, c, "later", 1))
	requireOnce(t, c, "sink", sink)
	c.stop(t)
}

// TestStopWithinGracePeriod stops Caddy while a receiver hangs. What it did
// not answer is sent again after the next start, as if it had not been tried.
func TestStopWithinGracePeriod(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.grace = "1s"
	c.configure(t, webhook("sink", sink.URL, "concurrency 4"), relaySite("sink"))
	c.start(t)
	unblock := sink.block()
	ids := requireManyAccepted(t, c, "hanging", 20)
	waitFor(t, "attempts to be under way", func() bool { return sink.held.Load() == 4 })
	start := time.Now()
	c.stop(t)
	// The grace period counts once for requests and once for attempts. The
	// bound only tells that from waiting for the attempts' own timeout.
	require.Less(t, time.Since(start), 12*time.Second)
	unblock()
	require.ElementsMatch(t, ids, pendingIn(t, c.queue, "sink"))
	require.Len(t, sink.missing(ids), len(ids))

	c.start(t)
	requireArrived(t, sink, ids)
	requireOnce(t, c, "sink", sink)
	for _, id := range ids {
		require.Equal(t, "1", sink.of(id)[0].header.Get("Webhook-Attempt"), "an attempt that was cut short counted")
	}
	c.stop(t)
}

// TestStopUnderLoad stops Caddy while events come in. An event is accepted and
// arrives, now or after the next start, or its sender knows that it was not.
func TestStopUnderLoad(t *testing.T) {
	const stops = 4
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	var accepted []string
	for i := range stops {
		c.start(t)
		l := startLoad(t, "http://"+c.site+"/in", fmt.Sprint(i), 8)
		waitFor(t, "events to be accepted", func() bool { return l.count(http.StatusAccepted) > 200 })
		c.stop(t)
		l.stop()
		for status := range l.statuses {
			require.Contains(t, []int{http.StatusAccepted, http.StatusServiceUnavailable}, status)
		}
		require.Zero(t, l.unhelpful)
		accepted = append(accepted, l.accepted...)
	}
	c.start(t)
	requireArrived(t, sink, accepted)
	requireOnce(t, c, "sink", sink)
	c.stop(t)
}

// TestStopDuringRequest stops Caddy when a request has come in by half.
func TestStopDuringRequest(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	conn, err := net.Dial("tcp", c.site)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	var wire strings.Builder
	require.NoError(t, newRequest("http://"+c.site+"/in", "halfway").Write(&wire))
	half := wire.Len() - 100
	_, err = conn.Write([]byte(wire.String()[:half]))
	require.NoError(t, err)
	// Connections are taken in order, so with a later one served this one is open.
	requireAccepted(t, c, "other")
	c.terminate(t)
	waitFor(t, "Caddy to stop", func() bool { return c.log.contains(stopping) })
	_, err = conn.Write([]byte(wire.String()[half:]))
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	c.wait(t)

	c.start(t)
	requireArrived(t, sink, []string{"halfway", "other"})
	requireOnce(t, c, "sink", sink)
	c.stop(t)
}
