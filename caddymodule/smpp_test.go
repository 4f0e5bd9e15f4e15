package caddymodule

import (
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// provisionSMPP loads an app with destinations of the type smpp, and lets go of it
// with the test.
func provisionSMPP(t *testing.T, destinations string) (*App, error) {
	t.Helper()
	config := `{"queue": {"engine": "sqlite", "path": ` + string(caddyconfig.JSON(t.TempDir(), nil)) + `}, "destinations": ` + destinations + `}`
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"relay": json.RawMessage(config)}})
	if err != nil {
		return nil, err
	}
	app, err := ctx.App("relay")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, app.(*App).Cleanup()) })
	return app.(*App), nil
}

// smppOptions returns the destinations of an app: crm, and sms with options that
// replace or add to those that are required.
func smppOptions(t *testing.T, options string) string {
	t.Helper()
	all := map[string]any{
		"type": "smpp", "addresses": []string{"127.0.0.1:2775"}, "system_id": "us", "dest_addr": "{event.json.to}",
	}
	require.NoError(t, json.Unmarshal([]byte(options), &all), options)
	return string(caddyconfig.JSON(map[string]any{
		"crm": map[string]any{"to": map[string]any{"type": "webhook", "url": "https://crm.example.com/"}},
		"sms": map[string]any{"to": all},
	}, nil))
}

func TestSMPPRefusesJSON(t *testing.T) {
	t.Setenv("EMPTY", "")
	for options, want := range map[string]string{
		`{"addresses": []}`:                                                       "no address",
		`{"addresses": ["{env.EMPTY}"]}`:                                          "address: {env.EMPTY} is unset, unreadable, or empty",
		`{"system_id": ""}`:                                                       "no system_id",
		`{"password": "{env.EMPTY}"}`:                                             "password: {env.EMPTY} is unset, unreadable, or empty",
		`{"password": "{file./does/not/exist}"}`:                                  "password: {file./does/not/exist} is unset, unreadable, or empty",
		`{"dest_addr": ""}`:                                                       "no dest_addr",
		`{"dest_addr": "{env.EMPTY}"}`:                                            "dest_addr: placeholder {env.EMPTY}: unset, unreadable, or empty",
		`{"source_addr": ["{http.request.host}"]}`:                                "source_addr: placeholder",
		`{"bind": ["sender"]}`:                                                    "bind: unknown choice 'sender'",
		`{"bind": ["receiver"]}`:                                                  "bind: nothing can be sent over a receiver alone",
		`{"bind": ["transmitter", "transmitter"]}`:                                "bind: use transceiver, transmitter, or transmitter receiver",
		`{"sessions": -1}`:                                                        "sessions: must be from 1 to 100",
		`{"window": -1}`:                                                          "window: must be from 1 to 10000",
		`{"rate": -1}`:                                                            "rate: must be from 0",
		`{"interface_version": "3"}`:                                              "interface_version: unknown choice '3'",
		`{"timeouts": {"bind": -1}}`:                                              "timeouts: bind must not be negative",
		`{"timeouts": {"max_reconnect": 1000}}`:                                   "timeouts: max_reconnect is 1µs, less than reconnect with 1s",
		`{"tlvs": [{"tag": 0, "value": "x"}]}`:                                    "tlv: it needs a tag from 1 and a value",
		`{"tlvs": [{"tag": 5121}]}`:                                               "tlv: it needs a tag from 1 and a value",
		`{"tlvs": [{"tag": 5121, "type": "int", "value": "x"}]}`:                  "unknown choice 'int'",
		`{"pdu": "submit_multi"}`:                                                 "unknown choice 'submit_multi'",
		`{"command_status": {"0x58": "slow"}}`:                                    "command_status: ",
		`{"command_status": {"0x58": "retry", "88": "throttle"}}`:                 "ESME_RTHROTTLED is there already",
		`{"duplicates": "maybe"}`:                                                 "unknown choice 'maybe'",
		`{"registered_delivery": "maybe"}`:                                        "registered_delivery: unknown choice 'maybe'",
		`{"receipts": {}}`:                                                        "receipts: no destination",
		`{"receipts": {"to": [{"destinations": ["erp"]}]}}`:                       "destination sms: there is no destination 'erp'; there are: crm, sms",
		`{"receipts": {"to": [{"destinations": ["sms"]}]}}`:                       "destination sms: receipts: each would cause another message",
		`{"receipts": {"time_zone": "Mars", "to": [{"destinations": ["crm"]}]}}`:  "receipts: time_zone: unknown time zone Mars",
		`{"messages": {}}`:                                                        "messages: no destination",
		`{"messages": {"type": "{event.id}", "to": [{"destinations": ["crm"]}]}}`: "messages: the type must have no placeholders",
		`{"messages": {"to": [{"destinations": ["sms"]}]}}`:                       "destination sms: messages: they can't go back",
		`{"tls": {"client_certificate_file": "/etc/ssl/us.pem"}}`:                 "a client certificate needs the files of both",
		`{"tls": {"ca": {"provider": "file", "pem_files": ["/does/not/exist"]}}}`: "tls: loading the authorities",
		`{"tls": {"server_name": "{env.EMPTY}"}}`:                                 "tls: server_name: {env.EMPTY} is unset",
		`{"receipts": {"to": [{"destinations": ["crm"]}]}, "registered_delivery": "none"}`: "registered_delivery: none asks for no receipts",
		`{"bind": ["transmitter"], "messages": {"to": [{"destinations": ["crm"]}]}}`:       "bind: nothing comes back over a transmitter alone",
	} {
		_, err := provisionSMPP(t, smppOptions(t, options))
		require.ErrorContains(t, err, want, options)
	}
}

