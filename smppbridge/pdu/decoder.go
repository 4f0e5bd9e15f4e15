package pdu

import "encoding/binary"

// Decoder decodes PDUs. The zero value is strict and makes a new value for each
// PDU. It must not be used concurrently.
type Decoder struct {
	// Lenient accepts what sloppy peers send in requests and what can be
	// understood nevertheless: text of up to 254 octets in any field, and
	// octets behind the body that are no TLVs, which are dropped. A client
	// wants it, so that it loses no receipt; a server that can refuse bad
	// requests may not. Responses are always decoded that way.
	Lenient bool
	// Reuse decodes each PDU into the last one of its type, so that it is only
	// valid until the next call.
	Reuse bool

	coder coder
	last  map[CommandID]PDU
}

// Decode decodes one frame: a whole PDU with its header. Short messages and the
// values of TLVs alias the frame.
//
// If it fails, the error is an [*Error], and the PDU is nil. The exception are
// responses with a broken body: they are returned as far as they can be read,
// together with the error, since their status settles the request. A response
// without a body has empty fields, and is no error. Octets behind a PDU that has
// no TLVs are ignored.
func (d *Decoder) Decode(frame []byte) (PDU, error) {
	if len(frame) < HeaderLength || uint64(binary.BigEndian.Uint32(frame)) != uint64(len(frame)) {
		return nil, lengthError(frame, "is not the length of the frame")
	}
	id, h := parseHeader(frame)
	p := d.pdu(id)
	if p == nil {
		e := &Error{CommandID: id, Sequence: h.Sequence, Status: StatusInvCmdID, Field: "command_id", Reason: "is not known"}
		if id.IsResponse() {
			e.Status = StatusOK
		}
		return nil, e
	}
	*p.Head() = h
	c := &d.coder
	*c = coder{mode: decoding, id: id, header: h, b: frame, pos: HeaderLength, loose: d.Lenient || id.IsResponse()}
	p.fields(c)
	return c.decoded(p)
}

// pdu returns the PDU to decode into, or nil if the type is not known.
func (d *Decoder) pdu(id CommandID) PDU {
	if !d.Reuse {
		return newPDU(id)
	}
	p, ok := d.last[id]
	if !ok {
		if p = newPDU(id); p == nil {
			return nil
		}
		if d.last == nil {
			d.last = make(map[CommandID]PDU)
		}
		d.last[id] = p
	}
	return p
}

// decoded returns the PDU whose fields were decoded.
func (c *coder) decoded(p PDU) (PDU, error) {
	h, body := p.Head(), c.b[HeaderLength:]
	if c.id.IsResponse() {
		// The specification says that an error has no body, so a broken one is
		// none.
		if h.Status != StatusOK {
			c.err = nil
		}
		switch {
		case !c.hasFields:
		case h.Status == StatusOK && len(body) == 0:
			h.Body = BodyAbsent
		case h.Status != StatusOK && len(body) > 0 && c.isEmpty(body):
			h.Body = BodyPresent
		}
	}
	if c.err == nil {
		return p, nil
	}
	if c.id.IsResponse() {
		return p, c.err
	}
	return nil, c.err
}

func parseHeader(frame []byte) (CommandID, Header) {
	return CommandID(binary.BigEndian.Uint32(frame[4:])), Header{
		Status:   CommandStatus(binary.BigEndian.Uint32(frame[8:])),
		Sequence: binary.BigEndian.Uint32(frame[12:]),
	}
}

// lengthError is the error of a wrong command_length. It has the number of the
// PDU if there is a header at all.
func lengthError(head []byte, reason string) *Error {
	e := &Error{Status: StatusInvCmdLen, Field: "command_length", Reason: reason, Close: true}
	if len(head) >= HeaderLength {
		id, h := parseHeader(head)
		e.CommandID, e.Sequence = id, h.Sequence
	}
	return e
}
