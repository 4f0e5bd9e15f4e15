//go:build linux

package main

import (
	"context"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/bench/process"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// startTestSMSC returns a serving SMSC, and what reads its control port.
func startTestSMSC(t *testing.T, window int) (*smsc, *smscProcess) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &smsc{window: window}
	done := make(chan error, 1)
	go func() { done <- s.serve(l) }()
	control := httptest.NewServer(s.control())
	t.Cleanup(func() {
		control.Close()
		require.NoError(t, l.Close())
		require.NoError(t, <-done)
	})
	return s, &smscProcess{&controlled{address: l.Addr().String(), control: strings.TrimPrefix(control.URL, "http://")}}
}

// receipts takes receipts, and answers when it is told to.
type receipts chan *session.Request

// HandleRequest implements [session.Handler].
func (r receipts) HandleRequest(request *session.Request) { r <- request }

func TestSMSC(t *testing.T) {
	const (
		window   = 2
		messages = 5
	)
	_, process := startTestSMSC(t, window)
	came := make(receipts, messages)
	connector := session.Connector{
		Address: process.address, Bind: pdu.Bind{SystemID: account, Password: account},
		Config: session.Config{Handler: came},
	}
	s, err := connector.Connect(t.Context(), pdu.BindTransceiver)
	require.NoError(t, err)
	require.NoError(t, process.waitForBinds(t.Context(), 1))

	var ids sync.Map
	var wg sync.WaitGroup
	for range messages {
		wg.Go(func() {
			resp, err := s.Do(context.Background(), &pdu.SubmitSM{
				SourceAddr: pdu.Address{Addr: "12345"}, DestAddr: pdu.Address{Addr: "491700000001"},
				RegisteredDelivery: pdu.RegisteredDeliveryFinal,
			}, nil)
			if err == nil {
				ids.Store(resp.(*pdu.SubmitSMResp).MessageID, true)
			}
		})
	}
	wg.Wait()
	resp, err := s.Do(t.Context(), &pdu.SubmitSM{DestAddr: pdu.Address{Addr: "491700000001"}}, nil)
	require.NoError(t, err)
	require.Equal(t, pdu.StatusOK, resp.Head().Status, "it wants no receipt, and gets none")

	first, second := <-came, <-came
	require.Empty(t, came, "there is no room in the window")
	require.NoError(t, first.Refuse(pdu.StatusRxTAppn))
	require.NoError(t, second.Respond(&pdu.DeliverSMResp{}))
	for range messages - 1 {
		r := <-came
		p := r.PDU.(*pdu.DeliverSM)
		require.Equal(t, pdu.ESMClassDeliveryReceipt, p.ESMClass)
		require.Equal(t, "491700000001", p.SourceAddr.Addr)
		require.Equal(t, "12345", p.DestAddr.Addr)
		state, _ := p.TLVs.MessageState()
		require.Equal(t, pdu.MessageStateDelivered, state)
		id, _ := p.TLVs.ReceiptedMessageID()
		require.Contains(t, string(p.ShortMessage), "id:"+id+" ")
		require.Contains(t, string(p.ShortMessage), "stat:DELIVRD")
		_, known := ids.LoadAndDelete(id)
		require.True(t, known, "one receipt for each, but for the second")
		require.NoError(t, r.Respond(&pdu.DeliverSMResp{}))
	}
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, process.waitForBinds(t.Context(), 0))
	c, err := process.counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, smscCounts{Submits: messages + 1, Receipts: messages, Refused: 1}, c)
}

func TestClients(t *testing.T) {
	_, center := startTestSMSC(t, 1)
	control, err := freeAddress()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"clients", "-address", center.address, "-control", control, "-binds", "3"}, io.Discard, io.Discard)
	}()
	require.NoError(t, process.Listening(t.Context(), control))
	require.NoError(t, center.waitForBinds(t.Context(), 3))
	stop()
	require.NoError(t, <-done)

	err = run(t.Context(), []string{"clients", "-address", control, "-binds", "3"}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "0 of 3 sessions are bound")
}

func TestRequireOnce(t *testing.T) {
	tests := map[string]struct {
		submits uint64
		counts  counts
		fails   bool
	}{
		"each once":          {submits: 10},
		"one not submitted":  {submits: 9, fails: true},
		"one twice":          {submits: 11, fails: true},
		"a receipt repeated": {submits: 10, counts: counts{Repeats: 1}, fails: true},
		"one that failed":    {submits: 10, counts: counts{Foreign: 1}, fails: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			center, process := startTestSMSC(t, 1)
			center.counts.Submits = 5 + tt.submits
			s := &sink{counts: tt.counts}
			control := httptest.NewServer(s.control())
			defer control.Close()
			b := &bench{next: 110, smsc: process, sink: &sinkProcess{&controlled{control: strings.TrimPrefix(control.URL, "http://")}}}
			err := b.requireOnce(t.Context(), 100, smscCounts{Submits: 5})
			require.Equal(t, tt.fails, err != nil, err)
		})
	}
}
