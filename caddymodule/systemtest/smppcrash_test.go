package systemtest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// TestSMPPKill kills Caddy while messages wait for their answers. Afterwards each
// event was sent, or is a dead letter of which it is unknown, and with duplicates
// avoid none was sent twice.
func TestSMPPKill(t *testing.T) {
	for _, duplicates := range []string{"avoid", "allow"} {
		t.Run(duplicates, func(t *testing.T) {
			const kills, window = 5, 10
			c, crm := newSMPPCaddy(t), newInbox(t)
			var answered, left atomic.Int64
			center := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, n int) {
				if left.Add(-1) < 0 {
					return // It keeps the message, and says nothing.
				}
				answered.Add(1)
				_ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)})
			})
			c.configure(t, crm.crm()+sms(center.address, "window "+strconv.Itoa(window), "duplicates "+duplicates), hooks)
			var texts []string
			for i := range kills {
				left.Store(40)
				_, _, before := center.counts()
				c.start(t)
				for j := range 60 {
					text := fmt.Sprintf("kill-%d-%d", i, j)
					offerMessage(t, c, text, text)
					texts = append(texts, text)
				}
				waitFor(t, "a full window", func() bool { _, _, n := center.counts(); return n >= before+40+window })
				c.kill()
				waitFor(t, "the end of the session", func() bool { return len(center.bound()) == 0 })
			}
			left.Store(1 << 40)
			c.start(t)
			waitFor(t, "all deliveries to end", func() bool { return c.pending(t, "sms") == 0 })

			dead := int(c.metric(t, `caddy_relay_dead_letters{destination="sms"}`))
			submitted, missing, repeats := center.texts(), 0, 0
			for _, text := range texts {
				if n := submitted[text]; n == 0 {
					missing++
				} else {
					repeats += n - 1
				}
			}
			if duplicates == "avoid" {
				require.Zero(t, repeats)
				require.LessOrEqual(t, missing, dead, "what was not sent must be known")
				require.NotZero(t, dead)
				unknown := c.metric(t, `caddy_relay_smpp_unknown_total{destination="sms"}`)
				require.NotZero(t, unknown)
			} else {
				require.Zero(t, missing)
				require.Zero(t, dead)
			}
			t.Logf("%d kills, %d events: %d dead letters, of which %d were not sent, and %d repeats", kills, len(texts), dead, missing, repeats)
			c.stop(t)
			requireNoMessages(t, c)
		})
	}
}
