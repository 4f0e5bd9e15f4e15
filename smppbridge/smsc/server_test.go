package smsc

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// secretHash is that of "secret", with the least cost there is.
const secretHash = "$2a$04$.bKgd91.bmlS.wq7R0WmvecnAsw/VZhdaFCQMOEHeKtmD/SF75r2G"

func password(t testing.TB, hash string) Password {
	t.Helper()
	p, err := ParsePassword(hash)
	require.NoError(t, err)
	return p
}

// account returns the settings of one that may do anything.
func testAccount(t testing.TB, systemID string) Account {
	return Account{SystemID: systemID, Passwords: []Password{password(t, secretHash)}}
}

// memory is a store.
type memory struct {
	mu     sync.Mutex
	events []*relay.Event
	to     [][]string
	links  map[relay.LinkHash][][]byte
	ids    map[string]bool
	err    error
	// gate holds whoever wants to keep something, until it is closed.
	gate chan struct{}
}

func (m *memory) wait() {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (m *memory) Keep(a relay.Acceptance) (duplicate bool, err error) {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return false, m.err
	}
	if a.Event != nil {
		if m.ids[a.Event.ID] {
			return true, nil
		}
		if a.Dedup > 0 {
			m.ids = map[string]bool{a.Event.ID: true}
		}
		m.events, m.to = append(m.events, a.Event), append(m.to, a.To)
	}
	m.add(a.Links)
	return false, nil
}

// link keeps links, as with the outcome of a delivery.
func (m *memory) link(links []relay.Link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(links)
}

func (m *memory) add(links []relay.Link) {
	if m.links == nil {
		m.links = make(map[relay.LinkHash][][]byte)
	}
	for _, link := range links {
		m.links[link.Hash] = append([][]byte{link.Value}, m.links[link.Hash]...)
	}
}

func (m *memory) Linked(_ context.Context, hash relay.LinkHash) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.err, relay.ErrFull) {
		return m.links[hash], nil // What is full can be read.
	}
	return m.links[hash], m.err
}

func (m *memory) EachLinked(ctx context.Context, hash relay.LinkHash, f func([]byte) error) error {
	links, err := m.Linked(ctx, hash)
	for _, value := range slices.Backward(links) {
		if err == nil {
			err = f(value)
		}
	}
	return err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// all returns what was kept.
func (m *memory) all() []*relay.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*relay.Event(nil), m.events...)
}

// counts is an observer.
type counts struct {
	mu      sync.Mutex
	binds   map[BindResult]int
	answers map[pdu.CommandStatus]int
}

func (c *counts) Bind(_ string, result BindResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.binds == nil {
		c.binds = make(map[BindResult]int)
	}
	c.binds[result]++
}

func (c *counts) Answered(_ string, status pdu.CommandStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = make(map[pdu.CommandStatus]int)
	}
	c.answers[status]++
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// fromConn is one with the address of its peer.
type fromConn struct {
	net.Conn
	remote net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.remote }

// dial connects from an address.
func (p *pipes) dial(from string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	remote := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 40_000))
	select {
	case p.conns <- fromConn{theirs, remote}:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("refused")
	}
}

func (p *pipes) dialContext(context.Context, string, string) (net.Conn, error) {
	return p.dial("192.0.2.1")
}

// bed is a server with all that a test needs around it.
type bed struct {
	*testing.T
	server *Server
	pipes  *pipes
	store  *memory
	counts *counts
	route  *Attachment
}

// run tests a server with time of its own.
func run(t *testing.T, c Config, test func(b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, c, new(memory))
		defer b.close()
		test(b)
	})
}

func newBed(t *testing.T, c Config, store *memory) *bed {
	t.Helper()
	if c.Name == "" {
		c.Name = "esmes"
	}
	if c.Accounts == nil {
		c.Accounts = []Account{testAccount(t, "esme")}
	}
	b := &bed{T: t, pipes: newPipes(), store: store, counts: new(counts)}
	var err error
	b.server, err = New(c, b.pipes)
	require.NoError(t, err)
	b.route = b.server.Attach(Route{Store: store, To: []string{"crm"}, Observer: b.counts, ReceiptTime: DefaultReceiptTime})
	b.route.Activate()
	return b
}

func (b *bed) close() {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b, b.server.Close(ctx))
}

// connect binds.
func (b *bed) connect(systemID, password, from string, mode pdu.BindMode, h session.Handler) (*session.Session, error) {
	c := &session.Connector{
		Bind: pdu.Bind{SystemID: systemID, Password: password},
		Dial: func(context.Context, string, string) (net.Conn, error) { return b.pipes.dial(from) },
	}
	c.Config.Handler = h
	return c.Connect(context.Background(), mode)
}

