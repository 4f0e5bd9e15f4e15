package smppbridge

import (
	"errors"
	"log/slog"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/assembly"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// openParts begins to read the parts that an earlier process has kept. All
// sessions of an account at an SMSC have the same list, since parts may come on any
// of them.
func (b *Binds) openParts() *assembly.Assembler {
	lists := b.cfg.Parts
	if lists == nil {
		lists = new(assembly.Lists)
	}
	return lists.Open(assembly.Config{
		Name: "smpp " + b.smsc, Limits: b.cfg.Reassembly,
		Sink: func() (assembly.Sink, bool) {
			d := b.destination("")
			if d == nil {
				return assembly.Sink{}, false
			}
			return d.sink(b.smsc, nil), true
		},
	})
}

// partOf handles a part of a long message, and returns how to answer the SMSC: OK
// only once the part is durable. The message becomes an event when it is complete,
// or when its other parts are not waited for any more.
func (b *Binds) partOf(d *Destination, m *message) pdu.CommandStatus {
	_, err := b.parts.Add(d.sink(b.smsc, m), m.source.Addr, m.dest.Addr, m.part)
	switch {
	case err == nil:
		return pdu.StatusOK
	case errors.Is(err, assembly.ErrTooLarge):
		// It is an event, which says that it is a part.
		return d.emitMessage(b.smsc, coding.Assembled{
			Source: m.source.Addr, Destination: m.dest.Addr, Parts: []coding.Part{m.part},
		}, m)
	default:
		d.cfg.Logger.Debug("the SMSC has to repeat what can't be kept now", slog.String("type", d.cfg.MessageType), slog.Any("error", err))
		return pdu.StatusRxTAppn
	}
}

// sink is what becomes of long messages. The part that came last is m, or nil.
func (d *Destination) sink(smsc string, m *message) assembly.Sink {
	return assembly.Sink{
		Store: d.cfg.Store, Logger: d.cfg.Logger,
		Event: func(whole coding.Assembled) (relay.Acceptance, error) {
			e, dedup, err := d.messageEvent(smsc, whole, m)
			if err != nil {
				return relay.Acceptance{}, err
			}
			to := d.cfg.Messages.to(e)
			if len(to) == 0 {
				return relay.Acceptance{}, nil
			}
			return relay.Acceptance{Event: e, To: to, Dedup: dedup}, nil
		},
	}
}
