package systemtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// The texts of messages, which no log may show.
const (
	outboundText = "Your-outbound-c0de-is-4711"
	inboundText  = "My-inbound-c0de-is-0815"
)

// receiptOf returns a receipt as most SMSCs write it.
func receiptOf(p *pdu.SubmitSM, id, state string) *pdu.DeliverSM {
	return &pdu.DeliverSM{
		SourceAddr: p.DestAddr, DestAddr: p.SourceAddr, ESMClass: pdu.ESMClassDeliveryReceipt,
		ShortMessage: fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2611220900 done date:2611220901 stat:%s err:000 text:%s",
			id, state, string(p.ShortMessage)[:min(20, len(p.ShortMessage))]),
	}
}

// received is what the bridge logs of each request of the SMSC.
const received = `"msg":"received"`

const bothWays = `receipts {
			to crm
		}
		messages {
			type sms.received
			to crm
		}`

// TestSMPPLoop sends webhooks all the way to the SMSC, and receipts back.
func TestSMPPLoop(t *testing.T) {
	const base = 0x1a2b3c4d5e // so that hexadecimal ids can't be decimal ones
	hex := func(n int) string { return fmt.Sprintf("%X", base+n) }
	decimal := func(n int) string { return strconv.Itoa(base + n) }
	for _, tt := range []struct {
		name      string
		receiptID func(n int) string
		early     bool // the receipt comes before the response
		options   string
	}{
		{name: "receipt behind the response", receiptID: hex},
		{name: "receipt before the response", receiptID: hex, early: true},
		{name: "other ids in receipts", receiptID: decimal},
		{name: "other ids in receipts, as configured", receiptID: decimal, options: "message_id hex_to_dec"},
		{name: "other ids in early receipts", receiptID: decimal, early: true},
		{name: "other ids in early receipts, as configured", receiptID: decimal, early: true, options: "message_id hex_to_dec"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const messages = 5
			c, crm := newSMPPCaddy(t), newInbox(t)
			statuses := make(chan pdu.CommandStatus, messages)
			center := newSMSC(t, func(r *session.Request, p *pdu.SubmitSM, n int) {
				go func() {
					receipt := func() {
						resp, err := r.Session().Do(context.Background(), receiptOf(p, tt.receiptID(n), "DELIVRD"), nil)
						if err == nil {
							statuses <- resp.Head().Status
						}
					}
					if tt.early {
						before := c.log.count(received)
						go receipt()
						waitFor(t, "the receipt to be received", func() bool { return c.log.count(received) > before })
					}
					if r.Respond(&pdu.SubmitSMResp{MessageID: hex(n)}) == nil && !tt.early {
						receipt()
					}
				}()
			})
			c.configure(t, crm.crm()+sms(center.address, bothWays, tt.options), hooks)
			c.start(t)
			for i := range messages {
				offerMessage(t, c, fmt.Sprintf("order-%d", i), fmt.Sprintf("%s-%d", outboundText, i))
			}
			found := make(map[string]bool)
			for _, body := range crm.wait(messages) {
				require.Equal(t, "delivered", body["state"])
				require.Equal(t, true, body["final"])
				require.Equal(t, "491701234567", body["recipient"])
				event, ok := body["event"].(map[string]any)
				require.True(t, ok, "%v", body)
				require.Equal(t, "hooks", event["source"])
				require.Equal(t, "sms", event["destination"])
				found[event["id"].(string)] = true
			}
			require.Len(t, found, messages)
			for range messages {
				require.Equal(t, pdu.StatusOK, <-statuses)
			}
			require.Len(t, center.texts(), messages)
			for text, n := range center.texts() {
				require.Equal(t, 1, n, text)
			}
			waitFor(t, "the outcomes", func() bool { return c.pending(t, "sms") == 0 })
			require.InDelta(t, messages, c.metric(t, `caddy_relay_deliveries_total{destination="sms",result="delivered"}`), 0)
			require.InDelta(t, messages, c.metric(t, `caddy_relay_smpp_submits_total{destination="sms",result="delivered"}`), 0)
			require.InDelta(t, messages, c.metric(t, `caddy_relay_smpp_receipts_total{destination="sms",state="delivered"}`), 0)
			require.InDelta(t, messages, c.metric(t, `caddy_relay_smpp_received_total{destination="sms",kind="receipt",result="ok"}`), 0)
			require.InDelta(t, 1, c.metric(t, `caddy_relay_smpp_sessions{destination="sms",mode="transceiver"}`), 0)
			last := center.bound()
			c.stop(t)
			requireUnbound(t, last...)
			requireNoMessages(t, c)
		})
	}
}

// requireNoMessages checks that neither the password nor a text is in any log,
// and the password not in what is on disk.
func requireNoMessages(t *testing.T, c *caddy) {
	t.Helper()
	for _, secret := range []string{smppPassword, outboundText, inboundText, outboundText[:20]} {
		require.False(t, c.log.contains(secret), "the log has %s", secret)
	}
	require.NoError(t, filepath.WalkDir(c.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NotContains(t, string(content), smppPassword, path)
		return err
	}))
}

// partsOf cuts a text into parts with a user data header each.
func partsOf(text string, size int, reference byte) (parts []*pdu.DeliverSM) {
	total := (len(text) + size - 1) / size
	for i := range total {
		part := text[i*size : min((i+1)*size, len(text))]
		header := []byte{5, 0, 3, reference, byte(total), byte(i + 1)}
		parts = append(parts, &pdu.DeliverSM{
			SourceAddr: pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491701234567"},
			DestAddr:   pdu.Address{Addr: "12345"}, ESMClass: pdu.ESMClassUDHI, ShortMessage: append(header, part...),
		})
	}
	return parts
}

