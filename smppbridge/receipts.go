package smppbridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

const (
	// holdTime is how long a receipt whose message is not known waits for the
	// response to it. SMSCs wait longer for our answer.
	holdTime = 10 * time.Second
	// receiptDedup is how long a receipt that is repeated is known.
	receiptDedup = 24 * time.Hour
)

// heldRequests are the requests of receipts that wait.
type heldRequests struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*session.Request
}

func (h *heldRequests) add(r *session.Request) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = make(map[uint64]*session.Request)
	}
	h.last++
	h.open[h.last] = r
	return h.last
}

func (h *heldRequests) take(tag uint64) *session.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.open[tag]
	delete(h.open, tag)
	return r
}

// receipt handles a receipt: if its message is known it becomes an event at once,
// otherwise once the response to the message is there, or when that has taken too
// long.
func (b *Binds) receipt(d *Destination, r *session.Request, c *receipt.Receipt) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	keys := b.matcher.Keys(nil, c)
	// Asked before the look-up: a delivery may end meanwhile.
	idle := b.inFlight.Load() == 0
	o, certain, err := b.find(ctx, d, keys, c)
	b.learned()
	switch {
	case err != nil:
		b.storeFailed(d, err)
		b.answer(d, r, kindReceipt, pdu.StatusRxTAppn)
	// Each that waits takes one of the requests that the SMSC may have open: many
	// receipts that are not ours must not keep it from sending others.
	case certain, len(keys) == 0, idle && o == nil, b.early.Len() >= b.maxHeld:
		b.emitReceipt(ctx, d, r, c, o)
	default:
		b.hold(d, r, c, keys)
	}
}

func (b *Binds) storeFailed(d *Destination, err error) {
	d.cfg.Logger.Error("can't look up what a receipt is about", slog.Any("error", err))
}

// find returns the message that a receipt is about, or nil, and whether that is
// certain.
func (b *Binds) find(ctx context.Context, d *Destination, keys []receipt.Key, c *receipt.Receipt) (o *origin, certain bool, err error) {
	var found []*origin
	for _, key := range keys {
		found = b.recent.find(found, key)
	}
	if o, certain = b.match(c, found); certain {
		return o, true, nil
	}
	for _, key := range keys {
		values, err := d.cfg.Store.Linked(ctx, messageHash(b.smsc, key))
		if err != nil {
			return nil, false, err
		}
		for _, value := range values {
			if stored, err := decodeOrigin(value); err == nil {
				found = append(found, stored)
			}
		}
	}
	o, certain = b.match(c, found)
	return o, certain, nil
}

func (b *Binds) match(c *receipt.Receipt, found []*origin) (*origin, bool) {
	if len(found) == 0 {
		return nil, false
	}
	candidates := make([]receipt.Message, len(found))
	for i, o := range found {
		candidates[i] = receipt.Message{ID: o.MessageID, Destination: o.Recipient}
	}
	m, ok := b.matcher.Match(c, candidates)
	if !ok {
		return nil, false
	}
	return found[m.Index], !m.Ambiguous
}

// hold has a receipt wait. Its request is not answered until it is durable.
func (b *Binds) hold(d *Destination, r *session.Request, c *receipt.Receipt, keys []receipt.Key) {
	tag := b.held.add(r)
	gone := b.early.Add(time.Now(), keys, c, tag)
	b.proceed(gone)
	time.AfterFunc(holdTime, b.expireHeld)
	// The response may have come since find has looked.
	for _, key := range keys {
		b.wake(key)
	}
}

// wake lets receipts go on that wait for a message which is known now.
func (b *Binds) wake(key receipt.Key) {
	if b.early.Len() == 0 {
		return
	}
	found := b.recent.find(nil, key)
	b.proceed(b.early.Take(key, func(h *receipt.Held) bool {
		_, certain := b.match(&h.Receipt, found)
		return certain
	}))
}

// learned lets receipts go on if it has become clear how their ids are written.
func (b *Binds) learned() {
	rule := uint32(b.matcher.Rule())
	if b.rule.Swap(rule) == rule || b.early.Len() == 0 {
		return
	}
	b.proceed(b.early.TakeFunc(func(h *receipt.Held) bool {
		var found []*origin
		for _, key := range b.matcher.Keys(nil, &h.Receipt) {
			found = b.recent.find(found, key)
		}
		_, certain := b.match(&h.Receipt, found)
		return certain
	}))
}

