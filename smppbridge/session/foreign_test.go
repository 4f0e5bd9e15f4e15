package session_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// faulty is what a test of a foreign SMSC works with.
type faulty struct {
	*testing.T
	control  string
	sent     sentConn
	session  *session.Session
	events   *events
	receipts chan pdu.PDU
	late     chan pdu.PDU
}

// submit sends n messages at once, with an Error for each that has no response.
func (f *faulty) submit(n int) []outcome {
	all := make([]outcome, n)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			m := message()
			m.RegisteredDelivery = 1
			r, err := f.session.Do(context.Background(), m, func(p pdu.PDU, late bool) {
				if late {
					f.late <- p
				}
			})
			all[i] = outcome{r, err}
			if resp, ok := r.(*pdu.SubmitSMResp); ok && numbered(resp.MessageID) {
				// The bind has number 1, and ids are given in order.
				require.Equal(f, strconv.Itoa(int(m.Sequence)-1), resp.MessageID)
			}
		})
	}
	wg.Wait()
	return all
}

// numbered tells whether an id counts the messages.
func numbered(id string) bool {
	return id != "" && id[0] != '0' && strings.Trim(id, "0123456789") == ""
}

// sentConn is a connection that knows what was written.
type sentConn struct {
	net.Conn
	mu   sync.Mutex
	sent []byte
}

func (c *sentConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.sent = append(c.sent, b...)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (f *faulty) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var err error
	f.sent.Conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	return &f.sent, err
}

// enquired tells whether an enquire_link was answered.
func (f *faulty) enquired() bool {
	f.sent.mu.Lock()
	defer f.sent.mu.Unlock()
	return bytes.Contains(f.sent.sent, []byte{0, 0, 0, 16, 0x80, 0, 0, 0x15, 0, 0, 0, 0})
}

// answeredWith submits n messages which get one of two statuses, and some both.
func (f *faulty) answeredWith(n int, statuses ...pdu.CommandStatus) {
	f.Helper()
	met := make(map[pdu.CommandStatus]bool)
	for _, o := range f.submit(n) {
		require.NoError(f, o.err)
		met[o.response.Head().Status] = true
	}
	require.Len(f, met, len(statuses))
	for _, status := range statuses {
		require.True(f, met[status], status)
	}
}

// answeredID submits n messages which all get an id.
func (f *faulty) answeredID(n int, id string) {
	f.Helper()
	for _, o := range f.submit(n) {
		requireAnswered(f, o, pdu.StatusOK)
		resp, ok := o.response.(*pdu.SubmitSMResp)
		require.True(f, ok)
		require.Equal(f, id, resp.MessageID)
	}
}

// answered submits n messages which all get a status.
func (f *faulty) answered(n int, status pdu.CommandStatus) {
	f.Helper()
	for _, o := range f.submit(n) {
		requireAnswered(f, o, status)
	}
}

// split submits n messages and checks how many get no response.
func (f *faulty) split(n, unknown int) {
	f.Helper()
	for _, o := range f.submit(n) {
		if o.err != nil {
			requireFailed(f, o, true, nil)
			unknown--
		}
	}
	require.Zero(f, unknown)
}

// delivered waits for n receipts.
func (f *faulty) delivered(n int) {
	f.Helper()
	for range n {
		take(f, f.receipts)
	}
}

// take waits for what comes while the session is up.
func take(f *faulty, ch <-chan pdu.PDU) pdu.PDU {
	f.Helper()
	select {
	case p := <-ch:
		return p
	case <-f.session.Done():
		require.FailNow(f, "the session has ended", "%v", f.session.Err())
		return nil
	}
}

// ended waits for the end of the session.
func (f *faulty) ended(reason string) {
	f.Helper()
	<-f.session.Done()
	require.ErrorContains(f, f.session.Err(), reason)
}

// quick are the timeouts of tests that wait for them.
var quick = session.Config{ResponseTimeout: time.Second, EnquireInterval: time.Second, EnquireTimeout: time.Second, UnbindTimeout: time.Second}

