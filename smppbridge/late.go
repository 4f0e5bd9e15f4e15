package smppbridge

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// The limits of what is kept of parts whose response came after their attempt had
// ended. It has to last until the next attempt, or the next replay.
const (
	maxLate = 10_000
	lateAge = 24 * time.Hour
)

// lateTable holds the parts that were taken after all.
type lateTable struct {
	mu         sync.Mutex
	byDelivery map[string]*list.Element
	byAge      list.List // of *lateDelivery, the oldest first
}

type lateDelivery struct {
	delivery string
	since    time.Time
	ids      map[int]string // by part, from 0
}

func newLateTable() *lateTable { return &lateTable{byDelivery: make(map[string]*list.Element)} }

func (t *lateTable) add(now time.Time, o *origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := t.byAge.Front(); f != nil; f = t.byAge.Front() {
		oldest, _ := f.Value.(*lateDelivery)
		if t.byAge.Len() < maxLate && now.Sub(oldest.since) < lateAge {
			break
		}
		t.byAge.Remove(f)
		delete(t.byDelivery, oldest.delivery)
	}
	e := t.byDelivery[o.Delivery]
	if e == nil {
		e = t.byAge.PushBack(&lateDelivery{delivery: o.Delivery, since: now, ids: make(map[int]string)})
		t.byDelivery[o.Delivery] = e
	}
	d, _ := e.Value.(*lateDelivery)
	d.ids[int(o.Part)-1] = o.MessageID
}

// apply takes note of the parts of a delivery whose response was late.
func (t *lateTable) apply(delivery string, n *note) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byDelivery[delivery]
	if e == nil {
		return false
	}
	applied := false
	d, _ := e.Value.(*lateDelivery)
	for part, id := range d.ids {
		if part < len(n.Parts) && n.Parts[part].State == partUnknown {
			n.Parts[part] = notePart{State: partAccepted, MessageID: id}
			applied = true
		}
	}
	return applied
}

// submitted takes note of a message_id: receipts for it can be joined now.
func (b *Binds) submitted(o *origin) {
	key, ok := receipt.StoreKey(o.MessageID)
	if !ok {
		return
	}
	b.matcher.Submitted(o.MessageID)
	b.recent.add(time.Now(), key, o)
	b.wake(key)
}

// response takes note of a response as soon as it is there, since the receipt may
// be what the SMSC sends next. It does not block.
func (b *Binds) response(d *Destination, o *origin, response pdu.PDU, late bool) {
	switch {
	case late:
		b.lateResponse(d, o, response)
	case response.Head().Status == pdu.StatusOK:
		o.MessageID = messageID(response)
		b.submitted(o)
	}
}

// lateResponse takes note of a response that came after its attempt had ended.
// It does not block.
func (b *Binds) lateResponse(d *Destination, o *origin, response pdu.PDU) {
	status := response.Head().Status
	log := d.cfg.Logger.With("event_id", o.EventID, "delivery", o.Delivery, "part", o.Part)
	if status != pdu.StatusOK {
		log.Warn("the SMSC has refused a message whose response was late", "command_status", status.String())
		return
	}
	o.MessageID = messageID(response)
	log.Warn("the SMSC has taken a message whose response was late", "message_id", o.MessageID)
	b.late.add(time.Now(), o)
	// Until it is known whose they are, receipts have to wait.
	b.inFlight.Add(1)
	kept := b.run(func() {
		defer b.inFlight.Add(-1)
		if err := b.keepLate(d, o); err != nil {
			log.Error("can't keep what a late response says: its receipt can only be joined for a while", "error", err)
		}
		b.submitted(o)
	})
	if !kept {
		b.inFlight.Add(-1)
	}
}

// keepLate keeps what leads to a message, and closes the case of one that is
// neither lost nor to be sent again. Of a message in parts, the next attempt has
// to send the others.
func (b *Binds) keepLate(d *Destination, o *origin) error {
	var a relay.Acceptance
	if link, ok := d.link(o); ok {
		a.Links = []relay.Link{link}
	}
	if o.Total > 1 {
		return keep(d.cfg.Store, a)
	}
	lock := b.reports.of(o.Delivery)
	lock.Lock()
	defer lock.Unlock()
	known, err := d.cfg.Store.Report(context.Background(), o.Delivery)
	if err != nil {
		return err
	}
	a.Settlement = d.lateSettlement(o, parseReport(known, 1))
	return keep(d.cfg.Store, a)
}

// lateSettlement returns what a late response makes of a delivery with a report,
// which another copy of the message may have.
func (d *Destination) lateSettlement(o *origin, r *report) *relay.Settlement {
	if r.Parts[0].MessageID == "" {
		r.Parts[0].MessageID = valid(o.MessageID)
	}
	if r.Final {
		return d.settlement(o, r)
	}
	s := &relay.Settlement{
		Delivery: o.Delivery, Destination: o.Destination, EventID: o.EventID, State: relay.StateDelivered,
		Until: time.Now().Add(d.cfg.ReceiptTime), Report: r.encode(),
	}
	switch {
	case d.cfg.DeliveredOn == OnReceipt:
		s.State = relay.StateAwaiting
	case d.awaitsReports():
		s.State = relay.StateUnreported
	}
	return s
}