// expireHeld lets receipts go on that have waited for too long.
func (b *Binds) expireHeld() { b.proceed(b.early.Expire(time.Now())) }

// releaseHeld refuses the receipts that wait, so that the SMSC repeats them.
func (b *Binds) releaseHeld() {
	for _, h := range b.early.TakeFunc(func(*receipt.Held) bool { return true }) {
		if r := b.held.take(h.Tag); r != nil {
			_ = r.Refuse(pdu.StatusRxTAppn)
		}
	}
}

// proceed makes events of receipts that have waited.
func (b *Binds) proceed(all []receipt.Held) {
	for i := range all {
		h := &all[i]
		r := b.held.take(h.Tag)
		if r == nil {
			continue
		}
		ok := b.run(func() {
			ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
			defer cancel()
			d := b.destination("")
			if d == nil {
				_ = r.Refuse(pdu.StatusRxTAppn)
				return
			}
			o, _, err := b.find(ctx, d, b.matcher.Keys(nil, &h.Receipt), &h.Receipt)
			if err != nil {
				b.storeFailed(d, err)
				b.answer(d, r, kindReceipt, pdu.StatusRxTAppn)
				return
			}
			b.emitReceipt(ctx, d, r, &h.Receipt, o)
		})
		if !ok {
			_ = r.Refuse(pdu.StatusRxTAppn)
		}
	}
}

// emitReceipt makes an event of a receipt, whose message may be nil, and answers
// the SMSC once that is durable.
func (b *Binds) emitReceipt(ctx context.Context, d *Destination, r *session.Request, c *receipt.Receipt, o *origin) {
	if o != nil {
		d = b.destination(o.Destination)
		if d == nil {
			_ = r.Refuse(pdu.StatusRxTAppn)
			return
		}
	}
	body := newReceiptBody(c)
	key := c.MessageID
	var settlement *relay.Settlement
	if o != nil {
		known, release, err := b.report(ctx, d, o, c)
		if err != nil {
			b.storeFailed(d, err)
			b.answer(d, r, kindReceipt, pdu.StatusRxTAppn)
			return
		}
		defer release()
		body.join(o, known)
		key, settlement = o.EventID, d.settlement(o, known)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		d.cfg.Logger.Error("can't encode a receipt", slog.Any("error", err))
		b.answer(d, r, kindReceipt, pdu.StatusRxPAppn)
		return
	}
	e := &relay.Event{
		ID: receiptID(b.smsc, c, o), Source: d.cfg.Name, Type: d.cfg.ReceiptType, Key: key,
		Time: time.Now().Truncate(time.Millisecond), Header: jsonHeader(), Body: encoded,
	}
	b.answer(d, r, kindReceipt, d.statusOf(e, d.keepReceipt(e, c.State, settlement)))
}

// keepReceipt keeps the event of a receipt, if somebody wants it, together with
// what it makes of its delivery, if that is known.
func (d *Destination) keepReceipt(e *relay.Event, state receipt.State, settlement *relay.Settlement) error {
	a := relay.Acceptance{Settlement: settlement}
	if to := d.cfg.Receipts.to(e); len(to) > 0 {
		a.Event, a.To, a.Dedup = e, to, receiptDedup
	}
	if a.Event == nil && settlement == nil {
		return nil
	}
	duplicate, err := d.cfg.Store.Keep(a)
	if err == nil && !duplicate && a.Event != nil {
		d.cfg.Observer.Reported(d.cfg.Name, state)
	}
	return err
}

// receiptID is the same for a receipt that is repeated, and different for all
// others: also if the SMSC uses message_ids again, as long as it is known which
// message a receipt is about.
func receiptID(smsc string, c *receipt.Receipt, o *origin) string {
	h := sha256.New()
	b := appendText(nil, smsc)
	for _, text := range []string{c.MessageID, c.TextID, c.State.String(), c.StateText, c.Err, c.DoneDate.Raw, c.Source.Addr} {
		b = appendText(b, text)
	}
	if o != nil {
		b = append(appendText(b, o.Delivery), o.Part)
	}
	_, _ = h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func jsonHeader() relay.Header { return relay.Header(nil).Add("Content-Type", "application/json") }
