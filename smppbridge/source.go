package smppbridge

import (
	"hash/fnv"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// SourceChoice is how one of several senders is taken.
type SourceChoice uint8

const (
	// RoundRobin takes one after the other.
	RoundRobin SourceChoice = iota
	// Sticky takes the same one for the same recipient, as long as the senders
	// stay the same.
	Sticky
)

var sourceChoiceNames = [...]string{"round_robin", "sticky"}

// UnmarshalText reads round_robin or sticky.
func (s *SourceChoice) UnmarshalText(text []byte) error {
	return parseName(s, sourceChoiceNames[:], text)
}

// MarshalText writes the name.
func (s SourceChoice) MarshalText() ([]byte, error) { return []byte(sourceChoiceNames[s]), nil }

// source returns the sender of a message, which is the one of an earlier attempt
// if a part of the message was sent with that.
func (d *Destination) source(delivery *relay.Delivery, recipient string, earlier int) (address pdu.Address, index int, err error) {
	all := d.cfg.SourceAddrs
	switch {
	case len(all) == 0:
		address, err = sourceAddress("", d.cfg.SourceKind)
		return address, 0, err
	case earlier >= 0 && earlier < len(all):
		index = earlier
	case len(all) == 1:
	case d.cfg.SourceChoice == Sticky:
		h := fnv.New32a()
		_, _ = h.Write([]byte(recipient))
		index = int(h.Sum32() % uint32(len(all))) //nolint:gosec // There are a few.
	default:
		index = int((d.turn.Add(1) - 1) % uint64(len(all))) //nolint:gosec // It is less than their number.
	}
	address, err = sourceAddress(all[index].Execute(delivery), d.cfg.SourceKind)
	return address, index, err
}
