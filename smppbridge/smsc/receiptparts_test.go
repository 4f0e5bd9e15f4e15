package smsc

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

func TestReceiptsOfLongMessages(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		s := b.bound(pdu.BindTransceiver, p)
		var ids []string
		for i, m := range parts(b, "udh8", 3) {
			m.RegisteredDelivery = []pdu.RegisteredDelivery{1, 2, 1}[i]
			ids = append(ids, b.idOf(s, m))
		}
		d := b.receipts()
		p.statuses = []pdu.CommandStatus{pdu.StatusOK, pdu.StatusRxTAppn}
		first := told(1, ids[0], "undeliverable", "")
		result := d.Deliver(context.Background(), first)
		require.Equal(b, relay.Retry, result.Outcome)
		require.Equal(b, 30*time.Second, result.RetryAfter)
		require.Empty(b, result.Links)
		first.Note = result.Note
		result = d.Deliver(context.Background(), first)
		require.Equal(b, relay.Delivered, result.Outcome)
		var got []string
		for _, m := range p.got {
			id, _ := m.TLVs.ReceiptedMessageID()
			got = append(got, id)
		}
		require.Equal(b, []string{ids[0], ids[1], ids[1], ids[2]}, got, "what was taken is not sent again")

		// Only those that want to know.
		for i, m := range parts(b, "udh16", 3) {
			m.RegisteredDelivery = []pdu.RegisteredDelivery{0, 2, 1}[i]
			ids[i] = b.idOf(s, m)
		}
		p.got = nil
		require.Equal(b, relay.Delivered, d.Deliver(context.Background(), told(2, ids[0], "delivered", "")).Outcome)
		require.Len(b, p.got, 1)
		id, _ := p.got[0].TLVs.ReceiptedMessageID()
		require.Equal(b, ids[2], id)
	})
}

func TestReceiptsOfVeryLongMessages(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		s := b.bound(pdu.BindTransceiver, p)
		want := make(map[string]bool)
		var first string
		for i := range 255 {
			m := text("x")
			m.RegisteredDelivery = 1
			m.TLVs.AddSAR(pdu.SAR{Ref: 1, Total: 255, Seq: byte(i + 1)})
			id := b.idOf(s, m)
			if want[id] = true; i == 0 {
				first = id
			}
		}
		for _, values := range b.store.links {
			for _, value := range values {
				require.LessOrEqual(b, len(value), relay.MaxLinkLength)
			}
		}
		require.LessOrEqual(b, len(b.store.links[keptHash("esmes", first)]), relay.MaxLinked)
		require.Equal(b, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, first, "delivered", "")).Outcome)
		require.Len(b, p.got, 255)
		for _, m := range p.got {
			id, _ := m.TLVs.ReceiptedMessageID()
			require.True(b, want[id])
			delete(want, id)
		}
	})
}

// TestOneReceiptForAllPartsOfTheOperator has a message go on in three parts, whose
// receipts come at once.
func TestOneReceiptForAllPartsOfTheOperator(t *testing.T) {
	run(t, Config{}, func(b *bed) {
		p := new(phone)
		s := b.bound(pdu.BindTransceiver, p)
		id := b.submitted(s, 1)
		d := b.receipts()
		const failed = `,"final":true,"whole":{"state":"undeliverable","final":true,"complete":false}`
		results := make([]relay.Result, 3)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				results[i] = d.Deliver(context.Background(), told(i, id, []string{"undeliverable", "delivered", "expired"}[i], failed))
			})
		}
		wg.Wait()
		require.Len(b, p.got, 1)
		var links []relay.Link
		for _, r := range results {
			require.Equal(b, relay.Delivered, r.Outcome)
			links = append(links, r.Links...)
		}
		require.Len(b, links, 1)
		b.store.link(links)

		// Another server knows it, too.
		b.server.claims = claims{}
		result := d.Deliver(context.Background(), told(7, id, "delivered", ""))
		require.Equal(b, relay.Result{Outcome: relay.Delivered, Detail: "the final state was told before"}, result)
		require.Equal(b, relay.Delivered, d.Deliver(context.Background(), told(8, id, "enroute", "")).Outcome)
		require.Len(b, p.got, 1)
	})
}

// TestReceiptsHaveTheIDsThatAreKnown has the answer to the last part of a long
// message get lost: its ESME submits that again, also to another server.
func TestReceiptsHaveTheIDsThatAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := parts(t, "udh8", 2)
		var ids []string
		b := newBed(t, Config{}, new(memory))
		s := b.bound(pdu.BindTransmitter, nil)
		for n, i := range []int{0, 1, 1, 1} {
			if n == 3 {
				b = b.again()
				s = b.bound(pdu.BindTransmitter, nil)
			}
			all[i].RegisteredDelivery = 1
			ids = append(ids, b.idOf(s, all[i]))
		}
		require.Equal(t, []string{ids[1], ids[1]}, ids[2:])
		require.Len(t, b.store.all(), 1)
		p := new(phone)
		b.bound(pdu.BindReceiver, p)
		require.Equal(t, relay.Delivered, b.receipts().Deliver(context.Background(), told(1, ids[0], "delivered", "")).Outcome)
		require.Len(t, p.got, 2)
		for i, want := range ids[:2] {
			id, _ := p.got[i].TLVs.ReceiptedMessageID()
			require.Equal(t, want, id)
		}
		b.close()
	})
}
