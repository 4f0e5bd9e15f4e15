package smsc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// certificate returns one for a name, and a pool that trusts it.
func certificate(t testing.TB, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

func TestTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, err := New(Config{Name: "esmes", TLS: true, Accounts: []Account{testAccount(t, "esme")}}, l)
	require.NoError(t, err)
	first, trustFirst := certificate(t, "first.example")
	second, trustSecond := certificate(t, "second.example")
	server.Attach(Route{Store: new(memory), To: []string{"crm"}, TLS: first}).Activate()
	connect := func(config *tls.Config) (*session.Session, error) {
		c := &session.Connector{Address: l.Addr().String(), TLS: config, Bind: pdu.Bind{SystemID: "esme", Password: "secret"}}
		c.Config.BindTimeout = time.Minute
		return c.Connect(context.Background(), pdu.BindTransceiver)
	}
	s, err := connect(&tls.Config{RootCAs: trustFirst, ServerName: "first.example", MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	_, err = connect(&tls.Config{RootCAs: trustSecond, ServerName: "second.example", MinVersion: tls.VersionTLS12})
	require.Error(t, err)
	_, err = connect(nil)
	require.Error(t, err, "without TLS")

	// Another certificate is another route, and sessions stay.
	server.Attach(Route{Store: new(memory), To: []string{"crm"}, TLS: second}).Activate()
	_, err = connect(&tls.Config{RootCAs: trustSecond, ServerName: "second.example", MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	response, err := s.Do(context.Background(), text("hello"), nil)
	require.NoError(t, err)
	require.Equal(t, pdu.StatusOK, response.Head().Status)
	require.NoError(t, server.Close(context.Background()))
}