// faultCase is what a session must make of a fault.
type faultCase struct {
	// name is that in the self-test of the SMSC, whose mode it has unless there is
	// another one. It is empty for what the self-test leaves out.
	name, mode string
	cfg        session.Config
	// refused is the status of a bind that is.
	refused pdu.CommandStatus
	test    func(*faulty)
}

// inOrder is the reaction to n messages that have a response and, in whatever
// form, so many receipts.
func inOrder(n, receipts int) func(*faulty) {
	return func(f *faulty) {
		f.answered(n, pdu.StatusOK)
		f.delivered(receipts)
	}
}

// refusing is the reaction to messages that are all refused.
func refusing(n int, status pdu.CommandStatus) func(*faulty) {
	return func(f *faulty) { f.answered(n, status) }
}

// ending is the reaction to what must end the session.
func ending(reason string) func(*faulty) { return func(f *faulty) { f.ended(reason) } }

// speaking is the reaction to messages of phones.
func speaking(mode, text string, parts int) func(*faulty) {
	return func(f *faulty) {
		peertest.Control(f.T, f.control+"/mo", fmt.Sprintf(`{"mode":%q,"text":%q}`, mode, text))
		f.delivered(parts)
	}
}

var longText = strings.Repeat("Lorem ipsum dolor sit amet, ", 10)

