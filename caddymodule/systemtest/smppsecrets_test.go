package systemtest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// wrongPassword is that of nobody.
const wrongPassword = "5ecre7-guess"

// smppMarkers are passwords and texts that nothing but the other sides, and the
// queue, may get to see.
var smppMarkers = map[string]string{
	"the password of the bind": smppPassword, "the password of an ESME": esmePassword, "its hash": esmeHash,
	"a wrong password": wrongPassword, "a text that is sent": outboundText, "a text of a phone": inboundText,
	"a text of an ESME": esmeText, "a text in UCS-2": "漢字-5ecre7", "a binary message": "binary-5ecre7",
	"the secret of the webhooks that come": strings.TrimPrefix(hookSecret, "whsec_"), "that of those that leave": strings.TrimPrefix(crmSecret, "whsec_"),
}

// requireNoMarkers looks for them in each form that they could be seen in.
func requireNoMarkers(t *testing.T, where, text string) {
	t.Helper()
	for name, marker := range smppMarkers {
		var wide []byte
		for _, unit := range utf16.Encode([]rune(marker)) {
			wide = append(wide, byte(unit>>8), byte(unit))
		}
		for _, form := range []string{
			marker, hex.EncodeToString([]byte(marker)), strings.ToUpper(hex.EncodeToString([]byte(marker))), hex.EncodeToString(wide),
			strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(marker)), "="), string(wide),
		} {
			require.False(t, strings.Contains(text, form), "%s has %s", where, name)
		}
		// The beginning of a text is one, too.
		if strings.HasPrefix(name, "a text") {
			require.False(t, strings.Contains(text, marker[:min(len(marker), 15)]), "%s has the beginning of %s", where, name)
		}
	}
}

// TestSMPPSecrets takes passwords and texts through all that can happen on both
// sides of SMPP, and looks for them wherever users look. Numbers are in no log above
// the level DEBUG.
func TestSMPPSecrets(t *testing.T) {
	for _, level := range []string{"DEBUG", "INFO"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			c, crm := newSMPPCaddy(t), newInbox(t)
			passwordFile := filepath.Join(c.dir, "password")
			require.NoError(t, os.WriteFile(passwordFile, []byte(smppPassword+"\n"), 0o600))
			c.env = append(c.env, "ESME_HASH="+esmeHash)
			ours, theirs := peertest.FreeAddress(t), newSMSC(t, answerByText)
			binary := `destination binary smpp ` + theirs.address + ` {
				system_id us
				password {file.` + passwordFile + `}
				dest_addr {event.json.to}
				hex ` + hex.EncodeToString([]byte("binary-5ecre7")) + `
				timeouts {
					response 1s
				}
			}
			`
			push := "destination push smsc center esme {\ndest_addr +491700000001\ntext {event.json.text}\n}\n"
			all := crm.crm() + push + binary + center(ours, "crm") + sms(theirs.address, bothWays, "timeouts {\nresponse 1s\n}", "flash", "transliterate")
			configure := func(relay, site string) {
				c.configure(t, relay, site)
				config, err := os.ReadFile(c.config)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(c.config, []byte(strings.Replace(string(config), "level DEBUG", "level "+level, 1)), 0o600))
			}
			site := strings.Replace(hooks, "to sms", "to sms binary push", 1)
			configure(all, site)
			c.start(t)

			got := make(delivered, 20)
			_, err := bindESME(ours, "esme", wrongPassword, nil, nil)
			require.Error(t, err)
			s := requireESME(t, ours, got)
			requireSubmitted(t, s, submission(esmeText))
			long := submission("")
			require.NoError(t, long.TLVs.Add(pdu.TagMessagePayload, []byte(strings.Repeat(esmeText+" ", 20))))
			requireSubmitted(t, s, long)

			texts := []string{outboundText, "漢字-5ecre7", strings.Repeat(outboundText+" ", 20), "refuse " + outboundText, "lose " + outboundText}
			for i, text := range texts {
				offerMessage(t, c, "order-"+strconv.Itoa(i), text)
			}
			waitFor(t, "all deliveries to end", func() bool {
				return c.pending(t, "sms") == 0 && c.pending(t, "binary") == 0 && c.pending(t, "push") == 0
			})
			require.InDelta(t, 2, c.metric(t, `caddy_relay_dead_letters{destination="sms"}`), 0)
			message := &pdu.DeliverSM{SourceAddr: pdu.Address{Addr: "491701234567"}, DestAddr: pdu.Address{Addr: "12345"}, ShortMessage: []byte(inboundText)}
			require.Equal(t, pdu.StatusOK, theirs.deliver(t, message))
			waitFor(t, "the message of the phone", func() bool {
				return slices.ContainsFunc(crm.all(), func(body map[string]any) bool { return body["text"] == inboundText })
			})

			broken := map[string]string{
				"password {env.SMPP_PASSWORD} " + wrongPassword:           "password",
				"password {env.SMPP_PASSWORD}\npassword " + wrongPassword: "password",
				"password " + strings.Repeat(wrongPassword, 30):           "password",
				"system_id " + strings.Repeat("x", 20):                    "system_id",
				"text x\ntext " + outboundText:                            "text",
				"hex " + outboundText:                                     "hex",
			}
			for options, want := range broken {
				destination := "destination broken smpp " + theirs.address + " {\ndest_addr 1\nsystem_id us\n" + options + "\n}\n"
				configure(all+destination, site)
				err := c.reload(t)
				require.ErrorContains(t, err, want, options)
				for name, marker := range smppMarkers {
					require.False(t, strings.Contains(err.Error(), marker), "the error about %s has %s: %v", want, name, err)
				}
			}
			configure(all, site)
			require.NoError(t, c.reloadAnyway(t))

			requireNoMarkers(t, "/metrics", c.get(t, "/metrics"))
			config := c.get(t, "/config/")
			requireNoMarkers(t, "/config/", strings.ReplaceAll(config, hex.EncodeToString([]byte("binary-5ecre7")), "")) // It is of the config.
			require.Contains(t, config, "{env.SMPP_PASSWORD}")
			last := theirs.bound()
			c.stop(t)
			requireUnbound(t, last...)
			log := c.log.tail(1 << 30)
			requireNoMarkers(t, "the log", log)
			for _, line := range []string{"bound", "dead letter", "refused with ESME_RINVDSTADR", "unknown whether"} {
				require.Contains(t, log, line)
			}
			if level == "INFO" {
				require.NotContains(t, log, "1701234567")
				require.NotContains(t, log, "1700000001")
			} else {
				require.Contains(t, log, "1701234567", "the log has no details")
			}
			autosave, err := os.ReadFile(filepath.Join(c.dir, "caddy", "autosave.json"))
			require.NoError(t, err)
			requireNoMarkers(t, "autosave.json", strings.ReplaceAll(string(autosave), hex.EncodeToString([]byte("binary-5ecre7")), ""))
		})
	}
}

// answerByText refuses or leaves messages whose text says so, and gives receipts
// for the others.
func answerByText(r *session.Request, p *pdu.SubmitSM, n int) {
	text := string(p.ShortMessage)
	switch {
	case strings.HasPrefix(text, "refuse"):
		_ = r.Refuse(pdu.StatusInvDstAdr)
	case strings.HasPrefix(text, "lose"):
	default:
		takeEach(r, p, n)
		go func() {
			_, _ = r.Session().Do(context.Background(), receiptOf(p, strconv.Itoa(n), "DELIVRD"), nil)
		}()
	}
}