// TestSMPPMessage has a message come in parts, in another order, also over a kill
// of the process in between.
func TestSMPPMessage(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("kill %v", kill), func(t *testing.T) {
			c, crm := newSMPPCaddy(t), newInbox(t)
			center := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, _ int) { _ = r.Refuse(pdu.StatusSysErr) })
			c.configure(t, crm.crm()+sms(center.address, bothWays), hooks)
			c.start(t)
			waitFor(t, "the bind", func() bool { return len(center.bound()) == 1 })
			text := strings.Repeat(inboundText+" ", 15)
			parts := partsOf(text, 153, 77)
			require.Len(t, parts, 3)
			require.Equal(t, pdu.StatusOK, center.deliver(t, parts[2]))
			require.Equal(t, pdu.StatusOK, center.deliver(t, parts[0]))
			if kill {
				c.kill()
				waitFor(t, "the end of the session", func() bool { return len(center.bound()) == 0 })
				c.start(t)
				waitFor(t, "another bind", func() bool { return len(center.bound()) == 1 })
			}
			require.Empty(t, crm.all())
			require.Equal(t, pdu.StatusOK, center.deliver(t, parts[1]))
			body := crm.wait(1)[0]
			require.Equal(t, text, body["text"])
			require.Equal(t, true, body["complete"])
			require.InDelta(t, 3, body["parts"], 0)
			require.Equal(t, "491701234567", body["source_addr"])
			require.Equal(t, "12345", body["dest_addr"])

			// A part that is repeated, since our answer got lost, changes nothing.
			require.Equal(t, pdu.StatusOK, center.deliver(t, parts[1]))
			require.InDelta(t, 1, c.metric(t, `caddy_relay_accepted_total{result="stored",source="sms"}`), 0)
			c.stop(t)
			require.Len(t, crm.all(), 1)
			requireNoMessages(t, c)
		})
	}
}

// TestSMPPWrongPassword has the SMSC refuse us: events wait, and the log says why.
func TestSMPPWrongPassword(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	c.env = append(c.env, "WRONG=5ecre7-wrong")
	take := func(r *session.Request, _ *pdu.SubmitSM, n int) {
		_ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)})
	}
	center := newSMSC(t, take)
	right := crm.crm() + sms(center.address, "timeouts {\nsession 1s\n}")
	c.configure(t, strings.Replace(right, "{env.SMPP_PASSWORD}", "{env.WRONG}", 1), hooks)
	c.start(t)
	offerMessage(t, c, "waits", outboundText)
	waitFor(t, "the refusal", func() bool { return c.log.contains("ESME_RINVPASWD") })
	require.InDelta(t, 1, c.metric(t, `caddy_relay_smpp_session_events_total{destination="sms",event="failed"}`), 0)
	require.Zero(t, c.metric(t, `caddy_relay_smpp_sessions{destination="sms",mode="transceiver"}`))
	require.Equal(t, 1, c.pending(t, "sms"))

	c.configure(t, right, hooks)
	require.NoError(t, c.reload(t))
	waitFor(t, "the message", func() bool { return center.texts()[outboundText] == 1 })
	_, refused, _ := center.counts()
	require.Equal(t, 1, refused, "an account that is locked for too many tries helps nobody")
	c.stop(t)
	require.False(t, c.log.contains("5ecre7-wrong"))
	requireNoMessages(t, c)
}

// TestSMPPAnswer has messages of phones answered by another destination, which
// shares the session. What comes back goes to the one that wants it, whichever is
// the later one.
func TestSMPPAnswer(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	center := newSMSC(t, func(r *session.Request, p *pdu.SubmitSM, n int) {
		go func() {
			if r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)}) == nil && p.RegisteredDelivery != 0 {
				_, _ = r.Session().Do(context.Background(), receiptOf(p, strconv.Itoa(n), "DELIVRD"), nil)
			}
		}()
	})
	answer := strings.NewReplacer("destination sms", "destination answer", "{event.json.to}", "{event.json.source_addr}",
		"{event.json.text}", `"Thank you!"`).Replace(sms(center.address))
	c.configure(t, crm.crm()+answer+sms(center.address, "receipts {\nto crm\n}\nmessages {\nto crm answer\n}"), hooks)
	c.start(t)
	waitFor(t, "the bind", func() bool { return len(center.bound()) == 1 })
	for i := range 3 {
		if i > 0 { // in another order, perhaps
			require.NoError(t, c.reloadAnyway(t))
		}
		message := &pdu.DeliverSM{SourceAddr: pdu.Address{Addr: "491701234567"}, DestAddr: pdu.Address{Addr: "12345"}, ShortMessage: []byte(inboundText)}
		require.Equal(t, pdu.StatusOK, center.deliver(t, message))
		require.Equal(t, inboundText, crm.wait(2*i + 1)[2*i]["text"])
		waitFor(t, "the answer", func() bool { return center.texts()["Thank you!"] == i+1 })
		offerMessage(t, c, fmt.Sprintf("order-%d", i), outboundText)
		require.Equal(t, "delivered", crm.wait(2*i + 2)[2*i+1]["state"])
	}
	binds, _, submits := center.counts()
	require.Equal(t, 1, binds)
	require.Equal(t, 6, submits)
	c.stop(t)
	requireNoMessages(t, c)
}

// reloadAnyway loads the Caddyfile although it is the same.
func (c *caddy) reloadAnyway(t *testing.T) error {
	t.Helper()
	out, err := c.run("reload", "--force", "--config", c.config, "--address", c.admin)
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
