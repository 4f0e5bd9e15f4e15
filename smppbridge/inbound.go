package smppbridge

import (
	"context"
	"log/slog"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// storeTimeout bounds look-ups for one request of the SMSC. It is shorter than
// SMSCs wait for our answer, so that they get one that makes them try again.
const storeTimeout = 10 * time.Second

// The kinds of requests, as the observer gets them.
const (
	kindReceipt = "receipt"
	kindMessage = "message"
	kindOther   = "other"
)

// HandleRequest implements [session.Handler]. Each request is handled beside the
// others, since it has to wait for a commit, which takes many at once. How many
// there are is bounded by the session.
func (b *Binds) HandleRequest(r *session.Request) {
	if !b.run(func() { b.handle(r) }) {
		_ = r.Refuse(pdu.StatusRxTAppn)
	}
}

// HandleAlert implements [session.AlertHandler].
func (b *Binds) HandleAlert(p *pdu.AlertNotification) {
	if d := b.destination(""); d != nil {
		d.cfg.Logger.Debug("ignored alert_notification", slog.Any("pdu", p))
	}
}

func (b *Binds) handle(r *session.Request) {
	d := b.destination("")
	if d == nil {
		// A config that is about to end is gone, and the next one not there yet.
		_ = r.Refuse(pdu.StatusRxTAppn)
		return
	}
	if log := d.cfg.Logger; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("received", slog.String("smsc", b.smsc), slog.Any("pdu", r.PDU))
	}
	if receipt, ok := d.parser.Parse(r.PDU); ok {
		b.receipt(d, r, &receipt)
		return
	}
	m, ok := newMessage(r.PDU)
	if !ok {
		b.answer(d, r, kindOther, pdu.StatusInvCmdID)
		return
	}
	b.answer(d, r, kindMessage, b.message(d, m))
}

// answer responds to a request. If that fails, the session has ended, and the
// SMSC repeats the request on another.
func (b *Binds) answer(d *Destination, r *session.Request, kind string, status pdu.CommandStatus) {
	d.cfg.Observer.Received(d.cfg.Name, kind, status)
	var err error
	switch {
	case status != pdu.StatusOK:
		err = r.Refuse(status)
	case r.PDU.CommandID() == pdu.CommandDataSM:
		err = r.Respond(&pdu.DataSMResp{})
	default:
		err = r.Respond(&pdu.DeliverSMResp{})
	}
	if err != nil {
		d.cfg.Logger.Debug("can't answer the SMSC, which will repeat its request", slog.Any("error", err))
	}
}

// accept keeps an event for its destinations, and returns how to answer the SMSC:
// OK only once the event is durable, or if nobody wants it.
func (d *Destination) accept(e *relay.Event, route *Route, dedup time.Duration) pdu.CommandStatus {
	to := route.to(e)
	if len(to) == 0 {
		return pdu.StatusOK
	}
	return d.statusOf(e, keep(d.cfg.Store, relay.Acceptance{Event: e, To: to, Dedup: dedup}))
}

// statusOf returns how to answer the SMSC after an event was kept, or not.
func (d *Destination) statusOf(e *relay.Event, err error) pdu.CommandStatus {
	if err != nil {
		d.cfg.Logger.Debug("the SMSC has to repeat what can't be kept now", slog.String("type", e.Type), slog.Any("error", err))
		return pdu.StatusRxTAppn
	}
	return pdu.StatusOK
}