// bound returns a session of the account "esme".
func (b *bed) bound(mode pdu.BindMode, h session.Handler) *session.Session {
	b.Helper()
	s, err := b.connect("esme", "secret", "192.0.2.1", mode, h)
	require.NoError(b, err)
	synctest.Wait()
	return s
}

// submit sends a request and returns the response.
func (b *bed) submit(s *session.Session, p pdu.PDU) pdu.PDU {
	b.Helper()
	response, err := s.Do(context.Background(), p, nil)
	require.NoError(b, err)
	return response
}

// bodyOf returns the body of an event.
func bodyOf(t testing.TB, e *relay.Event) map[string]any {
	t.Helper()
	var decoded map[string]any
	require.NoError(t, json.Unmarshal(e.Body, &decoded))
	return decoded
}

func text(s string) *pdu.SubmitSM {
	return &pdu.SubmitSM{
		SourceAddr: pdu.Address{TON: pdu.TONAlphanumeric, Addr: "ACME"}, DestAddr: pdu.Address{TON: 1, NPI: 1, Addr: "491700000001"},
		ShortMessage: []byte(s),
	}
}

func TestMessagesGoWhereTheLatestRouteSays(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		s := b.bound(pdu.BindTransceiver, nil)
		later := new(memory)
		second := b.server.Attach(Route{Store: later, To: []string{"erp"}, Type: "sms"})
		b.submit(s, text("first"))
		require.Len(b, b.store.all(), 1, "what is not activated has no effect")
		second.Activate()
		b.route.Detach()
		b.submit(s, text("second"))
		require.Len(b, later.all(), 1)
		require.Equal(b, "sms", later.all()[0].Type)
		require.Equal(b, [][]string{{"erp"}}, later.to)
		b.route.Activate()
		second.Detach()
		b.submit(s, text("third"))
		require.Len(b, b.store.all(), 2)
		b.route.Detach()
		require.Equal(b, pdu.StatusRxTAppn, b.submit(s, text("fourth")).Head().Status, "there is no route")
		require.Equal(b, session.StateBound, s.State())
	})
}

func TestNothingIsAcceptedBeforeARouteIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		server, err := New(Config{Name: "esmes", Accounts: []Account{testAccount(t, "esme")}}, p)
		require.NoError(t, err)
		server.Attach(Route{Store: new(memory), To: []string{"crm"}})
		dialed := make(chan error, 1)
		go func() {
			_, err := p.dial("192.0.2.1")
			dialed <- err
		}()
		synctest.Wait()
		require.Empty(t, dialed)
		require.NoError(t, server.Close(context.Background()))
		require.ErrorContains(t, <-dialed, "refused")
	})
}

func TestCloseAnswersWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, Config{}, new(memory))
		s := b.bound(pdu.BindTransceiver, nil)
		b.store.gate = make(chan struct{})
		answered := make(chan pdu.PDU, 1)
		go func() { answered <- b.submit(s, text("hello")) }()
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			b.close()
			close(closed)
		}()
		synctest.Wait()
		close(b.store.gate)
		require.Equal(t, pdu.StatusOK, (<-answered).Head().Status)
		<-closed
		<-s.Done()
		require.ErrorIs(t, s.Err(), session.ErrUnbound)
		require.Len(t, b.store.all(), 1)
	})
}

func TestLimitsOfConnections(t *testing.T) {
	run(t, Config{MaxConnections: maxUnbound + 2}, func(b *bed) {
		require.Equal(b, map[string]int{"esme": 0}, b.server.Bound())
		first := b.bound(pdu.BindTransceiver, nil)
		require.Equal(b, map[string]int{"esme": 1}, b.server.Bound())
		for range maxUnbound {
			_, err := b.pipes.dial("192.0.2.1")
			require.NoError(b, err)
		}
		synctest.Wait()
		refused := func(from string) {
			conn, err := b.pipes.dial(from)
			require.NoError(b, err)
			_, err = conn.Read(make([]byte, 1))
			require.Error(b, err)
		}
		refused("192.0.2.1") // It has as many that are not bound as an address may have.
		_, err := b.pipes.dial("192.0.2.2")
		require.NoError(b, err)
		refused("192.0.2.3") // There are as many as there may be.
		time.Sleep(session.DefaultBindTimeout + time.Second)
		second := b.bound(pdu.BindTransceiver, nil)
		require.NoError(b, first.Close())
		require.NoError(b, second.Close())
		synctest.Wait()
		require.Equal(b, map[string]int{"esme": 0}, b.server.Bound())
		require.Empty(b, b.server.unbound)
		require.Zero(b, b.server.connections)
	})
}
