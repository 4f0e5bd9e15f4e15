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

// Nothing is lost, and nothing is sent twice, whatever the SMSC does. With each
// mode, so many of six messages are taken for delivered, refused for ever, and to
// be tried again; and so many receipts find their message.
func TestFaultsOfNodeSMPP(t *testing.T) {
	for _, tt := range []struct {
		mode                        string
		delivered, permanent, retry int
		joined, unjoined            int
	}{
		{"", 6, 0, 0, 6, 0},
		{"dlr_before_resp=1 delay_ms=100", 6, 0, 0, 6, 0},
		{"dlr_before_resp=1 delay_ms=50 dlr_other_session=1", 6, 0, 0, 6, 0},
		{"dlr_dup=1", 6, 0, 0, 6, 0},
		{"dlr=data_sm", 6, 0, 0, 6, 0},
		{"dlr=text", 6, 0, 0, 6, 0},
		{"dlr=tlv", 6, 0, 0, 6, 0},
		{"dlr=payload", 6, 0, 0, 6, 0},
		{"dlr_format=commas dlr=text", 6, 0, 0, 6, 0},
		{"dlr_format=upper dlr=text", 6, 0, 0, 6, 0},
		{"dlr_format=idonly dlr=text", 6, 0, 0, 6, 0},
		{"dlr_esm=8", 6, 0, 0, 6, 0},
		{"id=hex dlr_id=dec first_id=11259375", 6, 0, 0, 6, 0},
		{"id=dec dlr_id=hex first_id=11259375", 6, 0, 0, 6, 0},
		{"id=pad10 dlr_id=strip0", 6, 0, 0, 6, 0},
		{"id=uuid", 6, 0, 0, 6, 0},
		{"id=HEX dlr_id=hex first_id=11259375", 6, 0, 0, 6, 0},
		{"reorder=3", 6, 0, 0, 6, 0},
		{"fragment=1", 6, 0, 0, 6, 0},
		{"coalesce_ms=60", 6, 0, 0, 6, 0},
		{"dup_resp_every=1", 6, 0, 0, 6, 0},
		{"tps=3", 6, 0, 0, 6, 0},
		{"error_pct=100 error_status=11", 0, 6, 0, 0, 0},
		{"error_pct=100 error_status=11 error_body=1", 0, 6, 0, 0, 0},
		{"error_pct=100 error_status=8", 0, 0, 6, 0, 0},
		{"throttle_pct=100 throttle_status=20", 0, 0, 6, 0, 0},
		{"nack_pct=100", 0, 6, 0, 0, 0},
		// What has no response is not sent again; its id is not known.
		{"lose_every=2", 3, 3, 0, 3, 3},
		{"late_every=2 late_ms=3000", 3, 3, 0, 6, 0},
		{"resp_no_body=1", 6, 0, 0, 0, 6},
		{"empty_message_id=1", 6, 0, 0, 0, 6},
		{"evil=unknown", 6, 0, 0, 6, 0},
		{"evil=nonul", 6, 0, 0, 6, 0},
	} {
		t.Run(strings.ReplaceAll("mode "+tt.mode, " ", "_"), func(t *testing.T) {
			t.Parallel()
			b, kept, _ := foreignBench(t, tt.mode, func(_ *Config, bind *BindConfig) {
				if strings.Contains(tt.mode, "other_session") {
					bind.Modes = []pdu.BindMode{pdu.BindTransceiver, pdu.BindTransceiver}
				}
			})
			outcomes := b.deliverAll(6)
			require.Equal(t, [3]int{tt.delivered, tt.permanent, tt.retry},
				[3]int{outcomes[relay.Delivered], outcomes[relay.Permanent], outcomes[relay.Retry]})
			joined, seen := 0, make(map[string]bool)
			for range tt.joined + tt.unjoined {
				require.Equal(t, DefaultReceiptType, (<-kept).Type)
			}
			for _, body := range b.receipts() {
				if body.Event != nil {
					joined++
					require.False(t, seen[body.Event.ID], "two messages have the receipt of one")
					seen[body.Event.ID] = true
				}
			}
			require.Equal(t, tt.joined, joined)
		})
	}
}

// A connection that is cut leaves what was in flight unknown, and all else goes on
// with the next one.
func TestDropsOfNodeSMPP(t *testing.T) {
	for _, mode := range []string{"drop_every=4", "drop_every=4 drop_rst=1"} {
		b, _, _ := foreignBench(t, mode, func(_ *Config, bind *BindConfig) { bind.Session.Window = 1 })
		outcomes := b.deliverAll(8)
		require.Equal(t, map[relay.Outcome]int{relay.Delivered: 6, relay.Permanent: 2}, outcomes, mode)
	}
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