var faultCases = []faultCase{
	{name: "plain", test: inOrder(3, 3)},
	{name: "bad password", mode: "system_id=t password=x", refused: pdu.StatusInvPaswd},
	{mode: "system_id=x", refused: pdu.StatusInvSysID},
	{mode: "bind_status=5", refused: pdu.StatusAlyBnd},
	{name: "throttle 100%", test: refusing(3, pdu.StatusThrottled)},
	{mode: "throttle_pct=100 throttle_status=20", test: refusing(3, pdu.StatusMsgQFul)},
	{name: "throttle 50% RMSGQFUL", test: func(f *faulty) { f.answeredWith(60, pdu.StatusOK, pdu.StatusMsgQFul) }},
	{name: "tps=10", test: func(f *faulty) { f.answeredWith(30, pdu.StatusOK, pdu.StatusThrottled) }},
	{name: "error with body", test: refusing(1, pdu.StatusInvDstAdr)},
	{mode: "error_pct=100 error_status=11", test: refusing(1, pdu.StatusInvDstAdr)},
	{name: "generic_nack", test: refusing(2, pdu.StatusInvCmdID)},
	{name: "delay 150ms", test: inOrder(1, 1)},
	{name: "out of order", test: inOrder(4, 4)},
	{name: "late", mode: "late_every=2 late_ms=4000", cfg: session.Config{ResponseTimeout: 2 * time.Second}, test: func(f *faulty) {
		f.split(2, 1)
		require.Equal(f, pdu.StatusOK, take(f, f.late).Head().Status)
	}},
	{name: "lost responses", cfg: session.Config{ResponseTimeout: 2 * time.Second}, test: func(f *faulty) { f.split(4, 2); f.delivered(4) }},
	{name: "duplicate responses", test: func(f *faulty) {
		f.answered(2, pdu.StatusOK)
		f.delivered(2) // They follow what is unexpected.
		require.Len(f, f.events.of(session.EventUnexpected), 2)
	}},
	{name: "drop every 3rd", test: func(f *faulty) { f.split(3, 1); f.ended("") }},
	{name: "drop with RST", test: func(f *faulty) { f.split(1, 1); f.ended("") }},
	{mode: "drop_every=3 drop_rst=1", test: func(f *faulty) { f.split(3, 1); f.ended("") }},
	{name: "mute (half-open)", cfg: quick, test: func(f *faulty) { f.split(4, 3); f.ended(session.ErrDead.Error()) }},
	{mode: "no_enquire_resp=1", cfg: quick, test: ending(session.ErrDead.Error())},
	{name: "SMSC unbind", test: func(f *faulty) { f.answered(2, pdu.StatusOK); f.ended(session.ErrUnbound.Error()) }},
	{name: "DLR before resp", test: inOrder(1, 1)},
	{name: "hex id in resp, dec in DLR", test: func(f *faulty) { f.answeredID(1, "ff"); f.delivered(1) }},
	{name: "pad10 id, stripped in DLR", test: func(f *faulty) { f.answeredID(1, "0000000001"); f.delivered(1) }},
	{name: "DLR format std", test: inOrder(1, 1)},
	{name: "DLR format secs", test: inOrder(1, 1)},
	{name: "DLR format year4", test: inOrder(1, 1)},
	{name: "DLR format nosub", test: inOrder(1, 1)},
	{name: "DLR format upper", test: inOrder(1, 1)},
	{name: "DLR format commas", test: inOrder(1, 1)},
	{name: "DLR format nul", test: inOrder(1, 1)},
	{name: "DLR format err4", test: inOrder(1, 1)},
	{name: "DLR format textlast", test: inOrder(1, 1)},
	{name: "DLR format jasmin", test: inOrder(1, 1)},
	{name: "DLR format idonly", test: inOrder(1, 1)},
	{name: "DLR tlv only", test: inOrder(1, 1)},
	{name: "DLR data_sm", test: inOrder(1, 1)},
	{name: "DLR in message_payload", test: inOrder(1, 1)},
	{name: "DLR intermediate + final", test: inOrder(1, 2)},
	{name: "DLR duplicated", test: inOrder(1, 2)},
	{name: "DLR states", test: inOrder(2, 2)},
	{name: "fragmented writes", test: inOrder(3, 3)},
	{name: "coalesced writes", test: inOrder(3, 3)},
	{name: "resp without body", test: func(f *faulty) { f.answeredID(1, "") }},
	{name: "empty message_id", test: func(f *faulty) { f.answeredID(1, "") }},
	{name: "evil short", test: ending("command_length")},
	{name: "evil zero", test: ending("command_length")},
	{name: "evil huge", test: ending("command_length")},
	{name: "evil unknown", test: inOrder(1, 1)},
	{name: "evil nonul", test: inOrder(1, 1)},
	{name: "evil tlvover", test: inOrder(1, 2)}, // one of which is not a receipt
	{name: "evil badseq", test: inOrder(1, 1)},
	{name: "MO gsm", test: speaking("gsm", "Lorem ipsum", 1)},
	{name: "MO ucs2", test: speaking("ucs2", "Lorem ipsum", 1)},
	{name: "MO gsm+udh8", test: speaking("gsm+udh8", longText, 2)},
	{name: "MO gsm+udh16", test: speaking("gsm+udh16", longText, 2)},
	{name: "MO ucs2+udh8+shuffle", test: speaking("ucs2+udh8+shuffle", longText, 5)},
	{name: "MO gsm+sar", test: speaking("gsm+sar", longText, 2)},
	{name: "MO gsm+payload", test: speaking("gsm+payload", longText, 1)},
	{name: "MO gsm+data_sm", test: speaking("gsm+data_sm", longText, 1)},
	{name: "enquire_link from SMSC", test: func(f *faulty) {
		require.False(f, f.enquired())
		peertest.Control(f.T, f.control+"/enquire", "{}")
		f.answered(1, pdu.StatusOK) // It comes behind our answer.
		require.True(f, f.enquired())
	}},
}

// TestFaultsOfNodeSMPP has a case for each fault that the SMSC can have, says its
// self-test.
func TestFaultsOfNodeSMPP(t *testing.T) {
	modes := make(map[string]string)
	for _, fault := range peertest.Faults(t) {
		modes[fault.Name] = fault.Mode
	}
	for _, tt := range faultCases {
		if tt.name != "" {
			mode, ok := modes[tt.name]
			require.True(t, ok, "there is no %q", tt.name)
			delete(modes, tt.name)
			if tt.mode == "" {
				tt.mode = mode
			}
		}
		t.Run(strings.ReplaceAll("mode "+tt.name+" "+tt.mode, " ", "_"), func(t *testing.T) {
			t.Parallel()
			testFault(t, tt)
		})
	}
	require.Empty(t, modes, "what happens is not said")
}

