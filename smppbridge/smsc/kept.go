package smsc

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// keptIDs is how many ids one link holds, with which it stays below
// [relay.MaxLinkLength] whatever the addresses are. A message has at most 255
// parts, so there are fewer links than [relay.MaxLinked].
const keptIDs = 24

// keptLonger is how much longer than receipts may take a message is kept: for an
// event that says that none came, and for tries while its ESME is not bound.
const keptLonger = 24 * time.Hour

// kept is what is kept of a message until its receipts come, as the value of a
// link. The ids of a long message are in several links.
type kept struct {
	SystemID string      `json:"a,omitempty"`
	Source   keptAddress `json:"s,omitzero"`
	Dest     keptAddress `json:"d,omitzero"`
	// Submitted is a time in seconds since 1970.
	Submitted int64 `json:"t,omitempty"`
	// IDs are the message_ids with which receipts are asked for. First is how many
	// come before them, in other links.
	First int      `json:"n,omitempty"`
	IDs   []string `json:"i,omitempty"`
	// Told is the final state of which the ESME has got receipts. It is alone in a
	// link of its own, which is kept with the outcome of their delivery.
	Told *receipt.State `json:"f,omitempty"`
}

type keptAddress struct {
	TON  pdu.TON `json:"t,omitempty"`
	NPI  pdu.NPI `json:"n,omitempty"`
	Addr string  `json:"a,omitempty"`
}

func (k *kept) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // It would make addresses longer.
	err := e.Encode(k)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// keptHash returns the hash under which a message is kept.
func keptHash(name, eventID string) (hash relay.LinkHash) {
	b := append(make([]byte, 0, 128), "smsc receipt "...)
	b = strconv.AppendQuote(b, name)
	sum := sha256.Sum256(strconv.AppendQuote(b, eventID))
	copy(hash[:], sum[:])
	return hash
}

// keptLinks returns the links to what receipts of a message need, if there can be
// any.
func (s *Server) keptLinks(route *Route, m *submission, ids []string, e *relay.Event) (links []relay.Link, err error) {
	if route.ReceiptTime == 0 {
		return nil, nil
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		a, _ := askedFor(id)
		return a == 0
	})
	for first := 0; first < len(ids); first += keptIDs {
		k := kept{
			SystemID: m.systemID, Source: keptAddress(m.source), Dest: keptAddress(m.dest), Submitted: e.Time.Unix(),
			First: first, IDs: ids[first:min(first+keptIDs, len(ids))],
		}
		value, err := k.encode()
		if err != nil {
			return nil, err
		}
		links = append(links, relay.Link{Hash: keptHash(s.cfg.Name, e.ID), Value: value, For: route.ReceiptTime + keptLonger})
	}
	return links, nil
}

// lookUp returns what is kept of a message, or nil if that is nothing.
func (s *Server) lookUp(ctx context.Context, store Store, eventID string) (*kept, error) {
	values, err := store.Linked(ctx, keptHash(s.cfg.Name, eventID))
	if err != nil {
		return nil, err
	}
	var told *receipt.State
	var all []kept
	for _, value := range values {
		var k kept
		switch {
		case json.Unmarshal(value, &k) != nil:
		case len(k.IDs) > 0:
			all = append(all, k)
		case told == nil: // The newest counts.
			told = k.Told
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	// Of a message that was completed twice, the newer links have the ids that the
	// ESME knows.
	slices.SortStableFunc(all, func(a, b kept) int { return a.First - b.First })
	all = slices.CompactFunc(all, func(a, b kept) bool { return a.First == b.First })
	m := &kept{SystemID: all[0].SystemID, Source: all[0].Source, Dest: all[0].Dest, Submitted: all[0].Submitted, Told: told}
	for i := range all {
		m.IDs = append(m.IDs, all[i].IDs...)
	}
	return m, nil
}

// toldLink returns the link that remembers which state the ESME was told.
func (s *Server) toldLink(route *Route, eventID string, state receipt.State) (relay.Link, error) {
	value, err := (&kept{Told: &state}).encode()
	return relay.Link{Hash: keptHash(s.cfg.Name, eventID), Value: value, For: cmp.Or(route.ReceiptTime, DefaultReceiptTime) + keptLonger}, err
}
