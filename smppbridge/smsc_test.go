package smppbridge

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// smsc is an SMSC in the process, which answers as a test says.
type smsc struct {
	t testing.TB
	// answer is called for each submit_sm and data_sm, beside others.
	answer func(n int, r *session.Request)

	mu       sync.Mutex
	n        int
	requests []pdu.PDU
	sessions []*session.Session
	down     bool
}

// dial is what connects to it.
func (s *smsc) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("connection refused")
	}
	theirs, ours := net.Pipe()
	server := &session.Server{SystemID: "smsc", Authenticator: s, Config: session.Config{Window: 100, EnquireInterval: -1, InactivityTimeout: -1}}
	go func() {
		bound, err := server.Accept(context.Background(), ours)
		if err == nil {
			s.mu.Lock()
			s.sessions = append(s.sessions, bound)
			s.mu.Unlock()
		}
	}()
	return theirs, nil
}

func (s *smsc) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account{Handler: s}, nil
}

func (s *smsc) HandleRequest(r *session.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.PDU)
	s.n++
	n := s.n
	s.mu.Unlock()
	go s.answer(n, r)
}

// submitted returns the messages that came.
func (s *smsc) submitted() []*pdu.SubmitSM {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*pdu.SubmitSM
	for _, r := range s.requests {
		if p, ok := r.(*pdu.SubmitSM); ok {
			all = append(all, p)
		}
	}
	return all
}

// session returns one that is bound.
func (s *smsc) session() *session.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(s.t, s.sessions)
	return s.sessions[len(s.sessions)-1]
}

// send sends a request, and returns the status of our answer.
func (s *smsc) send(p pdu.PDU) pdu.CommandStatus {
	s.t.Helper()
	response, err := s.session().Do(context.Background(), p, nil)
	require.NoError(s.t, err)
	return response.Head().Status
}

// take is an answer that takes all messages, with ids "m1", "m2", …
func take(n int, r *session.Request) { ok(r, "m"+strconv.Itoa(n)) }

func ok(r *session.Request, id string) {
	if r.PDU.CommandID() == pdu.CommandDataSM {
		_ = r.Respond(&pdu.DataSMResp{MessageID: id})
		return
	}
	_ = r.Respond(&pdu.SubmitSMResp{MessageID: id})
}

// lose never answers.
func lose(int, *session.Request) {}

// accepted is an event in a fakeStore.
type accepted struct {
	event *relay.Event
	to    []string
	dedup time.Duration
}

// fakeStore is a Store in memory.
type fakeStore struct {
	mu      sync.Mutex
	err     error
	events  []accepted
	settled []relay.Settlement
	links   map[relay.LinkHash][][]byte
	marks   map[relay.MarkHash]bool
}

func newFakeStore() *fakeStore {
	return &fakeStore{links: make(map[relay.LinkHash][][]byte), marks: make(map[relay.MarkHash]bool)}
}

func (s *fakeStore) Keep(a relay.Acceptance) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := errors.Is(s.err, relay.ErrFull)
	if a.Settlement != nil && (s.err == nil || full) {
		s.settled = append(s.settled, *a.Settlement)
	}
	if s.err != nil && (!full || a.Event != nil) {
		return false, s.err
	}
	for _, m := range a.Marks {
		s.marks[m.Hash] = true
	}
	if a.Event != nil {
		for _, known := range s.events {
			if known.event.ID == a.Event.ID && a.Dedup > 0 {
				return true, nil
			}
		}
		s.events = append(s.events, accepted{a.Event, a.To, a.Dedup})
	}
	s.link(a.Links...)
	return false, nil
}

// link is called with the lock held.
func (s *fakeStore) link(links ...relay.Link) {
	for _, l := range links {
		s.links[l.Hash] = append([][]byte{l.Value}, s.links[l.Hash]...)
	}
}

