package systemtest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
)

// TestReloadUnderLoad loads one config after another while events come in: the
// URL and the concurrency of one destination change, and another comes and
// goes. Both get every event once, so no delivery was worked on by two configs.
func TestReloadUnderLoad(t *testing.T) {
	const reloads, connections = 8, 16
	c, sink, second := newCaddy(t), newReceiver(t), newReceiver(t)
	configure := func(i int) string {
		path := fmt.Sprintf("/%d", i)
		options := webhook("sink", sink.URL+path, fmt.Sprintf("concurrency %d", 4+i*8), "timeout "+fmt.Sprint(10+i)+"s")
		if i%2 == 0 {
			options += webhook("second", second.URL)
			c.configure(t, options, relaySite("sink", "second"))
		} else {
			c.configure(t, options, relaySite("sink"))
		}
		return path
	}
	configure(0)
	c.start(t)
	l := startLoad(t, "http://"+c.site+"/in", "reload", connections)
	for i := 1; i <= reloads; i++ {
		path := configure(i)
		require.NoError(t, c.reload(t))
		before := l.count(http.StatusAccepted)
		waitFor(t, "events to go on", func() bool { return l.count(http.StatusAccepted) > before+100 })
		waitFor(t, "deliveries to go where the new config says", func() bool { return sink.reached(path) })
	}
	l.stop()

	require.Empty(t, l.errors)
	require.Equal(t, map[int]int{http.StatusAccepted: len(l.accepted)}, l.statuses)
	requireArrived(t, sink, l.accepted)
	requireOnce(t, c, "sink", sink)
	requireOnce(t, c, "second", second)
	events, _ := second.arrived()
	require.NotZero(t, events)
	require.Less(t, events, len(l.accepted), "the second destination was never removed")
	// Caddy ends the connections of the replaced config, after their answers:
	// each may be replaced once. No answer got lost with one, or the request
	// would have been sent again and found to be a duplicate.
	require.Zero(t, l.duplicates, "answers were lost")
	// The client may also dial for a request that then gets another connection.
	require.LessOrEqual(t, l.dials.Load(), int64(connections*(reloads+2))+l.resets.Load())
	require.LessOrEqual(t, l.resets.Load(), int64(reloads), "requests on connections that nobody had accepted yet")
	t.Logf("%d events, %d reloads, %d connections made, %d reset", len(l.accepted), reloads, l.dials.Load(), l.resets.Load())
	c.stop(t)
}

// TestFailedReload loads configs that can't work, for different reasons, under
// load. The running one goes on, and nothing goes where the other one says.
func TestFailedReload(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	notADirectory := filepath.Join(c.dir, "file")
	require.NoError(t, os.WriteFile(notADirectory, nil, 0o600))

	good := webhook("sink", sink.URL+"/good")
	c.configure(t, good, relaySite("sink"))
	c.start(t)
	l := startLoad(t, "http://"+c.site+"/in", "failed", 4)
	bad := webhook("sink", sink.URL+"/bad")
	tests := []struct {
		name, relay, site, sites, queue, want string
	}{
		{
			name: "syntax", relay: bad + "\nspeed high", site: relaySite("sink"),
			want: "unrecognized option 'speed', at ",
		},
		{
			name: "unknown destination", relay: bad, site: relaySite("sink", "nobody"),
			want: "there is no destination 'nobody'",
		},
		{
			name: "another app does not start", relay: bad, site: relaySite("sink"),
			sites: fmt.Sprintf("http://%s {\n\trespond 200\n}\n", taken.Addr()),
			want:  "address already in use",
		},
		{
			name: "the queue can't be opened", relay: bad, site: relaySite("sink"), queue: filepath.Join(notADirectory, "queue"),
			want: "creating the queue directory",
		},
	}
	queue := c.queue
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.sites, c.queue = tt.sites, queue
			if tt.queue != "" {
				c.queue = tt.queue
			}
			c.configure(t, tt.relay, tt.site)
			require.ErrorContains(t, c.reload(t), tt.want)
			before := l.count(http.StatusAccepted)
			waitFor(t, "events to be accepted as before", func() bool { return l.count(http.StatusAccepted) > before+100 })
			id := "after " + tt.name
			requireAccepted(t, c, id)
			requireArrived(t, sink, []string{id})
		})
	}
	l.stop()
	require.Empty(t, l.errors)
	require.Equal(t, map[int]int{http.StatusAccepted: len(l.accepted)}, l.statuses)
	requireArrived(t, sink, l.accepted)
	requireOnce(t, c, "sink", sink)
	require.False(t, sink.reached("/bad"))

	c.sites, c.queue = "", queue
	c.configure(t, webhook("sink", sink.URL+"/better"), relaySite("sink"))
	require.NoError(t, c.reload(t), "a config that works still loads")
	requireAccepted(t, c, "better")
	requireArrived(t, sink, []string{"better"})
	require.Equal(t, "/better", sink.of("better")[0].path)
	c.stop(t)
}

