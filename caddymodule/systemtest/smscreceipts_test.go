package systemtest

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// gateway passes on what ESMEs submit to an operator, whose receipts go back to
// them.
func gateway(operator string) string {
	return fmt.Sprintf(`destination operator smpp %s {
		system_id us
		password {env.SMPP_PASSWORD}
		source_addr {event.json.source_addr}
		dest_addr {event.json.dest_addr}
		text {event.json.text}
		timeouts {
			reconnect 50ms
		}
		retry {
			attempts 100
			every 200ms
		}
		receipts {
			to told
		}
	}
	destination told smsc center {
		receipts
		retry {
			attempts 100
			every 200ms
		}
	}
	`, operator)
}

// receiptSite takes receipts of an application.
var receiptSite = fmt.Sprintf(`route /receipts {
		verify bearer %s
		relay app {
			to told
		}
	}`, token)

// tell has an application say what became of a message.
func tell(t *testing.T, c *caddy, id, state string) {
	t.Helper()
	body := fmt.Sprintf(`{"event":{"id":%q},"state":%q}`, id, state)
	req, err := http.NewRequest(http.MethodPost, "http://"+c.site+"/receipts", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
}

func newGatewayCaddy(t *testing.T) (c *caddy, address string) {
	t.Helper()
	c, address = newSMSCCaddy(t)
	c.env = append(c.env, "SMPP_PASSWORD="+smppPassword)
	return c, address
}

// requireReceipt checks a receipt that an ESME has got.
func requireReceipt(t *testing.T, m *pdu.DeliverSM, id, stat string) {
	t.Helper()
	require.Equal(t, pdu.ESMClassDeliveryReceipt, m.ESMClass)
	require.Regexp(t, "^id:"+id+` sub:001 dlvrd:00\d submit date:\d{10} done date:\d{10} stat:`+stat+" err:[0-9A-Za-z]{3} text:$", string(m.ShortMessage))
	receipted, _ := m.TLVs.ReceiptedMessageID()
	require.Equal(t, id, receipted)
	_, ok := m.TLVs.MessageState()
	require.True(t, ok)
	require.Equal(t, pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"}, m.SourceAddr)
	require.Equal(t, pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"}, m.DestAddr)
}

// TestSMSCReceipts has receipts of an operator, and of an application, come back
// to the ESME that submitted the messages, also if Caddy was killed meanwhile.
func TestSMSCReceipts(t *testing.T) {
	operator := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, n int) {
		_ = r.Respond(&pdu.SubmitSMResp{MessageID: fmt.Sprintf("op-%d", n)})
	})
	c, address := newGatewayCaddy(t)
	c.configure(t, gateway(operator.address)+center(address, "operator"), receiptSite)
	c.start(t)
	s := requireESME(t, address, nil)
	var ids []string
	for i, rd := range []pdu.RegisteredDelivery{
		pdu.RegisteredDeliveryFinal, pdu.RegisteredDeliveryFailure, pdu.RegisteredDeliveryNone, pdu.RegisteredDeliveryFinal,
	} {
		p := submission(esmeText)
		p.RegisteredDelivery = rd
		ids = append(ids, requireSubmitted(t, s, p))
		waitFor(t, "the operator to have the message", func() bool {
			_, _, submits := operator.counts()
			return submits == i+1 && c.pending(t, "operator") == 0
		})
	}
	c.kill() // Before there are receipts.
	c.start(t)
	waitFor(t, "the bind", func() bool { return len(operator.bound()) == 1 })
	for n := range ids[:3] {
		require.Equal(t, pdu.StatusOK, operator.deliver(t, receiptOf(submission(""), fmt.Sprintf("op-%d", n+1), "DELIVRD")))
	}
	waitFor(t, "what was not asked for to be done", func() bool { return c.pending(t, "told") == 1 })
	c.kill() // While nobody is bound who could take the other one.
	c.start(t)
	got := make(delivered, 10)
	requireESME(t, address, got)
	requireReceipt(t, <-got, ids[0], "DELIVRD")

	tell(t, c, ids[3], "rejected")
	requireReceipt(t, <-got, ids[3], "REJECTD")
	tell(t, c, "order-17", "delivered")
	waitFor(t, "the dead letter", func() bool { return c.log.contains(`no message \"order-17\" is known`) })
	waitFor(t, "the outcomes", func() bool { return c.pending(t, "told") == 0 })
	c.stop(t)
	require.Empty(t, got)
	require.False(t, c.log.contains(esmeText))
}

// TestSMSCReceiptsOfLongMessages has a message come in two parts, and go on in
// three: the ESME gets a receipt for each of its own parts, once the operator has
// delivered all of those that it got.
func TestSMSCReceiptsOfLongMessages(t *testing.T) {
	operator := newSMSC(t, func(r *session.Request, _ *pdu.SubmitSM, n int) {
		_ = r.Respond(&pdu.SubmitSMResp{MessageID: fmt.Sprintf("op-%d", n)})
	})
	c, address := newGatewayCaddy(t)
	c.configure(t, gateway(operator.address)+center(address, "operator"), "respond 204")
	c.start(t)
	got := make(delivered, 10)
	s := requireESME(t, address, got)
	var ids []string
	for number := range 2 {
		p := submission(strings.Repeat(fmt.Sprint(number), 200))
		p.RegisteredDelivery = pdu.RegisteredDeliveryFinal
		p.TLVs.AddSAR(pdu.SAR{Ref: 7, Total: 2, Seq: byte(number + 1)})
		ids = append(ids, requireSubmitted(t, s, p))
	}
	waitFor(t, "the operator to have the message", func() bool {
		_, _, submits := operator.counts()
		return submits == 3 && c.pending(t, "operator") == 0
	})
	for _, id := range []string{"op-2", "op-1"} {
		require.Equal(t, pdu.StatusOK, operator.deliver(t, receiptOf(submission(""), id, "DELIVRD")))
	}
	const done = `caddy_relay_deliveries_total{destination="told",result="delivered"}`
	waitFor(t, "the receipts of two parts to be done", func() bool { return c.metric(t, done) == 2 })
	require.Empty(t, got)
	require.Equal(t, pdu.StatusOK, operator.deliver(t, receiptOf(submission(""), "op-3", "DELIVRD")))
	for _, id := range ids {
		requireReceipt(t, <-got, id, "DELIVRD")
	}
	waitFor(t, "the outcome", func() bool { return c.metric(t, done) == 3 })
	c.stop(t)
	require.Empty(t, got)
}

// TestSMSCReceiptsForeign has a message go from a foreign ESME to a foreign SMSC,
// and its receipt back: at once, and after Caddy was killed.
func TestSMSCReceiptsForeign(t *testing.T) {
	for _, tt := range []struct {
		name, program   string
		check           []string
		submit, collect []string
		id, receipt     string // %s is the id
	}{
		{
			"node-smpp", "node",
			[]string{"-e", "require.resolve('smpp')"},
			[]string{"esme.js", "port=PORT", "n=1", "reg=1", "wait_ms=WAIT"},
			[]string{"esme.js", "port=PORT", "n=1", "reg=0", "wait_ms=1500"},
			`"ev":"resp".*"id":"([A-Z2-7]{26})"`,
			`"ev":"deliver_sm","esm":4,.*"text":"id:%[1]s .* stat:DELIVRD .*"rid":"%[1]s","state":2`,
		},
		{
			"Net::SMPP", "perl",
			[]string{"-MNet::SMPP", "-e", "1"},
			[]string{"esme.pl", "PORT", "1"},
			[]string{"esme.pl", "PORT", "0"},
			`resp status=0 id=([A-Z2-7]{26})`,
			`pdu 00000005 id:%s .* stat:DELIVRD `,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := peertest.Dir(t, tt.program, tt.check...)
			operator, control := peertest.NodeSMSC(t, "id=hex dlr_id=dec first_id=1000000")
			c, address := newGatewayCaddy(t)
			_, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			c.configure(t, gateway(operator)+foreignCenter(t, address), receiptSite)
			c.start(t)
			run := func(args []string, wait string) string {
				t.Helper()
				replaced := make([]string, len(args))
				for i, arg := range args {
					replaced[i] = strings.NewReplacer("PORT", port, "WAIT", wait).Replace(arg)
				}
				cmd := exec.Command(tt.program, replaced...) //nolint:gosec // The test's own arguments.
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				return string(out)
			}
			idIn := func(out string) string {
				t.Helper()
				found := regexp.MustCompile(tt.id).FindStringSubmatch(out)
				require.NotNil(t, found, out)
				return found[1]
			}
			out := run(tt.submit, "1500")
			require.Regexp(t, fmt.Sprintf(tt.receipt, idIn(out)), out)

			// The receipt comes when the ESME is gone.
			resp, err := client.Post(control+"/set", "application/json", strings.NewReader(`{"dlr_delay_ms":4000}`))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			id := idIn(run(tt.submit, "0"))
			waitFor(t, "the receipt", func() bool { return c.pending(t, "told") == 1 })
			c.kill()
			c.start(t)
			out = run(tt.collect, "")
			require.Regexp(t, fmt.Sprintf(tt.receipt, id), out)
			waitFor(t, "the outcome", func() bool { return c.pending(t, "told") == 0 })
			c.stop(t)
		})
	}
}

// foreignCenter is the option smsc with the accounts that the scripts have.
func foreignCenter(t *testing.T, address string) string {
	t.Helper()
	accounts := ""
	for systemID, password := range map[string]string{"test": "secret", "perl": "pw"} {
		hash, err := bcryptHash(password)
		require.NoError(t, err)
		accounts += fmt.Sprintf("account %s {\n\t\t\tpassword %s\n\t\t}\n\t\t", systemID, hash)
	}
	return fmt.Sprintf("smsc center %s {\n\t\t%sto operator\n\t}\n\t", address, accounts)
}
