package systemtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// The password of ESMEs, its hash with the least cost there is, and a text, which
// no log may show.
const (
	esmePassword = "esme-5ecret"
	esmeText     = "Your-submitted-c0de-is-2342"
)

var esmeHash = func() string {
	hash, err := bcryptHash(esmePassword)
	if err != nil {
		panic(err) // It is of the test.
	}
	return hash
}()

// journal is a server that takes webhooks, and knows the events of an SMSC by
// their message_id.
type journal struct {
	*httptest.Server

	mu     sync.Mutex
	bodies map[string]map[string]any
}

func newJournal(t *testing.T) *journal {
	t.Helper()
	j := &journal{bodies: make(map[string]map[string]any)}
	j.Server = httptest.NewServer(j)
	t.Cleanup(j.Close)
	return j
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	id, _ := body["message_id"].(string)
	j.bodies[id] = body
}

// of returns the event of a message, or nil if it has not arrived.
func (j *journal) of(id string) map[string]any {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bodies[id]
}

// wait waits for the event of a message.
func (j *journal) wait(t *testing.T, id string) map[string]any {
	t.Helper()
	waitFor(t, "the event of "+id, func() bool { return j.of(id) != nil })
	return j.of(id)
}

// center is the option smsc, and the accounts in it.
func center(address, to string, options ...string) string {
	return fmt.Sprintf(`smsc center %s {
		account esme {
			password {env.ESME_HASH}
			max_binds 2
		}
		account elsewhere {
			password {env.ESME_HASH}
			allow 192.0.2.0/24
		}
		to %s
		%s
	}
	`, address, to, strings.Join(options, "\n\t\t"))
}

// toESME is a destination that delivers to an account of the center.
const toESME = `destination push smsc center esme {
		source_addr 12345
		dest_addr +491700000001
		text "for {event.json.id}: {event.json.text}"
		retry {
			attempts 100
			every 200ms
		}
	}
	`

func newSMSCCaddy(t *testing.T) (c *caddy, address string) {
	t.Helper()
	c = newCaddy(t)
	c.env = append(c.env, "ESME_HASH="+esmeHash)
	return c, peertest.FreeAddress(t)
}

// delivered collects what an ESME gets.
type delivered chan *pdu.DeliverSM

func (d delivered) HandleRequest(r *session.Request) {
	if m, ok := r.PDU.(*pdu.DeliverSM); ok && r.Respond(&pdu.DeliverSMResp{}) == nil {
		d <- m
	}
}

// bindESME binds to an SMSC.
func bindESME(address, systemID, password string, config *tls.Config, h session.Handler) (*session.Session, error) {
	c := &session.Connector{Address: address, TLS: config, Bind: pdu.Bind{SystemID: systemID, Password: password}}
	c.Config.Handler = h
	return c.Connect(context.Background(), pdu.BindTransceiver)
}

func requireESME(t *testing.T, address string, h session.Handler) *session.Session {
	t.Helper()
	s, err := bindESME(address, "esme", esmePassword, nil, h)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func submission(text string) *pdu.SubmitSM {
	return &pdu.SubmitSM{
		SourceAddr: pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"},
		DestAddr:   pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "491700000001"}, ShortMessage: []byte(text),
	}
}

// requireSubmitted submits a message, and returns its id.
func requireSubmitted(t *testing.T, s *session.Session, p pdu.PDU) string {
	t.Helper()
	response, err := s.Do(context.Background(), p, nil)
	require.NoError(t, err)
	resp, ok := response.(*pdu.SubmitSMResp)
	require.True(t, ok)
	require.Equal(t, pdu.StatusOK, resp.Status)
	return resp.MessageID
}

