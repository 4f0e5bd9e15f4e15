package systemtest

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKill kills Caddy again and again under load, and counts what arrives.
func TestKill(t *testing.T) {
	const kills = 20
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	var accepted []string
	for i := range kills {
		c.start(t)
		l := startLoad(t, "http://"+c.site+"/in", fmt.Sprint(i), 16)
		waitFor(t, "some events to be accepted", func() bool { return l.count(http.StatusAccepted) > 200 })
		c.kill()
		l.stop()
		accepted = append(accepted, l.accepted...)
		for status := range l.statuses {
			require.Equal(t, http.StatusAccepted, status)
		}
	}
	c.start(t)
	requireArrived(t, sink, accepted)
	t.Logf("%d kills, %d events accepted, all arrived, %d repeats", kills, len(accepted), sink.repeats())
	c.stop(t)
}

func TestSecondProcessIsRefused(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)

	second := newCaddy(t)
	second.queue = c.queue
	second.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	out, err := second.run("run", "--config", second.config)
	require.Error(t, err)
	require.Contains(t, string(out), c.queue+" is already locked; this is usually another running Caddy instance, in which case use 'caddy reload'")

	a, err := send(client, "http://"+c.site+"/in", "after")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	requireArrived(t, sink, []string{"after"})
	c.stop(t)
}

// TestValidateWhileRunning checks that validating touches no queue, neither
// the one in use nor one that does not exist.
func TestValidateWhileRunning(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	out, err := c.run("validate", "--config", c.config)
	require.NoError(t, err, "%s", out)
	require.NoDirExists(t, filepath.Join(c.dir, "queue"))
	c.start(t)
	out, err = c.run("validate", "--config", c.config)
	require.NoError(t, err, "%s", out)
	c.stop(t)
}