// TestDestinationGoesAndComesBack removes a destination that has deliveries.
func TestDestinationGoesAndComesBack(t *testing.T) {
	c, sink, away := newCaddy(t), newReceiver(t), newReceiver(t)
	away.status.Store(http.StatusServiceUnavailable)
	both := webhook("sink", sink.URL) + webhook("away", away.URL)
	c.configure(t, both, relaySite("sink", "away"))
	c.start(t)
	ids := requireManyAccepted(t, c, "kept", 20)
	requireArrived(t, sink, ids)
	waitFor(t, "attempts to fail", func() bool { return len(away.of(ids[0])) > 0 })

	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	require.NoError(t, c.reload(t))
	waitFor(t, "a warning", func() bool { return c.log.contains("destination is not configured") })
	require.Equal(t, 1, c.log.count("destination is not configured"))
	require.Contains(t, c.log.tail(64<<10), `"destination":"away","pending":20`)
	require.Equal(t, len(ids), c.pending(t, "away"))
	away.status.Store(http.StatusOK)
	// Meanwhile the others work on. The retries of the removed one would be
	// due by the time these have arrived one by one.
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		requireArrived(t, sink, requireManyAccepted(t, c, fmt.Sprint(time.Since(start)), 1))
	}
	require.Len(t, away.missing(ids), len(ids), "delivered to a destination that is not configured")
	require.Equal(t, len(ids), c.pending(t, "away"))

	// A restart does not change that.
	c.stop(t)
	c.start(t)
	require.Equal(t, len(ids), c.pending(t, "away"))
	require.Len(t, away.missing(ids), len(ids))

	c.configure(t, both, relaySite("sink", "away"))
	require.NoError(t, c.reload(t))
	requireArrived(t, away, ids)
	requireOnce(t, c, "away", away)
	c.stop(t)
}

// TestQueueMoves changes the directory of the queue. What is in the old one
// stays there, and another process can have it.
func TestQueueMoves(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	sink.status.Store(http.StatusServiceUnavailable)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	left := requireManyAccepted(t, c, "left", 10)
	waitFor(t, "attempts to fail", func() bool { return len(sink.of(left[0])) > 0 })

	old := c.queue
	c.queue = filepath.Join(c.dir, "moved")
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	require.NoError(t, c.reload(t))
	sink.status.Store(http.StatusOK)
	requireArrived(t, sink, requireManyAccepted(t, c, "moved", 10))
	require.ElementsMatch(t, left, pendingIn(t, old, "sink"), "the old queue is closed and complete")
	require.Len(t, sink.missing(left), len(left))

	c.queue = old
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	require.NoError(t, c.reload(t))
	requireArrived(t, sink, left)
	requireOnce(t, c, "sink", sink)
	require.Empty(t, pendingIn(t, filepath.Join(c.dir, "moved"), "sink"))
	c.stop(t)
}

// TestQueueBelowSymlink has the queue's directory created below a symbolic
// link: it is the same queue after a reload.
func TestQueueBelowSymlink(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "real"), 0o700))
	require.NoError(t, os.Symlink("real", filepath.Join(c.dir, "link")))
	c.queue = filepath.Join(c.dir, "link", "new", "queue")
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	c.configure(t, webhook("sink", sink.URL+"/again"), relaySite("sink"))
	require.NoError(t, c.reload(t))
	requireArrived(t, sink, requireManyAccepted(t, c, "linked", 1))
	c.stop(t)
}

// pendingIn waits until nobody has the queue in a directory, and lists the
// events in it that wait for a destination.
func pendingIn(t *testing.T, dir, destination string) (ids []string) {
	t.Helper()
	var queue relay.Queue
	waitFor(t, "the queue to be closed", func() bool {
		var err error
		queue, err = openQueue(dir)
		if err != nil {
			require.ErrorContains(t, err, "is already locked")
		}
		return err == nil
	})
	defer func() { require.NoError(t, queue.Close()) }()
	for _, claim := range claimAll(t, queue, destination) {
		ids = append(ids, claim.Event.ID)
	}
	return ids
}

// openQueue opens a queue that Caddy does not have open.
func openQueue(dir string) (relay.Queue, error) { return sqlite.Open(dir) }

// claimAll reads all unfinished deliveries of a destination, due or not.
func claimAll(t *testing.T, queue relay.Queue, destination string) []relay.Claim {
	t.Helper()
	claims, err := queue.Claim(t.Context(), relay.ClaimQuery{
		Destination: destination,
		Now:         time.Now().Add(24 * time.Hour),
		Max:         1 << 20,
		MaxBytes:    1 << 40,
		Held:        func(int64) bool { return false },
	})
	require.NoError(t, err)
	require.True(t, claims.Exhausted)
	return claims.Due
}

// requireOnce waits until a destination has no delivery left, and checks that
// its receiver has got none twice.
func requireOnce(t *testing.T, c *caddy, destination string, r *receiver) {
	t.Helper()
	waitFor(t, "all outcomes to be recorded", func() bool { return c.pending(t, destination) == 0 })
	require.Zero(t, r.repeats(), "deliveries were made twice to %s", destination)
}

func requireAccepted(t *testing.T, c *caddy, id string) {
	t.Helper()
	a, err := send(client, "http://"+c.site+"/in", id)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	require.False(t, a.duplicate())
}

func requireManyAccepted(t *testing.T, c *caddy, name string, n int) (ids []string) {
	t.Helper()
	name = strings.ReplaceAll(name, ".", "-")
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%d", name, i))
		requireAccepted(t, c, ids[i])
	}
	return ids
}
