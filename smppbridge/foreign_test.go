package smppbridge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// notifyingStore tells of each event.
type notifyingStore struct {
	*fakeStore
	kept chan *relay.Event
}

func (s *notifyingStore) Keep(a relay.Acceptance) (bool, error) {
	duplicate, err := s.fakeStore.Keep(a)
	if err == nil && !duplicate && a.Event != nil {
		s.kept <- a.Event
	}
	return duplicate, err
}

// foreignBench is a destination with node-smpp on its other side.
func foreignBench(t *testing.T, mode string, change func(*Config, *BindConfig)) (b *bench, kept chan *relay.Event, control string) {
	t.Helper()
	address, control := peertest.NodeSMSC(t, mode)
	store := &notifyingStore{newFakeStore(), make(chan *relay.Event, 100)}
	b = &bench{T: t, store: store.fakeStore}
	bind := BindConfig{Addresses: []string{address}, SystemID: "t", Password: "p"}
	bind.Session.ResponseTimeout, bind.Session.UnbindTimeout = 2*time.Second, time.Second
	c := Config{
		Name: "sms", SourceAddrs: []*relay.Template{template(t, "ACME")}, DestAddr: template(t, "{event.json.to}"),
		Text: template(t, "{event.json.text}"), RegisteredDelivery: pdu.RegisteredDeliveryFinal, Store: store,
		Receipts: Route{To: func(*relay.Event) []string { return []string{"crm"} }},
		Messages: Route{To: func(*relay.Event) []string { return []string{"inbox"} }},
	}
	change(&c, &bind)
	var err error
	b.binds, err = NewBinds(bind)
	require.NoError(t, err)
	b.Destination, err = New(c, b.binds)
	require.NoError(t, err)
	require.NoError(t, b.Start())
	t.Cleanup(b.close)
	return b, store.kept, control
}

// send delivers n events at once, and returns how many had each outcome.
func (b *bench) deliverAll(n int) (outcomes map[relay.Outcome]int) {
	outcomes = make(map[relay.Outcome]int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			d := delivery(b, recipient, "Hello")
			d.ID, d.Event.ID = fmt.Sprintf("q_%d", i), fmt.Sprintf("e%d", i)
			r := b.Deliver(context.Background(), d)
			b.keep(d, r)
			mu.Lock()
			defer mu.Unlock()
			outcomes[r.Outcome]++
		})
	}
	wg.Wait()
	return outcomes
}

func TestMessagesOfNodeSMPP(t *testing.T) {
	text := strings.Repeat("Grüße aus der Ferne. ", 16)
	for _, mode := range []string{
		"gsm+udh8+shuffle", "gsm+udh16+shuffle", "gsm+sar+shuffle", "gsm+payload", "gsm+data_sm",
		"ucs2+udh8+shuffle", "ucs2+sar", "latin1+udh16+shuffle",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b, kept, control := foreignBench(t, "", func(*Config, *BindConfig) {})
			b.deliverAll(1) // Then it is bound.
			<-kept
			resp, err := http.Post(control+"/mo", "application/json", strings.NewReader(fmt.Sprintf(`{"mode":%q,"text":%q}`, mode, text)))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, DefaultMessageType, (<-kept).Type)
			require.Len(t, b.messages(), 1)
			require.Equal(t, text, b.messages()[0].Text)
			require.True(t, b.messages()[0].Complete)
		})
	}
}