// TestSMPPDefaults checks what depends on other options.
func TestSMPPDefaults(t *testing.T) {
	for _, tt := range []struct {
		options     string
		registered  pdu.RegisteredDelivery
		concurrency int
	}{
		{`{}`, pdu.RegisteredDeliveryNone, 20},
		{`{"receipts": {"to": [{"destinations": ["crm"]}]}}`, pdu.RegisteredDeliveryFinal, 20},
		{`{"registered_delivery": "all", "sessions": 3}`, pdu.RegisteredDeliveryFinal | pdu.RegisteredDeliveryIntermediate, 60},
		{`{"registered_delivery": "failure", "window": 10000, "sessions": 2}`, pdu.RegisteredDeliveryFailure, 10000},
		{`{"window": 50, "rate": 1}`, pdu.RegisteredDeliveryNone, 10},
		{`{"window": 50, "rate": 0.01}`, pdu.RegisteredDeliveryNone, 1},
		{`{"bind": ["transmitter", "receiver"], "sessions": 2}`, pdu.RegisteredDeliveryNone, 40},
		{`{"languages": ["tr", "es"], "default_alphabet": "gsm7_packed", "long_messages": "udh16", "source_choice": "sticky"}`, pdu.RegisteredDeliveryNone, 20},
	} {
		app, err := provisionSMPP(t, smppOptions(t, tt.options))
		require.NoError(t, err, tt.options)
		require.Equal(t, tt.registered, app.smpp["sms"].config.RegisteredDelivery, tt.options)
		require.Equal(t, tt.concurrency, app.Destinations["sms"].Concurrency, tt.options)
		require.Equal(t, defaultConcurrency, app.Destinations["crm"].Concurrency)
	}
}

// TestSMPPDialsNothing checks that a config which is only loaded does not connect.
func TestSMPPDialsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	app, err := provisionSMPP(t, smppOptions(t, `{"addresses": ["`+l.Addr().String()+`"]}`))
	require.NoError(t, err)
	app.closeDestinations()
	smppClosing.Wait()
	require.NoError(t, l.Close())
	_, err = l.Accept() // It would return a connection that is waiting.
	require.ErrorIs(t, err, net.ErrClosed)
}

// sessionsOf returns the sessions of a destination.
func sessionsOf(t *testing.T, app *App, name string) *pooledBinds {
	t.Helper()
	for _, d := range app.config.Destinations {
		if d.Name == name {
			return d.Destination.(*smppDestination).binds
		}
	}
	t.Fatalf("no destination %s", name)
	return nil
}

