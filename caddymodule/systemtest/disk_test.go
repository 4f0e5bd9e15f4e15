package systemtest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiskFull takes the disk space away under load and gives it back, without
// and with a kill in between.
func TestDiskFull(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	disk := smallDisk(t, "24m")
	c.queue = filepath.Join(disk, "queue")
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	var accepted []string

	for round, kill := range []bool{false, true, false} {
		repeats := sink.repeats()
		l := startLoad(t, "http://"+c.site+"/in", fmt.Sprint(round), 8)
		waitFor(t, "events to be accepted", func() bool { return l.count(http.StatusAccepted) > 50 })
		filler := fill(t, disk)
		waitFor(t, "events to be refused", func() bool { return l.count(http.StatusServiceUnavailable) > 50 })
		if kill {
			c.kill()
			l.stop()
			startWithoutSpace(t, c)
			require.NoError(t, os.Remove(filler))
			c.start(t)
		} else {
			require.NoError(t, os.Remove(filler))
			before := l.count(http.StatusAccepted)
			waitFor(t, "events to be accepted again", func() bool { return l.count(http.StatusAccepted) > before+50 })
			l.stop()
			require.Empty(t, l.errors)
		}
		require.Len(t, l.statuses, 2, "an answer was neither 202 nor 503: %v", l.statuses)
		require.Zero(t, l.unhelpful, "503 without Retry-After")
		require.Zero(t, l.duplicates)
		accepted = append(accepted, l.accepted...)
		requireArrived(t, sink, accepted)
		waitFor(t, "all outcomes to be recorded", func() bool { return c.pending(t, "sink") == 0 })
		if !kill {
			require.Equal(t, repeats, sink.repeats(), "only a kill may have deliveries repeated")
		}
	}
	require.True(t, c.log.contains("no space left on the disk"))
	t.Logf("%d events accepted, all arrived, %d repeats", len(accepted), sink.repeats())
	c.stop(t)
}

// startWithoutSpace starts Caddy while its disk is full. It depends on a few
// blocks whether that works; if not, Caddy says why. Then it is killed again.
func startWithoutSpace(t *testing.T, c *caddy) {
	t.Helper()
	c.launch(t, c.command("run", "--config", c.config))
	waitFor(t, "Caddy to start or to give up", func() bool { return c.ended() || c.log.count(serving) > c.starts })
	if c.ended() {
		require.Contains(t, c.log.tail(4<<10), "disk is full")
	}
	c.kill()
}

// TestBacklogFillsDisk has a backlog take all of the disk. Deliveries go on
// when the receiver is back, but their outcomes can be recorded only when
// there is space again.
func TestBacklogFillsDisk(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	disk := smallDisk(t, "6m")
	c.queue = filepath.Join(disk, "queue")
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	unblock := sink.block()
	l := startLoad(t, "http://"+c.site+"/in", "backlog", 8)
	waitFor(t, "events to be refused", func() bool { return l.count(http.StatusServiceUnavailable) > 50 })
	unblock()
	waitFor(t, "some deliveries", func() bool { n, _ := sink.arrived(); return n > 50 })
	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=64m"))
	before := l.count(http.StatusAccepted)
	waitFor(t, "events to be accepted again", func() bool { return l.count(http.StatusAccepted) > before+50 })
	l.stop()
	require.Empty(t, l.errors)
	requireArrived(t, sink, l.accepted)
	requireOnce(t, c, "sink", sink)
	t.Logf("%d events accepted", len(l.accepted))
	c.stop(t)
}

// smallDisk mounts a file system of the given size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk can't be mounted here, which takes root and CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill writes a file that takes all of the disk that is left, and returns its
// name.
func fill(t *testing.T, disk string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "filler"))
	require.NoError(t, err)
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
	require.NoError(t, f.Close())
	return f.Name()
}

// TestMaxSize lets the queue grow to its limit while nothing is delivered.
func TestMaxSize(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.queue += " {\n\t\t\tmax_size 1MiB\n\t\t}"
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	unblock := sink.block()
	l := startLoad(t, "http://"+c.site+"/in", "size", 4)
	waitFor(t, "events to be refused", func() bool { return l.count(http.StatusServiceUnavailable) > 20 })
	full := l.count(http.StatusAccepted)
	require.Greater(t, full, 500)

	// Repeats of what was accepted are recognized although there is no room.
	a, err := send(client, "http://"+c.site+"/in", "size-0-0")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	require.True(t, a.duplicate())

	unblock()
	waitFor(t, "history to give way to new events", func() bool { return l.count(http.StatusAccepted) > full+500 })
	l.stop()
	require.Empty(t, l.errors)
	require.Len(t, l.statuses, 2, "an answer was neither 202 nor 503: %v", l.statuses)
	require.Zero(t, l.unhelpful, "503 without Retry-After")
	requireArrived(t, sink, l.accepted)
	requireOnce(t, c, "sink", sink)
	c.stop(t)
}
