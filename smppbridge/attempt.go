package smppbridge

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/status"
)

// attempt is one try to deliver an event.
type attempt struct {
	*Destination
	delivery *relay.Delivery
	fields   fields
	message  *coding.Message
	note     note
	links    []relay.Link
	// changed tells that the note is not that of before.
	changed bool
	// begun tells that it is recorded that something is sent.
	begun bool
	// tried are the remedies that were applied.
	tried remedies
}

// remedies are changes to a message that an SMSC has asked for.
type remedies struct {
	submitSM, noIntermediate, noReference, relativeTime bool
}

// messages are used again, since they hold much memory.
var messages = sync.Pool{New: func() any { return new(coding.Message) }}

// prepare renders and encodes the message. If that fails, no other attempt can
// succeed.
func (a *attempt) prepare() error {
	earlier, known := parseNote(a.delivery.Note)
	if known && earlier.complete() {
		// What was delivered is delivered again on purpose only.
		earlier, known = note{Runs: earlier.Runs}, false
	}
	if err := a.cfg.recipient(&a.fields, &earlier, a.delivery); err != nil {
		return err
	}
	if err := a.cfg.render(&a.fields, a.delivery); err != nil {
		return err
	}
	source := -1
	if known && earlier.sent() {
		source = earlier.Source
	}
	var err error
	if a.fields.source, source, err = a.source(a.delivery, a.fields.dest.Addr, source); err != nil {
		return err
	}
	a.note = earlier
	if !known {
		a.note.Reference = a.references.Next(a.fields.source.Addr, a.fields.dest.Addr)
	}
	a.note.Source, a.note.Recipient = source, a.fields.dest.Addr
	if err := a.encode(); err != nil {
		return err
	}
	if !a.note.fit(a.message.Segments) && known && earlier.sent() {
		// The recipient must not join the new parts with the old ones.
		a.note.Reference = a.references.Next(a.fields.source.Addr, a.fields.dest.Addr)
		if err := a.encode(); err != nil {
			return err
		}
		a.note.fit(a.message.Segments)
	}
	if a.binds.late.apply(a.delivery.ID, &a.note) {
		a.changed = true
	}
	return nil
}

// encode cuts the text into parts.
func (a *attempt) encode() error {
	if err := a.coder.Encode(a.message, a.fields.text, a.note.Reference); err != nil {
		return err
	}
	if a.cfg.ESMClass.UDHI() && (len(a.message.Segments) > 1 || a.message.Segments[0].Payload) {
		return fieldError("hex", "has its own user data header, and must fit into one part")
	}
	return nil
}

// run submits the parts that the SMSC does not have yet, one after the other, so
// that nothing follows a part that is refused.
func (a *attempt) run(ctx context.Context) relay.Result {
	for i := range a.note.Parts {
		if a.note.Parts[i].State == partAccepted {
			continue
		}
		if result, ok := a.begin(ctx, i); !ok {
			return a.finish(result)
		}
		if result, ok := a.part(ctx, i); !ok {
			return a.finish(result)
		}
	}
	return a.finish(a.taken())
}

// taken is the result if the SMSC has all parts.
func (a *attempt) taken() relay.Result {
	r := relay.Result{Outcome: relay.Delivered, Detail: a.messageIDs()}
	if a.awaitsReports() {
		r.ReportWithin = a.cfg.ReceiptTime
	}
	if a.cfg.DeliveredOn == OnReceipt {
		r.Outcome = relay.Taken
		if !a.note.identified() {
			r.Outcome, r.Reason = relay.Permanent, relay.ReasonReport
			r.Detail += "; so it can't be delivered_on receipt"
		}
	}
	return r
}

// awaitsReports tells whether it matters if a receipt does not come.
func (d *Destination) awaitsReports() bool {
	return d.cfg.reported() && d.binds.receives() && (d.cfg.Receipts.To != nil || d.cfg.DeliveredOn == OnReceipt)
}

// finish adds what is to be kept.
func (a *attempt) finish(r relay.Result) relay.Result {
	if a.changed {
		r.Note = a.note.encode()
	}
	r.Links = a.links
	return r
}

