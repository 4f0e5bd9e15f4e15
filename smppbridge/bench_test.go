package smppbridge

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// sink is an SMSC that takes everything as fast as it can.
type sink struct{}

func (sink) HandleRequest(r *session.Request) {
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: "0123456789"})
}

func (s sink) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account{Handler: s}, nil
}

// benchDestination returns a destination that is bound to a sink over TCP.
func benchDestination(b *testing.B) *Destination {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &session.Server{SystemID: "sink", Authenticator: sink{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = server.Accept(context.Background(), conn) }()
		}
	}()
	bind := BindConfig{Addresses: []string{l.Addr().String()}, SystemID: "esme", Session: session.Config{Window: 10}}
	binds, err := NewBinds(bind)
	require.NoError(b, err)
	text := func(s string) *relay.Template {
		t, err := relay.ParseTemplate(s, nil)
		require.NoError(b, err)
		return t
	}
	d, err := New(Config{
		Name: "sms", SourceAddrs: []*relay.Template{text("ACME")}, DestAddr: text("{event.json.to}"), Text: text("{event.json.text}"),
		RegisteredDelivery: pdu.RegisteredDeliveryFinal, Store: newFakeStore(),
		Duplicates: AllowDuplicates, // The same delivery is sent again and again.
	}, binds)
	require.NoError(b, err)
	require.NoError(b, d.Start())
	b.Cleanup(func() {
		require.NoError(b, binds.Close(context.Background()))
		require.NoError(b, l.Close())
	})
	return d
}

func benchDelivery(text string) *relay.Delivery {
	return &relay.Delivery{ID: "q_1", Destination: "sms", Attempt: 1, Event: &relay.Event{
		ID: "e1", Source: "github", Body: []byte(`{"to":"+491700000001","text":"` + text + `"}`),
	}}
}

// BenchmarkDeliver also has the cost of the sink, on the other side of a
// connection.
func BenchmarkDeliver(b *testing.B) {
	for name, text := range map[string]string{"short": strings.Repeat("x", 60), "three parts": long} {
		b.Run(name, func(b *testing.B) {
			d := benchDestination(b)
			delivery := benchDelivery(text)
			d.Deliver(context.Background(), delivery)
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if r := d.Deliver(context.Background(), delivery); r.Outcome != relay.Delivered {
						b.Error(r.Detail)
						return
					}
				}
			})
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	d := benchDestination(b)
	delivery := benchDelivery(strings.Repeat("x", 60))
	b.ReportAllocs()
	for b.Loop() {
		a := attempt{Destination: d, delivery: delivery, message: messages.Get().(*coding.Message)}
		if err := a.prepare(); err != nil {
			b.Fatal(err)
		}
		if _, err := a.request(0); err != nil {
			b.Fatal(err)
		}
		messages.Put(a.message)
	}
}

func BenchmarkReceipt(b *testing.B) {
	d := benchDestination(b)
	b.ReportAllocs()
	d.binds.submitted(&origin{MessageID: "m1", Recipient: "491700000001", EventID: "e1", Delivery: "q_1", Destination: "sms", Part: 1, Total: 1})
	p := receiptOf("m1", "DELIVRD")
	for b.Loop() {
		c, _ := d.parser.Parse(p)
		o, certain, err := d.binds.find(context.Background(), d, d.binds.matcher.Keys(nil, &c), &c)
		if err != nil || !certain {
			b.Fatal(err)
		}
		receiptID(d.binds.smsc, &c, o)
	}
}
