package smsc

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
	Reference uint16 `json:"reference,omitempty"`
	// Sent is how many parts the ESME has taken.
	Sent int `json:"sent,omitempty"`
	// Digest tells whether the message is still the same.
	Digest string `json:"digest,omitempty"`
	// Refused counts answers after which only so many tries make sense.
	Refused int `json:"refused,omitempty"`
	// Told are the message_ids of which the ESME has taken the receipts.
	Told []string `json:"told,omitempty"`
}

// parseNote returns an empty one if there is none that can be read.
func parseNote(b []byte) note {
	var n note
	if json.Unmarshal(b, &n) != nil || n.Sent < 0 {
		return note{}
	}
	return n
}

func (n *note) encode() []byte {
	b, err := json.Marshal(n)
	if err != nil {
		return nil // It has nothing that can fail.
	}
	return b
}

// digestOf is empty for a message of one part, which is either taken or not.
func digestOf(m *message, encoded *coding.Message) string {
	if len(encoded.Segments) == 1 {
		return ""
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q", m.source.Addr, m.dest.Addr)
	for i := range encoded.Segments {
		_, _ = fmt.Fprintf(h, " %q", encoded.Segments[i].Data)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
