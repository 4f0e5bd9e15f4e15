package systemtest

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// takeEach answers each message with its number as the id.
func takeEach(r *session.Request, _ *pdu.SubmitSM, n int) {
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)})
}

// deadLetters returns how many dead letters a destination has.
func deadLetters(t *testing.T, c *caddy) int {
	t.Helper()
	return int(c.metric(t, `caddy_relay_dead_letters{destination="sms"}`))
}

// TestSMPPDeliveredOnReceipt has deliveries wait for their receipts, over a
// restart.
func TestSMPPDeliveredOnReceipt(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	center := newSMSC(t, takeEach)
	c.configure(t, crm.crm()+sms(center.address, bothWays, "delivered_on receipt"), hooks)
	c.start(t)
	const messages = 4
	for i := range messages {
		offerMessage(t, c, fmt.Sprint("order-", i), outboundText)
	}
	waitFor(t, "the responses", func() bool {
		return c.metric(t, `caddy_relay_smpp_submits_total{destination="sms",result="delivered"}`) == messages
	})
	c.stop(t)
	c.start(t)
	waitFor(t, "the session", func() bool { return len(center.bound()) == 1 })
	require.EqualValues(t, messages, c.pending(t, "sms"))
	_, _, submits := center.counts()
	require.Equal(t, messages, submits, "nothing is sent again")

	sent := center.all()
	for i, state := range []string{"DELIVRD", "UNDELIV", "ENROUTE"} {
		require.Equal(t, pdu.StatusOK, center.deliver(t, receiptOf(sent[i], strconv.Itoa(i+1), state)))
	}
	crm.wait(3)
	require.EqualValues(t, 2, c.pending(t, "sms"))
	require.Equal(t, 1, deadLetters(t, c))
	require.InDelta(t, 1, c.metric(t, `caddy_relay_deliveries_total{destination="sms",result="delivered"}`), 0)
	require.Equal(t, 1, c.log.count("the SMSC reports undeliverable, error 000"))

	require.Equal(t, pdu.StatusOK, center.deliver(t, receiptOf(sent[1], "2", "DELIVRD")))
	require.Equal(t, 1, deadLetters(t, c), "a last state stays")
	c.stop(t)
	requireNoMessages(t, c)
}

// TestSMPPReceiptThatNeverComes ends as an event that says so, and as a dead
// letter if the delivery was waiting for it.
func TestSMPPReceiptThatNeverComes(t *testing.T) {
	for on, dead := range map[string]int{"response": 0, "receipt": 1} {
		t.Run(on, func(t *testing.T) {
			c, crm := newSMPPCaddy(t), newInbox(t)
			center := newSMSC(t, takeEach)
			c.configure(t, crm.crm()+sms(center.address, "delivered_on "+on, `receipts {
			to crm
			type sms.status
			expire 2s
		}`), hooks)
			c.start(t)
			offerMessage(t, c, "order-1", outboundText)
			waitFor(t, "the response", func() bool {
				return c.metric(t, `caddy_relay_smpp_submits_total{destination="sms",result="delivered"}`) == 1
			})
			c.stop(t)
			c.start(t)
			body := crm.wait(1)[0]
			require.Equal(t, []any{"1", "unknown", true, true, "491701234567"}, []any{body["message_id"], body["state"], body["final"], body["timeout"], body["recipient"]})
			require.Equal(t, "order-1", body["event"].(map[string]any)["id"])
			waitFor(t, "the delivery to end", func() bool { return c.pending(t, "sms") == 0 })
			require.Equal(t, dead, deadLetters(t, c))
			require.InDelta(t, 1, c.metric(t, `caddy_relay_smpp_receipts_total{destination="sms",state="unknown"}`), 0)
			c.stop(t)
		})
	}
}

// TestSMPPSeveralRecipients has a delivery for each, also over a kill, and a dead
// letter for the one that is no number.
func TestSMPPSeveralRecipients(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	center := newSMSC(t, takeEach)
	destination := func(address string) string {
		return `destination sms smpp ` + address + ` {
		system_id us
		password {env.SMPP_PASSWORD}
		dest_addr "{event.json.to}, nobody{event.json.none}, +49 170 2222222; 0049170-1234567"
		text {event.json.text}
		timeouts {
			session 1s
		}
		retry {
			attempts 100
			every 200ms
		}
		receipts {
			to crm
		}
	}
	`
	}
	c.configure(t, crm.crm()+destination("127.0.0.1:1"), hooks)
	c.start(t)
	offerMessage(t, c, "order-1", outboundText)
	waitFor(t, "the dead letter", func() bool { return deadLetters(t, c) == 1 })
	require.EqualValues(t, 2, c.pending(t, "sms"))
	c.kill()
	c.configure(t, crm.crm()+destination(center.address), hooks)
	c.start(t)
	waitFor(t, "the deliveries", func() bool { return c.pending(t, "sms") == 0 })
	recipients := make(map[string]string)
	sent := center.all()
	for i, p := range sent {
		recipients[p.DestAddr.Addr] = strconv.Itoa(i + 1)
	}
	require.Len(t, recipients, 2)
	require.Equal(t, pdu.StatusOK, center.deliver(t, receiptOf(sent[1], "2", "DELIVRD")))
	body := crm.wait(1)[0]
	require.Equal(t, sent[1].DestAddr.Addr, body["recipient"])
	require.Equal(t, "order-1", body["event"].(map[string]any)["id"])
	c.stop(t)
	require.Contains(t, recipients, "491702222222")
	require.Contains(t, recipients, "491701234567")
}

// TestSMPPWaitsForTheSMSC has a message come in while the SMSC is down, for longer
// than a delivery waits, and leave when it is back, whatever the retries are.
func TestSMPPWaitsForTheSMSC(t *testing.T) {
	c, address := newSMPPCaddy(t), peertest.FreeAddress(t)
	c.configure(t, `destination sms smpp `+address+` {
		system_id us
		password {env.SMPP_PASSWORD}
		dest_addr {event.json.to}
		text {event.json.text}
		timeouts {
			session 100ms
			reconnect 100ms
			max_reconnect 200ms
		}
		retry {
			attempts 2
			every 1h
		}
	}
	`, hooks)
	c.start(t)
	offerMessage(t, c, "order-1", outboundText)
	failed := `caddy_relay_attempts_total{destination="sms",result="connect"}`
	waitFor(t, "attempts in vain", func() bool { return c.metric(t, failed) >= 3 })
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	center := newSMSCOn(t, l, takeEach)
	waitFor(t, "the message", func() bool { return c.pending(t, "sms") == 0 })
	require.Equal(t, map[string]int{outboundText: 1}, center.texts())
	require.Zero(t, deadLetters(t, c))
	c.stop(t)
}