// request returns the PDU of a part.
func (a *attempt) request(i int) (pdu.PDU, error) {
	s := &a.message.Segments[i]
	tlvs := a.fields.tlvs
	class := a.cfg.ESMClass
	if s.UDHI {
		class |= pdu.ESMClassUDHI
	}
	if a.cfg.UserMessageReference && !a.tried.noReference {
		tlvs.AddUint16(pdu.TagUserMessageReference, userMessageReference(a.delivery.ID, i))
	}
	if s.Concat.Transport == coding.SAR && s.Concat.Total > 1 {
		tlvs.AddSAR(pdu.SAR{Ref: s.Concat.Reference, Total: s.Concat.Total, Seq: s.Concat.Number})
	}
	registered := a.cfg.RegisteredDelivery
	if a.tried.noIntermediate {
		registered &^= pdu.RegisteredDeliveryIntermediate
	}
	operation := a.cfg.Operation
	if a.tried.submitSM {
		operation = SubmitSM
	}
	short := s.Data
	if s.Payload || operation == DataSM {
		if err := tlvs.Add(pdu.TagMessagePayload, s.Data); err != nil {
			return nil, err
		}
		short = nil
	}
	switch operation {
	case DataSM:
		return &pdu.DataSM{
			ServiceType: a.fields.serviceType, SourceAddr: a.fields.source, DestAddr: a.fields.dest, ESMClass: class,
			RegisteredDelivery: registered, DataCoding: pdu.DataCoding(a.message.DataCoding), TLVs: tlvs,
		}, nil
	case DeliverSM:
		return &pdu.DeliverSM{
			ServiceType: a.fields.serviceType, SourceAddr: a.fields.source, DestAddr: a.fields.dest, ESMClass: class,
			ProtocolID: a.fields.protocolID, PriorityFlag: a.fields.priority, RegisteredDelivery: registered,
			DataCoding: pdu.DataCoding(a.message.DataCoding), ShortMessage: short, TLVs: tlvs,
		}, nil
	default:
		return a.submitSM(short, class, registered, tlvs), nil
	}
}

func (a *attempt) submitSM(short []byte, class pdu.ESMClass, registered pdu.RegisteredDelivery, tlvs pdu.TLVs) *pdu.SubmitSM {
	p := &pdu.SubmitSM{
		ServiceType: a.fields.serviceType, SourceAddr: a.fields.source, DestAddr: a.fields.dest, ESMClass: class,
		ProtocolID: a.fields.protocolID, PriorityFlag: a.fields.priority,
		ScheduleDeliveryTime: a.fields.schedule, ValidityPeriod: a.fields.validity,
		RegisteredDelivery: registered, DataCoding: pdu.DataCoding(a.message.DataCoding), ShortMessage: short, TLVs: tlvs,
	}
	if a.cfg.ReplaceIfPresent {
		p.ReplaceIfPresent = 1
	}
	return p
}

// userMessageReference is the same for each try of a part.
func userMessageReference(delivery string, part int) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(delivery))
	_, _ = h.Write([]byte{byte(part)})       //nolint:gosec // There are at most 255 parts.
	return uint16(h.Sum32() ^ h.Sum32()>>16) //nolint:gosec // Both halves count.
}

// remedy changes the message as the SMSC's answer suggests, unless that was done
// before. Nothing that the config asks for explicitly is left out but what the
// SMSC says it does not know.
func (a *attempt) remedy(r status.Remedy) bool {
	switch {
	case r == status.UseSubmitSM && a.cfg.Operation == DataSM && !a.tried.submitSM:
		a.tried.submitSM = true
	case r == status.DropIntermediate && a.cfg.RegisteredDelivery.Intermediate() && !a.tried.noIntermediate:
		a.tried.noIntermediate = true
	case r == status.UseRelativeTime && !a.tried.relativeTime:
		a.tried.relativeTime = true
		now := time.Now()
		validity, schedule := relativeTime(&a.fields.validity, now), relativeTime(&a.fields.schedule, now)
		return validity || schedule
	case r == status.DropTLVs && a.cfg.UserMessageReference && !a.tried.noReference:
		a.tried.noReference = true
	default:
		return false
	}
	return true
}
