package smppbridge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// Store keeps what the bridge must not forget. A [relay.Engine] is one.
type Store interface {
	// Keep keeps an event, links, marks and a settlement, or what there is of
	// them, and returns once that is durable. It must do so even when there is no
	// room, if there is no event: no message is sent without a mark.
	Keep(a relay.Acceptance) (duplicate bool, err error)
	// Report returns what was last reported about a delivery, or nil.
	Report(ctx context.Context, delivery string) ([]byte, error)
	// Linked returns the values of the links with a hash, the newest first.
	Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error)
	// EachLinked calls f with the values of all of them, the oldest first.
	EachLinked(ctx context.Context, hash relay.LinkHash, f func(value []byte) error) error
	// Remembered returns whether a mark is kept.
	Remembered(ctx context.Context, hash relay.MarkHash) (note uint16, ok bool, err error)
}

// keep is [Store.Keep] where duplicates are as good as new.
func keep(s Store, a relay.Acceptance) error {
	_, err := s.Keep(a)
	return err
}

// Route says which destinations get what comes back.
type Route struct {
	// To returns their names. An event that has none is not kept. A nil one
	// stands for no destinations at all.
	To func(*relay.Event) []string
}

func (r *Route) to(e *relay.Event) []string {
	if r.To == nil {
		return nil
	}
	return r.To(e)
}

// origin is what a message_id leads to: the message that was submitted.
type origin struct {
	MessageID   string
	Recipient   string
	EventID     string
	Source      string
	Type        string
	Delivery    string
	Destination string
	Part, Total uint8 // from 1

	// fresh is set as long as there was no receipt for the delivery. It is looked
	// at with the lock of its report.
	fresh bool
}

// originVersion is the first byte of an encoded origin.
const originVersion = 1

// append encodes the origin: version, part, total, and the texts, each behind
// its length.
func (o *origin) append(b []byte) []byte {
	b = append(b, originVersion, o.Part, o.Total)
	for _, text := range o.texts() {
		b = binary.AppendUvarint(b, uint64(len(*text)))
		b = append(b, *text...)
	}
	return b
}

// texts are in the order in which they are encoded.
func (o *origin) texts() [7]*string {
	return [...]*string{&o.MessageID, &o.Recipient, &o.Delivery, &o.Destination, &o.Source, &o.EventID, &o.Type}
}

// encode returns the value of a link. If it were too long, it has no type, which
// is the only text that nothing bounds.
func (o *origin) encode() []byte {
	b := o.append(make([]byte, 0, 128))
	if len(b) > relay.MaxLinkLength {
		short := &origin{
			MessageID: o.MessageID, Recipient: o.Recipient, EventID: o.EventID, Source: o.Source,
			Delivery: o.Delivery, Destination: o.Destination, Part: o.Part, Total: o.Total,
		}
		b = short.append(b[:0])
	}
	return b
}

var errOrigin = errors.New("malformed link of a message")

func decodeOrigin(b []byte) (*origin, error) {
	if len(b) < 3 || b[0] != originVersion {
		return nil, errOrigin
	}
	o := &origin{Part: b[1], Total: b[2]}
	b = b[3:]
	for _, text := range o.texts() {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b[n:])) {
			return nil, errOrigin
		}
		end := n + int(length) //nolint:gosec // Checked above.
		*text, b = string(b[n:end]), b[end:]
	}
	return o, nil
}

// The kinds of links and marks, so that none is taken for another.
const (
	linkMessage = 'm' // message_id to origin
	markBegun   = 'b' // run of a delivery
)

// hashOf returns the hash of a link or mark.
func hashOf(kind byte, smsc string, parts ...string) (hash [16]byte) {
	b := make([]byte, 0, 128)
	b = append(b, kind)
	b = appendText(b, smsc)
	for _, part := range parts {
		b = appendText(b, part)
	}
	sum := sha256.Sum256(b)
	copy(hash[:], sum[:])
	return hash
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// messageHash returns the hash under which the origin of a message_id is kept.
func messageHash(smsc string, key receipt.Key) relay.LinkHash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(key))
	return hashOf(linkMessage, smsc, string(b[:]))
}
