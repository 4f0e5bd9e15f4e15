package smsc

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// reportBody is the body of an event that tells what became of a message. Those of
// `smpp` destinations have it, with more members. Only the id of the event and the
// state are required.
type reportBody struct {
	Event struct {
		ID string `json:"id"`
	} `json:"event"`
	State string `json:"state"`
	// Final is found out from the state unless it is there.
	Final *bool `json:"final"`
	// Whole is there if the message went on in parts, of which State is that of one.
	Whole *struct {
		State string `json:"state"`
		Final *bool  `json:"final"`
	} `json:"whole"`
	Error            string `json:"error"`
	NetworkErrorCode *struct {
		Network uint8  `json:"network"`
		Code    uint16 `json:"code"`
	} `json:"network_error_code"`
	DoneDate string `json:"done_date"`
}

// report is what an event tells about a message.
type report struct {
	eventID string
	state   receipt.State
	final   bool
	// partial tells that this is about a part of what the message became, while the
	// message is still on the way.
	partial bool
	err     string
	network *pdu.NetworkErrorCode
	done    time.Time
}

// readReport reads an event. Its errors hold no values.
func readReport(e *relay.Event) (*report, error) {
	var b reportBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return nil, errors.New(wrong.Field + " has not the type that it has in receipts")
		}
		return nil, errors.New("the body is not the JSON of a receipt")
	}
	if b.Event.ID == "" {
		return nil, errors.New("event.id is missing: it is not known which message the receipt is about")
	}
	r := &report{eventID: b.Event.ID, err: b.Error, done: e.Time}
	part, final, err := readState("state", b.State, b.Final)
	if err != nil {
		return nil, err
	}
	r.state, r.final = part, final
	if b.Whole != nil {
		if r.state, r.final, err = readState("whole.state", b.Whole.State, b.Whole.Final); err != nil {
			return nil, err
		}
		r.partial = final && !r.final
	}
	if n := b.NetworkErrorCode; n != nil {
		r.network = &pdu.NetworkErrorCode{Network: n.Network, Code: n.Code}
	}
	if done, err := time.Parse(time.RFC3339, b.DoneDate); err == nil {
		r.done = done
	}
	return r, nil
}

// readState reads a state, and whether another one is expected to follow.
func readState(field, text string, final *bool) (receipt.State, bool, error) {
	if text == "" {
		return 0, false, errors.New(field + " is missing")
	}
	state, ok := receipt.ParseState(text)
	if !ok {
		return 0, false, errors.New(field + " is none of delivered, undeliverable, expired, deleted, rejected, skipped, unknown, scheduled, enroute and accepted")
	}
	if final != nil {
		return state, *final, nil
	}
	return state, state.Definite() || state == receipt.Unknown, nil
}