func testFault(t *testing.T, tt faultCase) {
	t.Helper()
	f := &faulty{T: t, events: &events{}, receipts: make(chan pdu.PDU, 100), late: make(chan pdu.PDU, 10)}
	tt.cfg.Observer = f.events
	tt.cfg.Handler = handler(func(r *session.Request) {
		f.receipts <- r.PDU
		_ = r.Refuse(pdu.StatusOK)
	})
	var address string
	address, f.control = peertest.NodeSMSC(t, tt.mode)
	c := &session.Connector{Address: address, Bind: pdu.Bind{SystemID: "t", Password: "p"}, Config: tt.cfg, Dial: f.dial}
	var err error
	f.session, err = c.Connect(context.Background(), pdu.BindTransceiver)
	if tt.refused != pdu.StatusOK {
		var refused *session.BindError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, tt.refused, refused.Status)
		return
	}
	require.NoError(t, err)
	tt.test(f)
	require.NoError(t, f.session.Stop(context.Background()))
}

func TestBindThatNodeSMPPDoesNotAnswer(t *testing.T) {
	t.Parallel()
	address, _ := peertest.NodeSMSC(t, "no_bind_resp=1")
	c := &session.Connector{Address: address, Config: session.Config{BindTimeout: time.Second}}
	_, err := c.Connect(context.Background(), pdu.BindTransceiver)
	require.ErrorIs(t, err, session.ErrTimeout)
}

// acceptForeign makes sessions of an SMSC that gives a receipt for each message,
// and returns its port. It ends with the test.
func acceptForeign(t *testing.T, a session.Authenticator) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		wg.Wait()
	})
	v := &session.Server{SystemID: "smsc", Authenticator: a}
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if s, err := v.Accept(context.Background(), conn); err == nil {
					<-s.Done()
				}
			})
		}
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// receipts is a handler that takes messages, and sends a receipt for each once
// it has three: Net::SMPP drops what comes while it waits for a response.
func receipts(outcomes chan<- outcome) handler {
	n := 0
	return func(r *session.Request) {
		n++
		_ = r.Respond(&pdu.SubmitSMResp{MessageID: fmt.Sprintf("m%d", n)})
		if n < 3 {
			return
		}
		for i := range 3 {
			go func() {
				text := fmt.Sprintf("id:m%d stat:DELIVRD", i+1)
				resp, err := r.Session().Do(context.Background(), &pdu.DeliverSM{ESMClass: pdu.ESMClassDeliveryReceipt, ShortMessage: []byte(text)}, nil)
				outcomes <- outcome{resp, err}
			}()
		}
	}
}

func TestForeignESMEs(t *testing.T) {
	for _, tt := range []struct {
		name, interpreter string
		check, args       []string
		want              string
	}{
		{"node-smpp", "node", []string{"-e", "require.resolve('smpp')"}, []string{"esme.js", "n=3", "wait_ms=1000", "port=PORT"}, `"id":"m3"`},
		{"Net::SMPP", "perl", []string{"-MNet::SMPP", "-e", "1"}, []string{"esme.pl", "PORT", "3"}, "status=0 id=m3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := peertest.Dir(t, tt.interpreter, tt.check...)
			outcomes := make(chan outcome, 3)
			account := session.Account{Handler: receipts(outcomes)}
			port := acceptForeign(t, anybody(account))
			args := make([]string, len(tt.args))
			for i, arg := range tt.args {
				args[i] = strings.Replace(arg, "PORT", port, 1)
			}
			cmd := exec.Command(tt.interpreter, args...)
			cmd.Dir = dir
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			require.NoError(t, cmd.Run(), &out)
			require.Contains(t, out.String(), tt.want)
			require.Equal(t, 3, strings.Count(out.String(), "stat:DELIVRD"), &out)
			for range 3 {
				requireAnswered(t, <-outcomes, pdu.StatusOK)
			}
		})
	}
}

// anybody is an Authenticator that lets all in.
type anybody session.Account

func (a anybody) Authenticate(context.Context, *pdu.Bind, net.Addr) (session.Account, error) {
	return session.Account(a), nil
}