func (s *fakeStore) EachLinked(_ context.Context, hash relay.LinkHash, f func([]byte) error) error {
	s.mu.Lock()
	links, err := slices.Clone(s.links[hash]), s.err
	s.mu.Unlock()
	for _, value := range slices.Backward(links) {
		if err == nil {
			err = f(value)
		}
	}
	return err
}

func (s *fakeStore) Report(_ context.Context, delivery string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, settled := range slices.Backward(s.settled) {
		if settled.Delivery == delivery {
			return settled.Report, s.err
		}
	}
	return nil, s.err
}

func (s *fakeStore) Linked(_ context.Context, hash relay.LinkHash) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[hash], s.err
}

func (s *fakeStore) Remembered(_ context.Context, hash relay.MarkHash) (uint16, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 0, s.marks[hash], s.err
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeStore) all() []accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

// bench is a destination with an SMSC on its other side.
type bench struct {
	*testing.T
	smsc  *smsc
	store *fakeStore
	binds *Binds
	*Destination
}

// start returns a destination that is bound to an SMSC. It ends with the test.
func start(t *testing.T, answer func(int, *session.Request), change ...func(*Config, *BindConfig)) *bench {
	t.Helper()
	b := &bench{T: t, smsc: &smsc{t: t, answer: answer}, store: newFakeStore()}
	b.open(change...)
	return b
}

// open makes the destination, as a process does that starts.
func (b *bench) open(change ...func(*Config, *BindConfig)) {
	b.Helper()
	bind := BindConfig{Addresses: []string{"smsc.test:2775"}, SystemID: "esme", Password: "secret", dial: b.smsc.dial}
	c := Config{
		Name: "sms", SourceAddrs: []*relay.Template{template(b, "ACME")}, DestAddr: template(b, "{event.json.to}"),
		Text: template(b, "{event.json.text}"), RegisteredDelivery: pdu.RegisteredDeliveryFinal, Store: b.store,
		Receipts: Route{To: func(*relay.Event) []string { return []string{"crm"} }},
		Messages: Route{To: func(*relay.Event) []string { return []string{"inbox"} }},
	}
	for _, f := range change {
		f(&c, &bind)
	}
	var err error
	b.binds, err = NewBinds(bind)
	require.NoError(b, err)
	b.Destination, err = New(c, b.binds)
	require.NoError(b, err)
	require.NoError(b, b.Start())
	synctest.Wait() // Now it is bound.
}

// close ends the process.
func (b *bench) close() {
	b.Helper()
	b.Stop()
	require.NoError(b, b.binds.Close(context.Background()))
}

func template(t testing.TB, text string) *relay.Template {
	t.Helper()
	parsed, err := relay.ParseTemplate(text, nil)
	require.NoError(t, err)
	return parsed
}

// delivery returns the first attempt of an event.
func delivery(t testing.TB, to, text string) *relay.Delivery {
	t.Helper()
	body, err := json.Marshal(map[string]string{"to": to, "text": text})
	require.NoError(t, err)
	return &relay.Delivery{
		ID: "q_1", Destination: "sms", Attempt: 1,
		Event: &relay.Event{ID: "e1", Source: "github", Type: "alarm", Time: time.Now(), Body: body},
	}
}

// again tries a delivery once more, and remembers what the result says.
func (b *bench) again(d *relay.Delivery, r relay.Result) relay.Result {
	b.Helper()
	b.keep(d, r)
	d.Attempt++
	return b.Deliver(context.Background(), d)
}

// keep does what an engine does with a result.
func (b *bench) keep(d *relay.Delivery, r relay.Result) {
	b.Helper()
	require.NoError(b, keep(b.store, relay.Acceptance{Links: r.Links}))
	if r.Note != nil {
		d.Note = r.Note
	}
}

func parts(t testing.TB, r relay.Result) []notePart {
	t.Helper()
	n, ok := parseNote(r.Note)
	require.True(t, ok, "%s", r.Note)
	return n.Parts
}
