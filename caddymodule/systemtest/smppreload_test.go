package systemtest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// startMessages offers messages from several connections until stop, which
// returns how many were accepted.
func startMessages(t *testing.T, c *caddy, name string) (sent *atomic.Int64, stop func() []string) {
	t.Helper()
	sent = new(atomic.Int64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var texts []string
	var done atomic.Bool
	for connection := range 4 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				text := fmt.Sprintf("%s-%d-%d", name, connection, i)
				offerMessage(t, c, text, text)
				sent.Add(1)
				mu.Lock()
				texts = append(texts, text)
				mu.Unlock()
			}
		})
	}
	return sent, func() []string {
		done.Store(true)
		wg.Wait()
		return texts
	}
}

// TestSMPPReload loads configs under load. Those that leave the settings of
// sessions alone find them bound; with others, the old sessions end only when all
// is answered.
func TestSMPPReload(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	center := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, n int) {
		go func() { _ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)}) }()
	})
	configure := func(options ...string) {
		c.configure(t, crm.crm()+sms(center.address, options...), hooks)
	}
	configure(bothWays)
	out, err := c.run("validate", "--config", c.config)
	require.NoError(t, err, "%s", out)
	binds, refused, _ := center.counts()
	require.Zero(t, binds+refused, "validating has bound")
	c.start(t)
	waitFor(t, "the bind", func() bool { return len(center.bound()) == 1 })
	first := center.bound()[0]

	sent, stop := startMessages(t, c, "reload")
	goOn := func() {
		_, _, before := center.counts()
		waitFor(t, "messages to go on", func() bool { _, _, n := center.counts(); return n > before+50 })
	}
	for i := range 5 {
		configure(bothWays, fmt.Sprintf("priority %d", i%4), "max_parts "+strconv.Itoa(i+1))
		require.NoError(t, c.reload(t))
		goOn()
	}
	require.Equal(t, []*session.Session{first}, center.bound())
	binds, _, _ = center.counts()
	require.Equal(t, 1, binds)

	// A config that fails has no effect, even if it would bind in another way.
	c.sites = "http://" + strings.TrimPrefix(crm.URL, "http://") + " {\n\trespond 200\n}\n"
	configure(bothWays, "window 20")
	require.ErrorContains(t, c.reload(t), "address already in use")
	c.sites = ""
	goOn()
	binds, _, _ = center.counts()
	require.Equal(t, 1, binds)

	configure(bothWays, "window 20", "sessions 2")
	require.NoError(t, c.reload(t))
	requireUnbound(t, first)
	goOn()
	require.Len(t, center.bound(), 2)
	require.InDelta(t, 2, c.metric(t, `caddy_relay_smpp_sessions{destination="sms",mode="transceiver"}`), 0)

	texts := stop()
	require.EqualValues(t, len(texts), sent.Load())
	waitFor(t, "all messages", func() bool { return c.pending(t, "sms") == 0 })
	submitted := center.texts()
	for _, text := range texts {
		require.Equal(t, 1, submitted[text], text)
	}
	require.InDelta(t, len(texts), c.metric(t, `caddy_relay_attempts_total{destination="sms",result="ok"}`), 0)
	last := center.bound()
	c.stop(t)
	requireUnbound(t, last...)
}

// TestSMPPReceiptsOverReload has receipts come back when another config is there
// than the one that sent the messages, with the sessions left as they are and
// with others.
func TestSMPPReceiptsOverReload(t *testing.T) {
	for _, options := range []string{"priority 1", "window 20"} {
		t.Run(options, func(t *testing.T) {
			c, crm, later := newSMPPCaddy(t), newInbox(t), newInbox(t)
			submitted := make(chan *pdu.SubmitSM, 1)
			center := newSMSC(t, func(r *session.Request, p *pdu.SubmitSM, _ int) {
				_ = r.Respond(&pdu.SubmitSMResp{MessageID: "b0a7"})
				submitted <- p
			})
			c.configure(t, crm.crm()+sms(center.address, bothWays), hooks)
			c.start(t)
			offerMessage(t, c, "order-1", outboundText)
			p := <-submitted
			waitFor(t, "the outcome", func() bool { return c.pending(t, "sms") == 0 })
			first := center.bound()[0]

			c.configure(t, later.crm()+sms(center.address, bothWays, options), hooks)
			require.NoError(t, c.reload(t))
			if options == "window 20" {
				waitFor(t, "another session", func() bool { return len(center.bound()) == 1 && center.bound()[0] != first })
			}
			require.Equal(t, pdu.StatusOK, center.deliver(t, receiptOf(p, "B0A7", "UNDELIV")))
			body := later.wait(1)[0]
			require.Equal(t, "undeliverable", body["state"])
			require.Equal(t, "order-1", body["event"].(map[string]any)["id"])
			require.Empty(t, crm.all())
			c.stop(t)
		})
	}
}