// TestSMSC has messages of an ESME become webhooks, and webhooks messages to it.
func TestSMSC(t *testing.T) {
	c, address := newSMSCCaddy(t)
	crm, got := newJournal(t), make(delivered, 10)
	c.configure(t, webhook("crm", crm.URL)+toESME+center(address, "crm"), relaySite("push"))
	c.start(t)
	requireAccepted(t, c, "before") // Nobody is bound yet.
	s := requireESME(t, address, got)
	require.Equal(t, "center", s.PeerSystemID())

	event := crm.wait(t, requireSubmitted(t, s, submission(esmeText)))
	require.Equal(t, esmeText, event["text"])
	require.Equal(t, "esme", event["system_id"])
	require.Equal(t, "ACME", event["source_addr"])
	require.Equal(t, "491700000001", event["dest_addr"])

	var first string
	for i, part := range []string{"\x05\x00\x03\x01\x02\x02 and the end", "\x05\x00\x03\x01\x02\x01the start"} {
		p := submission(part)
		p.ESMClass = pdu.ESMClassUDHI
		if id := requireSubmitted(t, s, p); i == 1 {
			first = id
		}
	}
	require.Equal(t, "the start and the end", crm.wait(t, first)["text"])

	requireAccepted(t, c, "after")
	texts := make(map[string]bool)
	for range 4 { // The text of the events has 200 characters, so each message has two parts.
		m := <-got
		require.Equal(t, "12345", m.SourceAddr.Addr)
		require.Equal(t, "491700000001", m.DestAddr.Addr)
		texts[string(m.ShortMessage[6:16])] = true
	}
	require.True(t, texts["for before"] && texts["for after:"], "%v", texts)
	waitFor(t, "the outcomes", func() bool { return c.pending(t, "push") == 0 && c.pending(t, "crm") == 0 })

	require.InDelta(t, 3, c.metric(t, `caddy_relay_smsc_messages_total{result="ok",smsc="center"}`), 0)
	require.InDelta(t, 1, c.metric(t, `caddy_relay_smsc_binds_total{result="ok",smsc="center"}`), 0)
	require.InDelta(t, 1, c.metric(t, `caddy_relay_smsc_sessions{smsc="center",system_id="esme"}`), 0)
	c.stop(t)
	<-s.Done()
	require.ErrorIs(t, s.Err(), session.ErrUnbound)
	for _, secret := range []string{esmePassword, esmeText, esmeHash} {
		require.False(t, c.log.contains(secret), "the log has %s", secret)
	}
}

func TestSMSCRefusals(t *testing.T) {
	c, address := newSMSCCaddy(t)
	c.configure(t, webhook("crm", newJournal(t).URL)+center(address, "crm"), "respond 204")
	c.start(t)
	refused := func(systemID, password string, status pdu.CommandStatus) {
		t.Helper()
		_, err := bindESME(address, systemID, password, nil, nil)
		var e *session.BindError
		require.ErrorAs(t, err, &e)
		require.Equal(t, status, e.Status)
	}
	refused("esme", "wrong", pdu.StatusInvPaswd)
	refused("nobody", esmePassword, pdu.StatusInvPaswd)
	refused("elsewhere", esmePassword, pdu.StatusBindFail)
	requireESME(t, address, nil)
	requireESME(t, address, nil)
	refused("esme", esmePassword, pdu.StatusAlyBnd)
	require.InDelta(t, 2, c.metric(t, `caddy_relay_smsc_sessions{smsc="center",system_id="esme"}`), 0)
	for result, n := range map[string]float64{"credentials": 2, "address": 1, "too_many": 1, "ok": 2} {
		require.InDelta(t, n, c.metric(t, fmt.Sprintf(`caddy_relay_smsc_binds_total{result=%q,smsc="center"}`, result)), 0, result)
	}
	require.False(t, c.log.contains(esmePassword))
	c.stop(t)
}

// writeCertificate makes a certificate for localhost in two files, and returns
// what trusts it.
func writeCertificate(t *testing.T, dir string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: encoded},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// TestSMSCWithTLS also renews the certificate, which is no reason to end sessions.
func TestSMSCWithTLS(t *testing.T) {
	c, address := newSMSCCaddy(t)
	crm := newJournal(t)
	options := "tls " + filepath.Join(c.dir, "cert.pem") + " " + filepath.Join(c.dir, "key.pem")
	c.configure(t, webhook("crm", crm.URL)+center(address, "crm", options), "respond 204")
	out, err := c.run("validate", "--config", c.config)
	require.Error(t, err, "there is no certificate yet")
	require.Contains(t, string(out), "cert.pem")
	trust := writeCertificate(t, c.dir)
	c.start(t)
	s, err := bindESME(address, "esme", esmePassword, trust, nil)
	require.NoError(t, err)
	crm.wait(t, requireSubmitted(t, s, submission("encrypted")))
	_, err = bindESME(address, "esme", esmePassword, nil, nil)
	require.Error(t, err, "without TLS")

	renewed := writeCertificate(t, c.dir)
	c.configure(t, webhook("crm", crm.URL)+center(address, "crm", options, "type renewed"), "respond 204")
	require.NoError(t, c.reload(t))
	_, err = bindESME(address, "esme", esmePassword, trust, nil)
	require.Error(t, err)
	second, err := bindESME(address, "esme", esmePassword, renewed, nil)
	require.NoError(t, err)
	crm.wait(t, requireSubmitted(t, second, submission("renewed")))
	crm.wait(t, requireSubmitted(t, s, submission("still bound")))
	c.stop(t)
}
