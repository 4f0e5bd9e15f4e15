package systemtest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDeadLetters has deliveries fail for good in each way.
func TestDeadLetters(t *testing.T) {
	c := newCaddy(t)
	gone, broken, off, picky := newReceiver(t), newReceiver(t), newReceiver(t), newReceiver(t)
	gone.status.Store(http.StatusGone)
	broken.status.Store(http.StatusInternalServerError)
	off.status.Store(http.StatusInternalServerError)
	picky.status.Store(http.StatusUnprocessableEntity)
	destination := func(name, url, options string) string {
		return fmt.Sprintf("destination %s webhook %s {\nallow_private\n%s\n}\n", name, url, options)
	}
	c.configure(t, destination("gone", gone.URL, "")+
		destination("broken", broken.URL, "retry {\nattempts 3\nevery 10ms\n}")+
		destination("off", off.URL, "retry off")+
		destination("picky", picky.URL, "permanent 422"),
		relaySite("gone", "broken", "off", "picky"))
	c.start(t)
	const events = 3
	ids := requireManyAccepted(t, c, "doomed", events)
	count := func(destination, result string) float64 {
		return c.metric(t, fmt.Sprintf("caddy_relay_deliveries_total{destination=%q,result=%q}", destination, result))
	}
	tries := map[string]int{"gone": 1, "broken": 3, "off": 1, "picky": 1}
	for name, receiver := range map[string]*receiver{"gone": gone, "broken": broken, "off": off, "picky": picky} {
		dead, dropped := events, 0
		if name == "off" {
			dead, dropped = 0, events
		}
		waitFor(t, "deliveries to "+name+" to end", func() bool { return c.pending(t, name) == 0 })
		require.InDelta(t, dead, count(name, "dead"), 0, name)
		require.InDelta(t, dropped, count(name, "dropped"), 0, name)
		require.InDelta(t, dead, c.metric(t, fmt.Sprintf("caddy_relay_dead_letters{destination=%q}", name)), 0, name)
		for _, id := range ids {
			require.Len(t, receiver.of(id), tries[name], name)
			require.Equal(t, dead/events, warnings(c, name, id), "%s: %s", name, id)
		}
	}

	// They stay, and are not tried again.
	c.stop(t)
	c.start(t)
	require.InDelta(t, events, c.metric(t, `caddy_relay_dead_letters{destination="gone"}`), 0)
	require.Zero(t, c.pending(t, "gone"))
	requireAccepted(t, c, "later")
	waitFor(t, "the last delivery", func() bool { return c.pending(t, "broken") == 0 && len(broken.of("later")) == 3 })
	require.Len(t, gone.of(ids[0]), 1)
	c.stop(t)
}

// warnings counts the lines about a dead letter.
func warnings(c *caddy, destination, id string) (n int) {
	for line := range strings.Lines(c.log.tail(1 << 30)) {
		if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, "delivery became a dead letter") &&
			strings.Contains(line, fmt.Sprintf(`"destination":%q`, destination)) && strings.Contains(line, fmt.Sprintf(`"event_id":%q`, id)) {
			n++
		}
	}
	return n
}

// TestRetryAfter has a receiver ask for more time than the schedule would
// give it.
func TestRetryAfter(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	wait := "2"
	sink.retryAfter.Store(&wait)
	sink.status.Store(http.StatusTooManyRequests)
	c.configure(t, webhook("sink", sink.URL), relaySite("sink"))
	c.start(t)
	requireAccepted(t, c, "patient")
	waitFor(t, "the first attempt", func() bool { return len(sink.of("patient")) == 1 })
	sink.status.Store(http.StatusOK)
	requireArrived(t, sink, []string{"patient"})
	tries := sink.of("patient")
	require.Len(t, tries, 2, "it was tried in the time that the receiver asked for")
	require.GreaterOrEqual(t, tries[1].at.Sub(tries[0].at), 2*time.Second)
	require.Equal(t, "2", tries[1].header.Get("Webhook-Attempt"))
	c.stop(t)
}

// TestPrivateAddresses has a name lead to this machine: a destination that was
// not allowed to call it does not, whatever the URL says.
func TestPrivateAddresses(t *testing.T) {
	c, sink := newCaddy(t), newReceiver(t)
	name, err := os.Hostname()
	require.NoError(t, err)
	addresses, err := net.DefaultResolver.LookupHost(t.Context(), name)
	if err != nil || !private(addresses) || strings.Contains(name, "localhost") {
		t.Skipf("this machine's name leads to %v, %v, which is not private", addresses, err)
	}
	_, port, err := net.SplitHostPort(sink.Listener.Addr().String())
	require.NoError(t, err)
	guarded := func(name, url string) string {
		return fmt.Sprintf("destination %s webhook %s {\nretry {\nattempts 2\nevery 10ms\n}\n}\n", name, url)
	}
	c.configure(t, guarded("sink", "http://"+name+":"+port+"/"), relaySite("sink"))
	c.start(t)
	requireAccepted(t, c, "inward")
	waitFor(t, "the delivery to fail", func() bool { return c.metric(t, `caddy_relay_dead_letters{destination="sink"}`) == 1 })
	require.InDelta(t, 2, c.metric(t, `caddy_relay_attempts_total{destination="sink",result="forbidden"}`), 0)
	require.Empty(t, sink.of("inward"))

	for _, url := range []string{sink.URL, "http://localhost:" + port, "http://[::1]:" + port, "http://169.254.169.254/"} {
		c.configure(t, guarded("sink", url), relaySite("sink"))
		require.ErrorContains(t, c.reload(t), "add allow", url)
	}
	c.stop(t)
}

func private(addresses []string) bool {
	for _, address := range addresses {
		if ip := net.ParseIP(address); !ip.IsLoopback() && !ip.IsPrivate() {
			return false
		}
	}
	return true
}
