package smppbridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// Overdue implements [relay.Reporter]: for each part of which there is no last
// receipt, an event says that its state is unknown, and will stay so.
func (d *Destination) Overdue(ctx context.Context, delivery *relay.Delivery) relay.Result {
	lock := d.binds.reports.of(delivery.ID)
	lock.Lock()
	defer lock.Unlock()
	// A receipt may have come since the delivery was found to be overdue.
	known, err := d.cfg.Store.Report(ctx, delivery.ID)
	if err != nil {
		return notReported(err)
	}
	n, _ := parseNote(delivery.Note)
	r := parseReport(known, len(n.Parts))
	if !r.Complete {
		if err := d.timeout(delivery, &n, r); err != nil {
			return notReported(err)
		}
	}
	switch {
	case r.State == receipt.Delivered || d.cfg.DeliveredOn == OnResponse:
		return relay.Result{Outcome: relay.Delivered}
	case r.State != receipt.Unknown:
		return relay.Result{Outcome: relay.Permanent, Detail: r.failure()}
	default:
		return relay.Result{Outcome: relay.Permanent, Detail: fmt.Sprintf("no receipt came within %s, so it is unknown what became of the message", d.cfg.ReceiptTime)}
	}
}

func notReported(err error) relay.Result {
	return relay.Result{Outcome: relay.Retry, Detail: "can't keep that no receipt came: " + err.Error()}
}

// timeout keeps an event for each part without a last receipt, and then what the
// report is with that. If it fails in between, all events are kept once more, of
// which those that were are known.
func (d *Destination) timeout(delivery *relay.Delivery, n *note, r *report) error {
	before, after := r.states(), r.states()
	after.Timeout()
	r.take(after)
	for i := range after {
		if before[i].Final {
			continue
		}
		if r.Parts[i].MessageID == "" && i < len(n.Parts) {
			r.Parts[i].MessageID = valid(n.Parts[i].MessageID)
		}
		e, err := d.overdueEvent(delivery, n, r, i)
		if err != nil {
			return err
		}
		if err := d.keepReceipt(e, receipt.Unknown, nil); err != nil {
			return err
		}
	}
	return keep(d.cfg.Store, relay.Acceptance{Settlement: &relay.Settlement{
		Delivery: delivery.ID, Destination: delivery.Destination, Report: r.encode(),
	}})
}

// overdueEvent returns the event that a missing receipt becomes.
func (d *Destination) overdueEvent(delivery *relay.Delivery, n *note, r *report, part int) (*relay.Event, error) {
	var f fields
	_ = d.cfg.recipient(&f, n, delivery) // It is empty where it can't be told any more.
	e := delivery.Event
	body := receiptBody{
		MessageID: r.Parts[part].MessageID, State: receipt.Unknown, Final: true, Timeout: true, SourceAddr: f.dest.Addr,
	}
	body.join(&origin{
		MessageID: body.MessageID, Recipient: f.dest.Addr, EventID: e.ID, Source: e.Source, Type: e.Type,
		Delivery: delivery.ID, Destination: d.cfg.Name, Part: uint8(part + 1), Total: uint8(len(r.Parts)), //nolint:gosec // At most 255.
	}, r)
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(appendText(appendText([]byte("overdue"), delivery.ID), strconv.Itoa(part)))
	return &relay.Event{
		ID: hex.EncodeToString(sum[:16]), Source: d.cfg.Name, Type: d.cfg.ReceiptType, Key: e.ID,
		Time: time.Now().Truncate(time.Millisecond), Header: jsonHeader(), Body: encoded,
	}, nil
}
