package smsc

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) Keep(relay.Acceptance) (bool, error) {
	return false, nil
}

func (nowhere) Linked(context.Context, relay.LinkHash) ([][]byte, error) { return nil, nil }

func (nowhere) EachLinked(context.Context, relay.LinkHash, func([]byte) error) error { return nil }

// BenchmarkSubmit makes an event of a message, and its answer: without and with
// what its receipt needs.
func BenchmarkSubmit(b *testing.B) {
	for _, rd := range []pdu.RegisteredDelivery{pdu.RegisteredDeliveryNone, pdu.RegisteredDeliveryFinal} {
		b.Run(fmt.Sprintf("registered_delivery=%d", rd), func(b *testing.B) {
			s, err := New(Config{Name: "esmes", Accounts: []Account{testAccount(b, "esme")}})
			require.NoError(b, err)
			s.Attach(Route{Store: nowhere{}, To: []string{"crm"}, ReceiptTime: DefaultReceiptTime}).Activate()
			a, m := s.accounts["esme"], text("Your code is 4711. It is good for ten minutes, and only once")
			m.RegisteredDelivery = rd
			b.ReportAllocs()
			for b.Loop() {
				if _, status := s.submit(a, m); status != pdu.StatusOK {
					b.Fatal(status)
				}
			}
			require.NoError(b, s.Close(context.Background()))
		})
	}
}

// BenchmarkSession has a session of our own submit to a server, with a window of
// ten, over a loopback connection: the time is that of both.
func BenchmarkSession(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s, err := New(Config{Name: "esmes", Accounts: []Account{testAccount(b, "esme")}}, l)
	require.NoError(b, err)
	s.Attach(Route{Store: nowhere{}, To: []string{"crm"}}).Activate()
	c := &session.Connector{Address: l.Addr().String(), Bind: pdu.Bind{SystemID: "esme", Password: "secret"}}
	bound, err := c.Connect(context.Background(), pdu.BindTransceiver)
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetParallelism(10)
	b.RunParallel(func(pb *testing.PB) {
		m := text("Your code is 4711. It is good for ten minutes, and only once")
		for pb.Next() {
			response, err := bound.Do(context.Background(), m, nil)
			if err != nil || response.Head().Status != pdu.StatusOK {
				b.Error(response, err)
				return
			}
		}
	})
	require.NoError(b, s.Close(context.Background()))
}
