package systemtest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// TestSMPPTLS has an SMSC whose certificate is of an authority of its own, and
// which wants one of ours.
func TestSMPPTLS(t *testing.T) {
	c, crm := newSMPPCaddy(t), newInbox(t)
	// httptest has a certificate for 127.0.0.1 and example.com.
	web := httptest.NewTLSServer(nil)
	web.Close()
	own := filepath.Join(c.dir, "smsc.pem")
	require.NoError(t, os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	key, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	keyFile := filepath.Join(c.dir, "smsc.key")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: web.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert,
	})
	center := newSMSCOn(t, l, func(r *session.Request, _ *pdu.SubmitSM, n int) {
		_ = r.Respond(&pdu.SubmitSMResp{MessageID: strconv.Itoa(n)})
	})

	configure := func(options ...string) {
		block := "tls {\n" + strings.Join(options, "\n") + "\n}"
		c.configure(t, crm.crm()+sms(center.address, block, "timeouts {\nsession 1s\nreconnect 200ms\n}"), hooks)
	}
	trust, us := "trust_pool file "+own, "client_auth "+own+" "+keyFile
	configure(us)
	c.start(t)
	offerMessage(t, c, "order-1", outboundText)
	for _, step := range []struct {
		name, want string
		options    []string
	}{
		{"the authority is not trusted", "certificate signed by unknown authority", nil},
		{"the name is another", "certificate is valid for example.com", []string{trust, us, "server_name smsc.example.net"}},
		{"there is no certificate of ours", "certificate required", []string{trust}},
	} {
		if step.options != nil {
			configure(step.options...)
			require.NoError(t, c.reload(t))
		}
		waitFor(t, step.name, func() bool { return c.log.contains(step.want) })
		binds, _, _ := center.counts()
		require.Zero(t, binds)
	}
	for _, options := range [][]string{{trust, us}, {trust, us, "server_name example.com"}, {us, "insecure_skip_verify"}} {
		before, _, _ := center.counts()
		configure(options...)
		require.NoError(t, c.reload(t))
		waitFor(t, "the bind", func() bool { n, _, _ := center.counts(); return n == before+1 })
	}
	waitFor(t, "the message", func() bool { return center.texts()[outboundText] == 1 })
	require.Equal(t, 1, c.log.count("the certificate of the SMSC is not verified"))
	c.stop(t)
	requireNoMessages(t, c)
}
