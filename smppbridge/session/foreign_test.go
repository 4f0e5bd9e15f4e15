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

// nodeSMSC returns the address of node-smpp as an SMSC in a fault mode.
func nodeSMSC(t *testing.T, mode string) string {
	t.Helper()
	address, _ := peertest.NodeSMSC(t, mode)
	return address
}

// faulty is what a test of a foreign SMSC works with.
type faulty struct {
	*testing.T
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
			r, err := f.session.Do(context.Background(), m, func(p pdu.PDU) { f.late <- p })
			all[i] = outcome{r, err}
			if resp, ok := r.(*pdu.SubmitSMResp); ok && resp.MessageID != "" {
				// The bind has number 1, and ids are given in order.
				require.Equal(f, strconv.Itoa(int(m.Sequence)-1), resp.MessageID)
			}
		})
	}
	wg.Wait()
	return all
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
	for range n {
		<-f.receipts
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

func TestFaultsOfNodeSMPP(t *testing.T) {
	for _, tt := range []struct {
		mode string
		cfg  session.Config
		test func(*faulty)
	}{
		{mode: "", test: func(f *faulty) { f.answered(3, pdu.StatusOK); f.delivered(3) }},
		{mode: "throttle_pct=100", test: func(f *faulty) { f.answered(3, pdu.StatusThrottled) }},
		{mode: "throttle_pct=100 throttle_status=20", test: func(f *faulty) { f.answered(3, pdu.StatusMsgQFul) }},
		{mode: "error_pct=100 error_status=11 error_body=1", test: func(f *faulty) { f.answered(1, pdu.StatusInvDstAdr) }},
		{mode: "error_pct=100 error_status=11", test: func(f *faulty) { f.answered(1, pdu.StatusInvDstAdr) }},
		{mode: "nack_pct=100", test: func(f *faulty) { f.answered(2, pdu.StatusInvCmdID) }},
		{mode: "reorder=4", test: func(f *faulty) { f.answered(4, pdu.StatusOK) }},
		{mode: "dlr_before_resp=1", test: func(f *faulty) { f.answered(1, pdu.StatusOK); f.delivered(1) }},
		{mode: "dlr_dup=1", test: func(f *faulty) { f.answered(1, pdu.StatusOK); f.delivered(2) }},
		{mode: "dlr=data_sm", test: func(f *faulty) { f.answered(1, pdu.StatusOK); f.delivered(1) }},
		{mode: "fragment=1", test: func(f *faulty) { f.answered(3, pdu.StatusOK); f.delivered(3) }},
		{mode: "coalesce_ms=60", test: func(f *faulty) { f.answered(3, pdu.StatusOK); f.delivered(3) }},
		{mode: "resp_no_body=1", test: func(f *faulty) { f.answered(1, pdu.StatusOK) }},
		{mode: "empty_message_id=1", test: func(f *faulty) { f.answered(1, pdu.StatusOK) }},
		{mode: "late_every=2 late_ms=3000", cfg: session.Config{ResponseTimeout: time.Second}, test: func(f *faulty) {
			f.split(2, 1)
			require.Equal(f, pdu.StatusOK, (<-f.late).Head().Status)
		}},
		{mode: "lose_every=2", cfg: quick, test: func(f *faulty) { f.split(4, 2); f.delivered(4) }},
		{mode: "dup_resp_every=1", test: func(f *faulty) {
			f.answered(2, pdu.StatusOK)
			f.delivered(2) // They follow what is unexpected.
			require.Len(f, f.events.of(session.EventUnexpected), 2)
		}},
		{mode: "drop_every=3", test: func(f *faulty) { f.split(3, 1); f.ended("") }},
		{mode: "drop_every=3 drop_rst=1", test: func(f *faulty) { f.split(3, 1); f.ended("") }},
		{mode: "mute_after=1", cfg: quick, test: func(f *faulty) { f.split(4, 3); f.ended(session.ErrDead.Error()) }},
		{mode: "no_enquire_resp=1", cfg: quick, test: func(f *faulty) { f.ended(session.ErrDead.Error()) }},
		{mode: "unbind_after=2", test: func(f *faulty) { f.answered(2, pdu.StatusOK); f.ended(session.ErrUnbound.Error()) }},
		{mode: "evil=short", test: func(f *faulty) { f.ended("command_length") }},
		{mode: "evil=zero", test: func(f *faulty) { f.ended("command_length") }},
		{mode: "evil=huge", test: func(f *faulty) { f.ended("command_length") }},
		{mode: "evil=unknown", test: func(f *faulty) { f.answered(1, pdu.StatusOK) }},
		{mode: "evil=nonul", test: func(f *faulty) { f.answered(1, pdu.StatusOK) }},
		{mode: "evil=tlvover", test: func(f *faulty) { f.answered(1, pdu.StatusOK); f.delivered(2) }},
		{mode: "evil=badseq", test: func(f *faulty) { f.answered(1, pdu.StatusOK) }},
	} {
		t.Run(strings.ReplaceAll("mode "+tt.mode, " ", "_"), func(t *testing.T) {
			f := &faulty{T: t, events: &events{}, receipts: make(chan pdu.PDU, 10), late: make(chan pdu.PDU, 10)}
			cfg := tt.cfg
			cfg.Observer = f.events
			cfg.Handler = handler(func(r *session.Request) {
				f.receipts <- r.PDU
				if r.PDU.CommandID() == pdu.CommandDataSM {
					_ = r.Respond(&pdu.DataSMResp{})
					return
				}
				_ = r.Respond(&pdu.DeliverSMResp{})
			})
			c := &session.Connector{Address: nodeSMSC(t, tt.mode), Bind: pdu.Bind{SystemID: "t", Password: "p"}, Config: cfg}
			var err error
			f.session, err = c.Connect(context.Background(), pdu.BindTransceiver)
			require.NoError(t, err)
			tt.test(f)
			require.NoError(t, f.session.Stop(context.Background()))
		})
	}
}

func TestBindsThatNodeSMPPRefuses(t *testing.T) {
	for mode, status := range map[string]pdu.CommandStatus{
		"system_id=t password=x": pdu.StatusInvPaswd,
		"system_id=x":            pdu.StatusInvSysID,
		"bind_status=5":          pdu.StatusAlyBnd,
	} {
		t.Run(strings.ReplaceAll(mode, " ", "_"), func(t *testing.T) {
			c := &session.Connector{Address: nodeSMSC(t, mode), Bind: pdu.Bind{SystemID: "t", Password: "p"}}
			_, err := c.Connect(context.Background(), pdu.BindTransceiver)
			var refused *session.BindError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, status, refused.Status)
		})
	}
	t.Run("no_bind_resp=1", func(t *testing.T) {
		c := &session.Connector{Address: nodeSMSC(t, "no_bind_resp=1"), Config: session.Config{BindTimeout: time.Second}}
		_, err := c.Connect(context.Background(), pdu.BindTransceiver)
		require.ErrorIs(t, err, session.ErrTimeout)
	})
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
