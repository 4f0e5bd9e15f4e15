package receipt

import (
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// maxOctets is how much of the text of a receipt is looked at. Even with a whole
// long message at its end, a receipt has less.
const maxOctets = 4096

// Receipt is what an SMSC tells about a message. All strings are bounded by the
// PDU, but are otherwise whatever the SMSC has sent.
type Receipt struct {
	// MessageID names the message, though maybe in another way than the response
	// to it did. It is empty if the SMSC left it out.
	MessageID string
	// TextID is the id in the text if it differs from MessageID, which is then
	// that of the TLV.
	TextID string
	State  State
	// StateText is the state as it is in the text, if it is there.
	StateText string
	// Final says that no more receipts are expected. If State is [Unknown], one
	// may come nevertheless.
	Final bool
	// Intermediate says that more receipts are expected. Neither is set if the
	// receipt tells no state.
	Intermediate bool
	// Err is the error of the text, which each SMSC numbers in its own way; often
	// it is "000" for none.
	Err string
	// NetworkError is set if HasNetworkError.
	NetworkError    pdu.NetworkErrorCode
	HasNetworkError bool
	// SubmitDate and DoneDate are when the message was taken, and when it got its
	// state.
	SubmitDate, DoneDate Date
	// Submitted and Delivered count messages, and are -1 if not told. They are
	// only of interest for distribution lists.
	Submitted, Delivered int
	// Text is the beginning of the message, if the SMSC repeats it.
	Text string
	// UserMessageReference is that of the message if HasReference.
	UserMessageReference uint16
	HasReference         bool
	// Source is where the receipt came from: mostly, but not always, the
	// destination of the message.
	Source, Destination pdu.Address
	// Raw is all of the text.
	Raw string
}

// Parser reads receipts of one SMSC. It is safe for concurrent use.
type Parser struct {
	coder    *coding.Coder
	location *time.Location
}

// NewParser returns a parser for an SMSC whose text the coder reads. Dates
// without a zone are in the location, which is UTC if it is nil.
func NewParser(coder *coding.Coder, location *time.Location) *Parser {
	if location == nil {
		location = time.UTC
	}
	return &Parser{coder: coder, location: location}
}

// Parse reads a receipt from a [*pdu.DeliverSM] or [*pdu.DataSM], and returns
// false for any other PDU and if the message is none.
//
// A message is a receipt if its esm_class says so, if it has an id in
// receipted_message_id, or if its text begins like a receipt and has an id and a
// state: some SMSCs leave esm_class at 0. TLVs count more than text. The receipt
// aliases nothing of the PDU.
func (p *Parser) Parse(message pdu.PDU) (Receipt, bool) {
	switch m := message.(type) {
	case *pdu.DeliverSM:
		return p.parse(&content{m.SourceAddr, m.DestAddr, m.ESMClass, m.DataCoding, m.Message(), m.TLVs})
	case *pdu.DataSM:
		return p.parse(&content{m.SourceAddr, m.DestAddr, m.ESMClass, m.DataCoding, m.Message(), m.TLVs})
	default:
		return Receipt{}, false
	}
}

// content is what deliver_sm and data_sm have in common.
type content struct {
	source, destination pdu.Address
	class               pdu.ESMClass
	dataCoding          pdu.DataCoding
	octets              []byte
	tlvs                pdu.TLVs
}

// announced tells whether esm_class says that it is a receipt. There are SMSCs
// that set several types at once; 0x10 is of messages from a person, and 0x18 of
// a conversation abort.
func (c *content) announced() bool {
	kind := c.class.Type()
	return kind&(pdu.ESMClassDeliveryReceipt|pdu.ESMClassIntermediateNotification) != 0 || kind == pdu.ESMClassDeliveryAck
}

func (p *Parser) parse(c *content) (Receipt, bool) {
	c.octets = c.octets[:min(len(c.octets), maxOctets)]
	id := tlvID(c.tlvs)
	certain := c.announced() || len(id) > 0
	if !certain && !p.begins(c) {
		return Receipt{}, false
	}
	f, raw := p.read(c)
	if !certain && !f.convincing() {
		return Receipt{}, false
	}
	r := Receipt{
		StateText: f[keyStat], Err: f[keyErr], Text: f[keyText], Raw: raw,
		SubmitDate: newDate(f[keySubmitDate], p.location), DoneDate: newDate(f[keyDoneDate], p.location),
		Submitted: count(f[keySub]), Delivered: count(f[keyDelivered]),
		Source: c.source, Destination: c.destination,
	}
	r.setID(id, f[keyID])
	r.setState(c)
	r.NetworkError, r.HasNetworkError = c.tlvs.NetworkErrorCode()
	r.UserMessageReference, r.HasReference = c.tlvs.Uint16(pdu.TagUserMessageReference)
	return r, true
}

// setID takes over the ids of the TLV and of the text. It makes no copy if they
// are the same.
func (r *Receipt) setID(tlv []byte, text string) {
	// One octet too many is left, so that what was cut off never matches.
	tlv, text = tlv[:min(len(tlv), MaxID+1)], text[:min(len(text), MaxID+1)]
	switch {
	case len(tlv) == 0 || string(tlv) == text:
		r.MessageID = text
	default:
		r.MessageID, r.TextID = string(tlv), text
	}
}

func (r *Receipt) setState(c *content) {
	told := r.StateText != ""
	r.State, _ = ParseState(r.StateText)
	if wire, ok := c.tlvs.MessageState(); ok {
		told = true
		// Some SMSCs have the TLV say UNKNOWN whatever the text says.
		if s, ok := StateOf(wire); ok && s != Unknown {
			r.State = s
		}
	}
	// A notification of a failure is about one try, but what is delivered is.
	notification := c.class.Type()&pdu.ESMClassIntermediateNotification != 0
	r.Intermediate = r.State.onTheWay() || notification && r.State != Delivered
	r.Final = told && !r.Intermediate
}

// count reads a number of messages, or returns -1 if there is none.
func count(s string) int {
	if s == "" || len(s) > 9 {
		return -1
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
