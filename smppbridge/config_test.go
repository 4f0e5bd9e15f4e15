package smppbridge

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestConfigErrors(t *testing.T) {
	text := func(s string) *relay.Template { return template(t, s) }
	for want, change := range map[string]func(*Config){
		"no name":                  func(c *Config) { c.Name = "" },
		"no dest_addr":             func(c *Config) { c.DestAddr = nil },
		"dest_addr is no":          func(c *Config) { c.DestAddr = text("me") },
		"either a text or hex":     func(c *Config) { c.Hex = text("00") },
		"must not be negative":     func(c *Config) { c.WaitTimeout = -1 },
		"unknown choice":           func(c *Config) { c.SourceChoice = 9 },
		"needs a store":            func(c *Config) { c.Store = nil },
		"data_sm has no":           func(c *Config) { c.Operation, c.ReplaceIfPresent = DataSM, true },
		"own user data header":     func(c *Config) { c.ESMClass = pdu.ESMClassUDHI },
		"source_addr has 13":       func(c *Config) { c.SourceAddrs = []*relay.Template{text("{event.id}"), text("somebody else")} },
		"service_type has 6":       func(c *Config) { c.ServiceType = text("123456") },
		"priority is no number":    func(c *Config) { c.Priority = text("4") },
		"validity_period is":       func(c *Config) { c.ValidityPeriod = text("1 day") },
		"hex has something":        func(c *Config) { c.Text, c.Hex = nil, text("xy") },
		"set by the bridge itself": func(c *Config) { c.TLVs = []TLV{{Tag: pdu.TagMessagePayload, Value: text("x")}} },
		"has no value":             func(c *Config) { c.TLVs = []TLV{{Tag: 0x1400}} },
		"unknown type":             func(c *Config) { c.TLVs = []TLV{{Tag: 0x1400, Type: 99, Value: text("x")}} },
		"has a NUL":                func(c *Config) { c.TLVs = []TLV{{Tag: 0x1400, Type: TLVCString, Value: text("x\x00")}} },
		"65 TLVs":                  func(c *Config) { c.TLVs = make([]TLV, 65) },
		"exclude each other":       func(c *Config) { c.Coding = coding.Config{Flash: true, DataCoding: new(byte)} },
		"needs a data_coding":      func(c *Config) { c.Text, c.Hex, c.Coding.DataCoding = nil, text("00"), new(byte) },
	} {
		c := Config{Name: "sms", DestAddr: text("{event.json.to}"), Text: text("Hi"), Store: newFakeStore()}
		require.NoError(t, c.Validate())
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

func TestBindConfigErrors(t *testing.T) {
	valid := BindConfig{Addresses: []string{"smsc:2775"}, SystemID: "esme", Password: "secret"}
	require.NoError(t, valid.Validate())
	for want, change := range map[string]func(*BindConfig){
		"no address":           func(c *BindConfig) { c.Addresses = nil },
		"want host:port":       func(c *BindConfig) { c.Addresses = []string{"smsc"} },
		"no valid port":        func(c *BindConfig) { c.Addresses = []string{"smsc:99999"} },
		"no system_id":         func(c *BindConfig) { c.SystemID = "" },
		"system_id":            func(c *BindConfig) { c.SystemID = "sixteen characters" },
		"the limit is 256":     func(c *BindConfig) { c.Modes = make([]pdu.BindMode, 257) },
		"is bound as":          func(c *BindConfig) { c.Modes = []pdu.BindMode{7} },
		"must not be negative": func(c *BindConfig) { c.Rate = -1 },
		"bind_transceiver":     func(c *BindConfig) { c.Password = "sec\x00ret" },
	} {
		c := valid
		change(&c)
		err := c.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "ret")
	}
}

func TestKey(t *testing.T) {
	base := func() BindConfig {
		return BindConfig{
			Addresses: []string{"smsc:2775"}, SystemID: "esme", Password: "secret",
			TLS: &tls.Config{MinVersion: tls.VersionTLS12}, TLSKey: "ca", Modes: []pdu.BindMode{pdu.BindTransceiver},
		}
	}
	first, second := base(), base()
	require.Equal(t, first.Key(), second.Key(), "also with another *tls.Config of the same settings")
	require.NotContains(t, first.Key(), "secret")
	second.Session.Observer = &Binds{}
	require.Equal(t, first.Key(), second.Key())
	for _, change := range []func(*BindConfig){
		func(c *BindConfig) { c.Addresses = []string{"smsc:2776"} },
		func(c *BindConfig) { c.Password = "other" },
		func(c *BindConfig) { c.TLS = nil },
		func(c *BindConfig) { c.TLSKey = "other" },
		func(c *BindConfig) { c.Modes = append(c.Modes, pdu.BindTransceiver) },
		func(c *BindConfig) { c.Rate = 1 },
		func(c *BindConfig) { c.Session.Window = 20 },
		func(c *BindConfig) { c.AddressRange.Addr = "49" },
	} {
		changed := base()
		change(&changed)
		require.NotEqual(t, first.Key(), changed.Key())
	}
}

// The first address that answers is taken, each in its own time.
func TestFailover(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	f := &failover{addresses: []string{gone.Addr().String(), l.Addr().String()}, timeout: time.Second}
	conn, err := f.dial(context.Background(), "tcp", "")
	require.NoError(t, err)
	require.Equal(t, l.Addr().String(), conn.RemoteAddr().String())
	require.NoError(t, conn.Close())
	f.addresses = f.addresses[:1]
	_, err = f.dial(context.Background(), "tcp", "")
	require.ErrorContains(t, err, gone.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = f.dial(ctx, "tcp", "")
	require.ErrorIs(t, err, context.Canceled)
}

func TestNames(t *testing.T) {
	var d Duplicates
	require.NoError(t, d.UnmarshalText([]byte("allow")))
	require.Equal(t, AllowDuplicates, d)
	require.EqualError(t, d.UnmarshalText([]byte("maybe")), "unknown choice 'maybe': use one of avoid and allow")
	var s SourceChoice
	require.NoError(t, s.UnmarshalText([]byte("sticky")))
	require.Equal(t, Sticky, s)
	var k TLVType
	require.NoError(t, k.UnmarshalText([]byte("uint32")))
	b, err := k.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "uint32", string(b))
}
