package systemtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// TestSMPPForeign has node-smpp on the other side.
func TestSMPPForeign(t *testing.T) {
	for _, mode := range []string{
		"",
		"dlr_before_resp=1",
		"id=hex dlr_id=dec first_id=1000000",
		"dlr_before_resp=1 dlr=tlv",
		"dlr_dup=1",
		"dlr=data_sm",
		"throttle_pct=30",
	} {
		t.Run(strings.ReplaceAll("mode "+mode, " ", "_"), func(t *testing.T) {
			const messages = 5
			address, control := peertest.NodeSMSC(t, mode)
			c, crm := newSMPPCaddy(t), newInbox(t)
			c.configure(t, crm.crm()+sms(address, bothWays), hooks)
			c.start(t)
			for i := range messages {
				offerMessage(t, c, fmt.Sprintf("order-%d", i), fmt.Sprintf("%s-%d", outboundText, i))
			}
			found := make(map[string]bool)
			for _, body := range crm.wait(messages) {
				require.Equal(t, "delivered", body["state"])
				found[body["event"].(map[string]any)["id"].(string)] = true
			}
			require.Len(t, found, messages)

			text := strings.Repeat(inboundText+" Grüße, 漢字. ", 7)
			resp, err := client.Post(control+"/mo", "application/json",
				strings.NewReader(fmt.Sprintf(`{"mode":"ucs2+udh8+shuffle","text":%q,"from":"491701234567","to":"12345"}`, text)))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			message := crm.wait(messages + 1)[messages]
			require.Equal(t, text, message["text"])
			require.Equal(t, true, message["complete"])
			c.stop(t)
			requireNoMessages(t, c)
		})
	}
}
