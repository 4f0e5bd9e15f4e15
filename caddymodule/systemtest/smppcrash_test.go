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
				// Nobody had a chance to tidy up, and nothing is lost already.
				at := requireAccounted(t, c, texts, center.texts(), duplicates)
				require.NotZero(t, at.queued)
			}
			left.Store(1 << 40)
			c.start(t)
			waitFor(t, "all deliveries to end", func() bool { return c.pending(t, "sms") == 0 })
			if duplicates == "avoid" {
				require.NotZero(t, c.metric(t, `caddy_relay_smpp_unknown_total{destination="sms"}`))
			}
			c.stop(t)
			sum := requireAccounted(t, c, texts, center.texts(), duplicates)
			require.Zero(t, sum.queued)
			if duplicates == "avoid" {
				require.GreaterOrEqual(t, sum.unknown, kills*window, "what the SMSC had not answered")
			} else {
				require.Equal(t, len(texts), sum.delivered)
				require.GreaterOrEqual(t, sum.repeats, kills*window, "what the SMSC had not answered")
			}
			t.Logf("%d kills, %d events: %+v", kills, len(texts), sum)
			requireNoMessages(t, c)
		})
	}
}
