package session_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func TestTLS(t *testing.T) {
	// Only its certificate is used, which is for 127.0.0.1 and example.com.
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())

	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	v := &session.Server{Authenticator: anybody{Handler: handler(func(r *session.Request) { _ = r.Respond(&pdu.SubmitSMResp{MessageID: "1"}) })}}
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() { _, _ = v.Accept(context.Background(), conn) }()
		}
	}()

	for name, tt := range map[string]struct {
		config *tls.Config
		err    string
	}{
		"trusted":        {&tls.Config{RootCAs: trusted}, ""},
		"server name":    {&tls.Config{RootCAs: trusted, ServerName: "example.com"}, ""},
		"wrong name":     {&tls.Config{RootCAs: trusted, ServerName: "smsc.example.net"}, "smsc.example.net"},
		"not trusted":    {&tls.Config{}, "certificate"},
		"TLS not wanted": {nil, "smpp"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &session.Connector{Address: l.Addr().String(), TLS: tt.config}
			s, err := c.Connect(context.Background(), pdu.BindTransceiver)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			r, err := s.Do(context.Background(), message(), nil)
			require.NoError(t, err)
			require.Equal(t, pdu.StatusOK, r.Head().Status)
			require.NoError(t, s.Stop(context.Background()))
		})
	}
}
