package smppbridge

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// note is what is known of a message from earlier attempts. It is kept as JSON,
// since people see it with the delivery.
type note struct {
	// Reference is that of all parts.
	Reference uint16 `json:"reference"`
	// Source is the position of the sender.
	Source int `json:"source"`
	// Recipient is where the message goes.
	Recipient string `json:"recipient,omitempty"`
	// Digest tells whether the parts are still the same.
	Digest string `json:"digest,omitempty"`
	// Runs counts the attempts in which something was to be sent.
	Runs int `json:"runs,omitempty"`
	// Refused counts answers after which only so many tries make sense.
	Refused int        `json:"refused,omitempty"`
	Parts   []notePart `json:"parts,omitempty"`
}

// notePart is what is known of a part.
type notePart struct {
	State     partState `json:"state"`
	MessageID string    `json:"message_id,omitempty"`
}

// partState is what has become of a part.
type partState string

const (
	partWaiting  partState = "waiting"  // not sent yet, or refused
	partAccepted partState = "accepted" // the SMSC has it
	partUnknown  partState = "unknown"  // the SMSC may have it
)

// parseNote returns false if there is none, or none that can be read: then
// nothing is known.
func parseNote(b []byte) (note, bool) {
	var n note
	if len(b) == 0 || json.Unmarshal(b, &n) != nil {
		return note{}, false
	}
	return n, true
}

func (n *note) encode() []byte {
	b, err := json.Marshal(n)
	if err != nil {
		return nil // It has nothing that can fail.
	}
	return b
}

// sent tells whether a part has left us.
func (n *note) sent() bool {
	for i := range n.Parts {
		if n.Parts[i].State != partWaiting {
			return true
		}
	}
	return false
}

// complete tells whether the SMSC has all parts.
func (n *note) complete() bool {
	for i := range n.Parts {
		if n.Parts[i].State != partAccepted {
			return false
		}
	}
	return len(n.Parts) > 0
}

// identified tells whether the SMSC gave all parts an id.
func (n *note) identified() bool {
	for i := range n.Parts {
		if n.Parts[i].MessageID == "" {
			return false
		}
	}
	return true
}

// fit has the note describe these parts. What is known of others is forgotten: a
// message that has changed, as with a new config, is sent anew.
func (n *note) fit(segments []coding.Segment) (same bool) {
	digest := digestOf(segments)
	if len(n.Parts) == len(segments) && n.Digest == digest {
		return true
	}
	n.Digest, n.Refused = digest, 0
	n.Parts = make([]notePart, len(segments))
	for i := range n.Parts {
		n.Parts[i].State = partWaiting
	}
	return false
}

// digestOf is empty for a single part, which is either taken or not.
func digestOf(segments []coding.Segment) string {
	if len(segments) == 1 {
		return ""
	}
	h := fnv.New64a()
	for i := range segments {
		_, _ = fmt.Fprintf(h, "%d:", len(segments[i].Data))
		_, _ = h.Write(segments[i].Data)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
