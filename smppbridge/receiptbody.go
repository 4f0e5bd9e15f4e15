package smppbridge

import (
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// receiptBody is the body of the event that a receipt becomes.
type receiptBody struct {
	// MessageID is that of the response to the message, or as the receipt has it
	// if it is not known which message that is.
	MessageID string `json:"message_id"`
	// ReceiptMessageID is the id as the receipt has it, if it is written in
	// another way.
	ReceiptMessageID string        `json:"receipt_message_id,omitempty"`
	State            receipt.State `json:"state"`
	// Final tells that no other state is expected.
	Final bool `json:"final"`
	// Timeout tells that no receipt came in time, so nothing is from the SMSC.
	Timeout bool `json:"timeout,omitempty"`
	// StateText is the state in the words of the SMSC.
	StateText string `json:"state_text,omitempty"`
	// Error is the error of the text, in the SMSC's own numbers.
	Error            string        `json:"error,omitempty"`
	NetworkErrorCode *networkError `json:"network_error_code,omitempty"`
	// SubmitDate and DoneDate are as in RFC 3339 if they can be read, and as the
	// SMSC wrote them otherwise.
	SubmitDate string `json:"submit_date,omitempty"`
	DoneDate   string `json:"done_date,omitempty"`
	// Text is the beginning of the message, if the SMSC repeats it.
	Text       string `json:"text,omitempty"`
	SourceAddr string `json:"source_addr"`
	DestAddr   string `json:"dest_addr"`
	// Recipient is where the message was sent.
	Recipient string `json:"recipient,omitempty"`
	// Part counts from 1 to Parts.
	Part  uint8 `json:"part,omitempty"`
	Parts uint8 `json:"parts,omitempty"`
	// Whole is the state of all parts together.
	Whole *wholeState `json:"whole,omitempty"`
	// Event is what the message came from. It is null if that is not known.
	Event *joinedEvent `json:"event"`
	// Raw is the text of the receipt as it came.
	Raw string `json:"raw,omitempty"`
}

type networkError struct {
	Network uint8  `json:"network"`
	Code    uint16 `json:"code"`
}

type wholeState struct {
	State receipt.State `json:"state"`
	// Final tells that no other state is expected, Complete that each part has
	// its last state.
	Final    bool `json:"final"`
	Complete bool `json:"complete"`
}

type joinedEvent struct {
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type,omitempty"`
	Destination string `json:"destination"`
	Delivery    string `json:"delivery"`
}

func newReceiptBody(c *receipt.Receipt) *receiptBody {
	b := &receiptBody{
		MessageID: valid(c.MessageID), State: c.State, Final: c.Final, StateText: valid(c.StateText), Error: valid(c.Err),
		SubmitDate: dateText(c.SubmitDate), DoneDate: dateText(c.DoneDate), Text: valid(c.Text),
		SourceAddr: valid(c.Source.Addr), DestAddr: valid(c.Destination.Addr), Raw: valid(c.Raw),
	}
	if c.HasNetworkError {
		b.NetworkErrorCode = &networkError{Network: c.NetworkError.Network, Code: c.NetworkError.Code}
	}
	return b
}

// join adds what is known of the message.
func (b *receiptBody) join(o *origin, whole *report) {
	if b.MessageID != o.MessageID {
		b.MessageID, b.ReceiptMessageID = valid(o.MessageID), b.MessageID
	}
	b.Recipient, b.Part, b.Parts = o.Recipient, o.Part, o.Total
	b.Whole = &wholeState{State: whole.State, Final: whole.Final, Complete: whole.Complete}
	b.Event = &joinedEvent{ID: o.EventID, Source: o.Source, Type: o.Type, Destination: o.Destination, Delivery: o.Delivery}
}

func dateText(d receipt.Date) string {
	if d.Time.IsZero() {
		return valid(d.Raw)
	}
	return d.Time.Format(time.RFC3339)
}

// valid returns text that JSON can hold as it is.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
