package systemtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nodeSMSC starts node-smpp as an SMSC in a mode of its script, or skips the
// test. SMPP_PEERS names the directory of the script.
func nodeSMSC(t *testing.T, mode string) (address, control string) {
	t.Helper()
	dir := os.Getenv("SMPP_PEERS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "peers", "smpp")
	}
	if _, err := os.Stat(filepath.Join(dir, "smsc.js")); err != nil {
		t.Skip("there are no foreign peers: set SMPP_PEERS to the directory of smsc.js")
	}
	check := exec.Command("node", "-e", "require.resolve('smpp')")
	check.Dir = dir
	if err := check.Run(); err != nil {
		t.Skipf("node in %s does not work (%v): run npm install there, or set NODE_PATH", dir, err)
	}
	address, control = freeAddress(t), freeAddress(t)
	args := append([]string{"smsc.js", "port=" + port(t, address), "ctl=" + port(t, control)}, strings.Fields(mode)...)
	cmd := exec.Command("node", args...) //nolint:gosec // The test's own arguments.
	cmd.Dir = dir
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "listening")
	return address, "http://" + control
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return port
}

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
			address, control := nodeSMSC(t, mode)
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
