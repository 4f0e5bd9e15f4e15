package smppbridge

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/relay/queue/sqlite"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// collector is a destination that takes what comes back.
type collector chan *relay.Event

func (c collector) Deliver(_ context.Context, d *relay.Delivery) relay.Result {
	c <- d.Event
	return relay.Result{}
}

// receiptSMSC is an SMSC that gives a receipt for each message, a while after its
// response if that is set.
type receiptSMSC struct {
	t     testing.TB
	ids   atomic.Uint64
	delay time.Duration
}

func (s *receiptSMSC) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account{Handler: s}, nil
}

func (s *receiptSMSC) HandleRequest(r *session.Request) {
	id := strconv.FormatUint(s.ids.Add(1), 10)
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: id})
	time.AfterFunc(s.delay, func() {
		_, _ = r.Session().Do(context.Background(), receiptOf(id, "DELIVRD"), nil)
	})
}

// listen accepts sessions until the end of the test.
func (s *receiptSMSC) listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, l.Close()) })
	server := &session.Server{SystemID: "smsc", Authenticator: s, Config: session.Config{Window: 100}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = server.Accept(context.Background(), conn) }()
		}
	}()
	return l.Addr().String()
}

// process is an engine with a queue on disk, and a destination.
type process struct {
	engine *relay.Engine
	binds  *Binds
	dest   *Destination
}

func startProcess(t testing.TB, dir, address string, crm collector, change func(*Config, *BindConfig)) *process {
	t.Helper()
	queue, err := sqlite.Open(dir)
	require.NoError(t, err)
	p := &process{}
	p.engine, err = relay.NewEngine(context.Background(), relay.Options{Queue: queue})
	require.NoError(t, err)
	text := func(s string) *relay.Template {
		parsed, err := relay.ParseTemplate(s, nil)
		require.NoError(t, err)
		return parsed
	}
	bind := BindConfig{Addresses: []string{address}, SystemID: "esme"}
	c := Config{
		Name: "sms", SourceAddrs: []*relay.Template{text("ACME")}, DestAddr: text("{event.json.to}"), Text: text("{event.json.text}"),
		RegisteredDelivery: pdu.RegisteredDeliveryFinal, Store: p.engine,
		Receipts: Route{To: func(*relay.Event) []string { return []string{"crm"} }},
	}
	change(&c, &bind)
	p.binds, err = NewBinds(bind)
	require.NoError(t, err)
	p.dest, err = New(c, p.binds)
	require.NoError(t, err)
	require.NoError(t, p.dest.Start())
	p.engine.Attach(relay.Config{Destinations: []relay.DestinationConfig{
		{Name: "sms", Destination: p.dest, Concurrency: 100},
		{Name: "crm", Destination: crm, Concurrency: 100},
	}}).Activate()
	return p
}

func (p *process) stop(t testing.TB) {
	t.Helper()
	p.dest.Stop()
	require.NoError(t, p.engine.Close(context.Background()))
	require.NoError(t, p.binds.Close(context.Background()))
}

func (p *process) accept(t testing.TB, id string) {
	t.Helper()
	_, err := p.engine.Accept(&relay.Event{
		ID: id, Source: "github", Time: time.Now().Truncate(time.Millisecond), Body: []byte(`{"to":"+491700000001","text":"Hello"}`),
	}, []string{"sms"}, time.Hour)
	require.NoError(t, err)
}

// The whole way: an event becomes a message, and its receipt an event; also if
// the process was another in between.
func TestReceiptsWithAnEngine(t *testing.T) {
	dir := t.TempDir()
	s := &receiptSMSC{t: t}
	address := s.listen()
	crm := make(collector, 10)
	p := startProcess(t, dir, address, crm, func(*Config, *BindConfig) {})
	for i := range 3 {
		p.accept(t, "e"+strconv.Itoa(i))
	}
	seen := make(map[string]bool)
	for range 3 {
		e := <-crm
		require.Equal(t, DefaultReceiptType, e.Type)
		seen[e.Key] = true
	}
	require.Len(t, seen, 3)
	p.stop(t)

	p = startProcess(t, dir, address, crm, func(*Config, *BindConfig) {})
	defer p.stop(t)
	c, isReceipt := p.dest.parser.Parse(receiptOf("2", "EXPIRED"))
	require.True(t, isReceipt)
	o, certain, err := p.binds.find(context.Background(), p.dest, p.binds.matcher.Keys(nil, &c), &c)
	require.NoError(t, err)
	require.True(t, certain)
	require.Contains(t, seen, o.EventID)
	require.Equal(t, "github", o.Source)
}

// BenchmarkLoop has an event accepted, submitted, its receipt joined and kept, and
// delivered, with all of it durable; and the SMSC in the same process.
func BenchmarkLoop(b *testing.B) {
	for _, duplicates := range []Duplicates{AvoidDuplicates, AllowDuplicates} {
		b.Run(duplicatesNames[duplicates], func(b *testing.B) {
			s := &receiptSMSC{t: b}
			crm := make(collector, 1000)
			p := startProcess(b, b.TempDir(), s.listen(), crm, func(c *Config, bind *BindConfig) {
				c.Duplicates, bind.Session.Window = duplicates, 100
			})
			defer p.stop(b)
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan struct{})
			go func() {
				for range b.N {
					<-crm
				}
				close(done)
			}()
			b.SetParallelism(64)
			var n atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p.accept(b, fmt.Sprint("e", n.Add(1)))
				}
			})
			<-done
		})
	}
}
