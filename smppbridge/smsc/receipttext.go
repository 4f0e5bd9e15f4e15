package smsc

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// wireState is how receipts write a state.
type wireState struct {
	number pdu.MessageState
	text   string // 3.4 appendix B
}

// wireStates has each state. Those that SMPP 5.0 has added are written as what
// comes next to them in 3.4.
var wireStates = map[receipt.State]wireState{
	receipt.Unknown:       {pdu.MessageStateUnknown, "UNKNOWN"},
	receipt.Scheduled:     {pdu.MessageStateEnroute, "ENROUTE"},
	receipt.Enroute:       {pdu.MessageStateEnroute, "ENROUTE"},
	receipt.Accepted:      {pdu.MessageStateAccepted, "ACCEPTD"},
	receipt.Delivered:     {pdu.MessageStateDelivered, "DELIVRD"},
	receipt.Expired:       {pdu.MessageStateExpired, "EXPIRED"},
	receipt.Deleted:       {pdu.MessageStateDeleted, "DELETED"},
	receipt.Undeliverable: {pdu.MessageStateUndeliverable, "UNDELIV"},
	receipt.Rejected:      {pdu.MessageStateRejected, "REJECTD"},
	receipt.Skipped:       {pdu.MessageStateUndeliverable, "UNDELIV"},
}

// dateLayout is YYMMDDhhmm.
const dateLayout = "0601021504"

// errorLength is that of the error in the text, which some ESMEs rely on.
const errorLength = 3

// receiptText returns the text of the receipt of a message (3.4 appendix B). It
// does not repeat the message, which nobody needs and not all should see. Dates
// have no zone there; these are in UTC.
func (r *report) receiptText(id string, submitted time.Time) string {
	delivered := "000"
	if r.state == receipt.Delivered {
		delivered = "001"
	}
	return fmt.Sprintf("id:%s sub:001 dlvrd:%s submit date:%s done date:%s stat:%s err:%s text:",
		id, delivered, submitted.UTC().Format(dateLayout), r.done.UTC().Format(dateLayout), wireStates[r.state].text, r.errorText())
}

// errorText returns the error with the three digits or letters that it has to
// have, or else "000".
func (r *report) errorText() string {
	text := r.err
	if text == "" && r.network != nil {
		text = fmt.Sprint(r.network.Code)
	}
	if len(text) > errorLength || strings.Trim(strings.ToUpper(text), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "000"
	}
	return strings.Repeat("0", errorLength-len(text)) + text
}

// deliverSM returns the receipt of a message without its text.
func (r *report) deliverSM(m *kept, id string) (*pdu.DeliverSM, error) {
	p := &pdu.DeliverSM{SourceAddr: pdu.Address(m.Dest), DestAddr: pdu.Address(m.Source), ESMClass: pdu.ESMClassDeliveryReceipt}
	if !r.final {
		p.ESMClass = pdu.ESMClassIntermediateNotification
	}
	if err := p.TLVs.AddCString(pdu.TagReceiptedMessageID, id); err != nil {
		return nil, err
	}
	p.TLVs.AddUint8(pdu.TagMessageState, uint8(wireStates[r.state].number))
	if n := r.network; n != nil {
		value := []byte{n.Network, byte(n.Code >> 8), byte(n.Code)} //nolint:gosec // Both octets.
		return p, p.TLVs.Add(pdu.TagNetworkErrorCode, value)
	}
	return p, nil
}
