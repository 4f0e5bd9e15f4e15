package smppbridge

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// messageDedup is how long a message that is repeated is known, if it has
// something by which it can be. SMSCs use the references of long messages again.
const messageDedup = time.Hour

// message is a message from the SMSC, or a part of one.
type message struct {
	source, dest pdu.Address
	class        pdu.ESMClass
	protocolID   uint8
	tlvs         pdu.TLVs
	part         coding.Part
}

// newMessage reads what deliver_sm and data_sm have in common. It aliases the
// PDU.
func newMessage(p pdu.PDU) (*message, bool) {
	var m *message
	var dataCoding pdu.DataCoding
	var octets []byte
	switch p := p.(type) {
	case *pdu.DeliverSM:
		m = &message{source: p.SourceAddr, dest: p.DestAddr, class: p.ESMClass, protocolID: p.ProtocolID, tlvs: p.TLVs}
		dataCoding, octets = p.DataCoding, p.Message()
	case *pdu.DataSM:
		m = &message{source: p.SourceAddr, dest: p.DestAddr, class: p.ESMClass, tlvs: p.TLVs}
		dataCoding, octets = p.DataCoding, p.Message()
	default:
		return nil, false
	}
	m.part = coding.Part{DataCoding: byte(dataCoding), Data: octets}
	if m.class.UDHI() {
		// Of a header that is malformed, nothing counts; the rest is text.
		m.part.Header, m.part.Data, _ = coding.ParseHeader(octets)
	}
	if sar, ok := m.tlvs.SAR(); ok && m.part.Header.Concat.Total == 0 {
		m.part.Header.Concat = coding.NewConcat(coding.SAR, sar.Ref, sar.Total, sar.Seq)
	}
	if !m.part.Header.HasPorts {
		source, sourceOK := m.tlvs.Uint16(pdu.TagSourcePort)
		dest, destOK := m.tlvs.Uint16(pdu.TagDestinationPort)
		if sourceOK || destOK {
			m.part.Header.HasPorts, m.part.Header.SourcePort, m.part.Header.DestinationPort = true, source, dest
		}
	}
	return m, true
}

// message handles a message, and returns how to answer the SMSC.
func (b *Binds) message(d *Destination, m *message) pdu.CommandStatus {
	if m.part.Header.Concat.Total > 1 {
		return b.partOf(d, m)
	}
	return d.emitMessage(b.smsc, coding.Assembled{
		Source: m.source.Addr, Destination: m.dest.Addr, Parts: []coding.Part{m.part}, Complete: true,
	}, m)
}

// messageBody is the body of the event that a message becomes.
type messageBody struct {
	SourceAddr string `json:"source_addr"`
	DestAddr   string `json:"dest_addr"`
	// Text is empty if the message is binary.
	Text string `json:"text"`
	// Hex has the octets of a binary message.
	Hex        string `json:"hex,omitempty"`
	DataCoding uint8  `json:"data_coding"`
	Charset    string `json:"charset"`
	// The ports are there if the message is for an application.
	SourcePort      *uint16 `json:"source_port,omitempty"`
	DestinationPort *uint16 `json:"destination_port,omitempty"`
	ProtocolID      uint8   `json:"protocol_id,omitempty"`
	ESMClass        uint8   `json:"esm_class,omitempty"`
	// Parts is how many parts the message has, and Received which of them came.
	Parts    int   `json:"parts"`
	Received []int `json:"received,omitempty"`
	// Complete is false if parts are missing and not waited for any more.
	Complete bool `json:"complete"`
}

// emitMessage makes an event of a message, and returns how to answer the SMSC.
func (d *Destination) emitMessage(smsc string, whole coding.Assembled, m *message) pdu.CommandStatus {
	e, dedup, err := d.messageEvent(smsc, whole, m)
	if err != nil {
		d.cfg.Logger.Error("can't encode a message", slog.Any("error", err))
		return pdu.StatusRxPAppn
	}
	return d.accept(e, &d.cfg.Messages, dedup)
}

// messageEvent returns the event that a message becomes, and for how long it is to
// be known again. Of a long one, m is the part that came last, or nil.
func (d *Destination) messageEvent(smsc string, whole coding.Assembled, m *message) (*relay.Event, time.Duration, error) {
	first := whole.Parts[0]
	text := d.inbound.AppendText(nil, whole.Parts...)
	charset := d.inbound.Meaning(first.DataCoding).Charset
	body := messageBody{
		SourceAddr: valid(whole.Source), DestAddr: valid(whole.Destination), DataCoding: first.DataCoding,
		Charset: charset.String(), Parts: 1, Complete: whole.Complete,
	}
	if charset == coding.Binary {
		body.Hex = hex.EncodeToString(text)
	} else {
		body.Text = string(bytes.ToValidUTF8(text, []byte("\ufffd")))
	}
	if h := first.Header; h.HasPorts {
		body.SourcePort, body.DestinationPort = &h.SourcePort, &h.DestinationPort
	}
	if m != nil {
		body.ProtocolID, body.ESMClass = m.protocolID, uint8(m.class)
	}
	if total := int(first.Header.Concat.Total); total > 1 {
		body.Parts = total
		for _, p := range whole.Parts {
			body.Received = append(body.Received, int(p.Header.Concat.Number))
		}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, 0, err
	}
	id, dedup := messageEventID(smsc, whole, m)
	return &relay.Event{
		ID: id, Source: d.cfg.Name, Type: d.cfg.MessageType, Key: body.SourceAddr,
		Time: time.Now().Truncate(time.Millisecond), Header: jsonHeader(), Body: encoded,
	}, dedup, nil
}

// messageEventID returns the id of the event that a message becomes, and for how
// long a second one with it is a repeat.
//
// SMPP gives messages no id. A long message has a reference that its sender
// changes with each, and other messages may have a user_message_reference: with
// the content, that tells repeats. All others get an id of their own, so that a
// message which the SMSC repeats, since our answer was lost, becomes two events:
// somebody may well say "yes" twice, and no answer of theirs must be lost.
func messageEventID(smsc string, whole coding.Assembled, m *message) (string, time.Duration) {
	concat := whole.Parts[0].Header.Concat
	reference, referenced := uint16(0), false
	if m != nil {
		reference, referenced = m.tlvs.Uint16(pdu.TagUserMessageReference)
	}
	if concat.Total <= 1 && !referenced {
		return rand.Text(), 0
	}
	b := appendText(nil, smsc)
	b = appendText(b, whole.Source)
	b = appendText(b, whole.Destination)
	b = strconv.AppendUint(b, uint64(reference), 10)
	for _, p := range whole.Parts {
		c := p.Header.Concat
		b = append(b, byte(c.Transport), byte(c.Reference>>8), byte(c.Reference), c.Total, c.Number, p.DataCoding) //nolint:gosec // Both octets.
		b = appendText(b, string(p.Data))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), messageDedup
}