func TestSMPPSharesSessions(t *testing.T) {
	first, err := provisionSMPP(t, smppOptions(t, `{"text": "one"}`))
	require.NoError(t, err)
	second, err := provisionSMPP(t, smppOptions(t, `{"text": "two", "receipts": {"to": [{"destinations": ["crm"]}]}}`))
	require.NoError(t, err)
	require.Same(t, sessionsOf(t, first, "sms"), sessionsOf(t, second, "sms"))
	for _, options := range []string{`{"password": "other"}`, `{"window": 11}`, `{"rate": 5}`, `{"tls": {}}`, `{"system_type": "x"}`, `{"message_id": "fold"}`, `{"timeouts": {"enquire_link": -1}}`} {
		other, err := provisionSMPP(t, smppOptions(t, options))
		require.NoError(t, err, options)
		require.NotSame(t, sessionsOf(t, first, "sms"), sessionsOf(t, other, "sms"), options)
	}
}

// TestSMPPSharedMessages refuses two destinations that would both have the
// messages of the same sessions.
func TestSMPPSharedMessages(t *testing.T) {
	destination := func(system, to string) string {
		return `{"to": {"type": "smpp", "addresses": ["127.0.0.1:2775"], "system_id": "` + system + `", "dest_addr": "1", "messages": {"to": [{"destinations": ["` + to + `"]}]}}}`
	}
	_, err := provisionSMPP(t, `{"a": `+destination("us", "b")+`, "b": `+destination("us", "a")+`}`)
	require.ErrorContains(t, err, "destination b: it shares its sessions with a, and only one of them can have messages")
	_, err = provisionSMPP(t, `{"a": `+destination("us", "b")+`, "b": `+destination("them", "a")+`}`)
	require.NoError(t, err)
}

// TestSMPPStoreBeforeStart has a receipt come while there is no queue.
func TestSMPPStoreBeforeStart(t *testing.T) {
	app, err := provisionSMPP(t, smppOptions(t, `{}`))
	require.NoError(t, err)
	store := &smppStore{app: app}
	_, err = store.Keep(relay.Acceptance{})
	require.ErrorIs(t, err, errNoQueue)
	require.ErrorIs(t, store.EachLinked(t.Context(), relay.LinkHash{}, nil), errNoQueue)
	_, err = store.Report(t.Context(), "")
	require.ErrorIs(t, err, errNoQueue)
	_, err = store.Linked(t.Context(), relay.LinkHash{})
	require.ErrorIs(t, err, errNoQueue)
	_, _, err = store.Remembered(t.Context(), relay.MarkHash{})
	require.ErrorIs(t, err, errNoQueue)
}

func TestSMPPAuthoritiesAreCompared(t *testing.T) {
	var pools authorityPools
	pool := func(name string) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(&x509.Certificate{Raw: []byte(name), RawSubject: []byte(name)})
		return p
	}
	require.Equal(t, 0, pools.number(nil))
	require.Equal(t, 1, pools.number(pool("one")))
	require.Equal(t, 2, pools.number(pool("two")))
	require.Equal(t, 1, pools.number(pool("one")))
	require.Equal(t, 0, pools.number(nil))
}

// TestSMPPSecretsAreResolved checks where placeholders end up, and that secrets do
// not show where the app is shown.
func TestSMPPSecretsAreResolved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("5ecre7\n"), 0o600))
	t.Setenv("SMSC", "smsc.example.net:2775")
	t.Setenv("TO", "+49 170 1234567")
	app, err := provisionSMPP(t, smppOptions(t, `{"addresses": ["{env.SMSC}"], "password": "{file.`+file+`}", "dest_addr": "{env.TO}"}`))
	require.NoError(t, err)
	s := app.smpp["sms"]
	require.Equal(t, []string{"smsc.example.net:2775"}, s.bind.Addresses)
	require.Equal(t, "5ecre7", s.bind.Password)
	text, ok := s.config.DestAddr.Constant()
	require.True(t, ok)
	require.Equal(t, "+49 170 1234567", text)
	shown, err := json.Marshal(app)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "5ecre7")
	require.NotContains(t, s.bind.Key(), "5ecre7")
}
