package smppbridge

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// report is what receipts have told about a message. It is kept with its
// delivery, as JSON, since people see it there.
type report struct {
	State receipt.State `json:"state"`
	// Final tells that no other state is expected, Complete that each part has
	// its last state.
	Final    bool         `json:"final"`
	Complete bool         `json:"complete"`
	Parts    []reportPart `json:"parts"`
}

// reportPart is what is known of a part.
type reportPart struct {
	MessageID string `json:"message_id,omitempty"`
	receipt.Part
	Error    string `json:"error,omitempty"`
	DoneDate string `json:"done_date,omitempty"`
}

// parseReport returns the report on a message of so many parts. One that can't
// be read, or is about another number of parts, tells nothing.
func parseReport(b []byte, parts int) *report {
	var r report
	if parts = max(parts, 1); len(b) == 0 || json.Unmarshal(b, &r) != nil || len(r.Parts) != parts {
		return &report{Parts: make([]reportPart, parts)}
	}
	return &r
}

// encode returns the report. Without the words of the SMSC, it is never too long.
func (r *report) encode() []byte {
	b, _ := json.Marshal(r) // It has nothing that can fail.
	if len(b) <= relay.MaxNoteLength {
		return b
	}
	short := *r
	short.Parts = make([]reportPart, len(r.Parts))
	for i := range r.Parts {
		short.Parts[i].Part = r.Parts[i].Part
	}
	b, _ = json.Marshal(&short)
	return b
}

// states returns the states of the parts.
func (r *report) states() receipt.Parts {
	parts := make(receipt.Parts, len(r.Parts))
	for i := range r.Parts {
		parts[i] = r.Parts[i].Part
	}
	return parts
}

// take takes over the states of the parts.
func (r *report) take(parts receipt.Parts) {
	for i := range parts {
		r.Parts[i].Part = parts[i]
	}
	whole := parts.Whole()
	r.State, r.Final, r.Complete = whole.State, whole.Final, whole.Complete
}

// maxReportText bounds what an SMSC says in its own words about a part.
const maxReportText = 64

// update takes over what a receipt says about a part, counted from 0.
func (r *report) update(part int, id string, c *receipt.Receipt) {
	parts := r.states()
	changed := parts.Update(part, c.State, c.Final)
	r.take(parts)
	if part >= len(r.Parts) {
		return // The number of parts has changed since.
	}
	r.Parts[part].MessageID = valid(id)
	if changed {
		r.Parts[part].Error, r.Parts[part].DoneDate = cut(valid(c.Err)), cut(dateText(c.DoneDate))
	}
}

func cut(s string) string {
	if len(s) <= maxReportText {
		return s
	}
	return strings.ToValidUTF8(s[:maxReportText], "")
}

// reportLocks have what changes the report of a message go one after the other.
type reportLocks struct {
	seed   maphash.Seed
	shards [1024]sync.Mutex
}

func newReportLocks() *reportLocks { return &reportLocks{seed: maphash.MakeSeed()} }

func (l *reportLocks) of(delivery string) *sync.Mutex {
	return &l.shards[maphash.String(l.seed, delivery)%uint64(len(l.shards))]
}

// report returns what is known of a message with a receipt. Until release is
// called, nothing else changes it: the report has to be kept before.
func (b *Binds) report(ctx context.Context, d *Destination, o *origin, c *receipt.Receipt) (r *report, release func(), err error) {
	lock := b.reports.of(o.Delivery)
	lock.Lock()
	var known []byte
	if !o.fresh {
		if known, err = d.cfg.Store.Report(ctx, o.Delivery); err != nil {
			lock.Unlock()
			return nil, nil, err
		}
	}
	o.fresh = false
	r = parseReport(known, int(o.Total))
	r.update(int(o.Part)-1, o.MessageID, c)
	return r, lock.Unlock, nil
}

// settlement returns what a report makes of the delivery.
func (d *Destination) settlement(o *origin, r *report) *relay.Settlement {
	s := &relay.Settlement{Delivery: o.Delivery, Destination: o.Destination, EventID: o.EventID, Report: r.encode()}
	switch {
	case r.Complete && (r.State == receipt.Delivered || d.cfg.DeliveredOn == OnResponse):
		s.State = relay.StateDelivered
	case r.Final && d.cfg.DeliveredOn == OnReceipt:
		s.State, s.Detail = relay.StateDead, r.failure()
	}
	return s
}

// failure says why a message is lost.
func (r *report) failure() string {
	var b strings.Builder
	b.WriteString("the SMSC reports " + r.State.String())
	for i := range r.Parts {
		if p := &r.Parts[i]; p.State == r.State && p.Error != "" {
			b.WriteString(", error " + p.Error)
			break
		}
	}
	return truncate(b.String())
}
