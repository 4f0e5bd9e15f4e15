package smppbridge

import (
	"container/list"
	"context"
	"sync"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// maxStates is how many long messages have the states of their parts in memory.
// Those of others are in the store.
const maxStates = 1000

// states holds the states of the parts of long messages. What is in memory also
// has the changes of the last milliseconds.
type states struct {
	mu    sync.Mutex
	known map[string]*list.Element
	byAge list.List // of *partStates, the one that was used longest ago first
}

type partStates struct {
	delivery string
	parts    receipt.Parts
}

func newStates() *states { return &states{known: make(map[string]*list.Element)} }

// update takes over what a receipt says about a part of a message, keeps it, and
// returns the state of the whole.
func (b *Binds) update(ctx context.Context, d *Destination, o *origin, r *receipt.Receipt) (receipt.Whole, error) {
	if o.Total <= 1 {
		return receipt.Whole{State: r.State, Final: r.Final, Complete: r.Final}, nil
	}
	hash := hashOf(linkStates, b.smsc, o.Delivery)
	// Receipts of parts often come together. They are rare enough to go one after
	// the other.
	b.states.mu.Lock()
	defer b.states.mu.Unlock()
	parts, err := b.states.load(ctx, d.cfg.Store, hash, o)
	if err != nil {
		return receipt.Whole{}, err
	}
	if parts.Update(int(o.Part)-1, r.State, r.Final) {
		link := relay.Link{Hash: hash, Value: encodeStates(parts), For: d.cfg.ReceiptTime}
		if err := keep(d.cfg.Store, relay.Acceptance{Links: []relay.Link{link}}); err != nil {
			b.states.forget(o.Delivery)
			return receipt.Whole{}, err
		}
	}
	return parts.Whole(), nil
}

// load is called with the lock held.
func (s *states) load(ctx context.Context, store Store, hash relay.LinkHash, o *origin) (receipt.Parts, error) {
	if e := s.known[o.Delivery]; e != nil {
		s.byAge.MoveToBack(e)
		if p, _ := e.Value.(*partStates); len(p.parts) == int(o.Total) {
			return p.parts, nil
		}
		s.forget(o.Delivery)
	}
	values, err := store.Linked(ctx, hash)
	if err != nil {
		return nil, err
	}
	parts := make(receipt.Parts, o.Total)
	if len(values) > 0 && len(values[0]) == len(parts) {
		decodeStates(parts, values[0])
	}
	for len(s.known) >= maxStates {
		oldest, _ := s.byAge.Front().Value.(*partStates)
		s.forget(oldest.delivery)
	}
	s.known[o.Delivery] = s.byAge.PushBack(&partStates{o.Delivery, parts})
	return parts, nil
}

func (s *states) forget(delivery string) {
	if e := s.known[delivery]; e != nil {
		s.byAge.Remove(e)
		delete(s.known, delivery)
	}
}

// finalBit tells that the state of a part, in the bits below, is its last.
const finalBit = 0x80

func encodeStates(parts receipt.Parts) []byte {
	b := make([]byte, len(parts))
	for i, p := range parts {
		b[i] = byte(p.State)
		if p.Final {
			b[i] |= finalBit
		}
	}
	return b
}

func decodeStates(parts receipt.Parts, b []byte) {
	for i := range parts {
		parts[i] = receipt.Part{State: receipt.State(b[i] &^ finalBit), Final: b[i]&finalBit != 0}
	}
}
