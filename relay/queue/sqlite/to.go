package sqlite

import "encoding/binary"

// The column "to" of an event lists the numbers of its destinations, as unsigned
// varints. Behind one that has more than one delivery of the event there is a 0,
// which is no destination's number, and how many deliveries that are.

// appendTo adds a destination with its deliveries.
func appendTo(to []byte, number, deliveries int64) []byte {
	to = binary.AppendUvarint(to, uint64(number)) //nolint:gosec // Numbers are positive.
	if deliveries > 1 {
		to = append(to, 0)
		to = binary.AppendUvarint(to, uint64(deliveries)) //nolint:gosec // Checked above.
	}
	return to
}

// deliveryKeys returns the keys of all deliveries of an event.
func deliveryKeys(seq int64, to []byte) (keys []int64) {
	for len(to) > 0 {
		number, n := binary.Uvarint(to)
		to = to[max(n, 1):]
		deliveries := uint64(1)
		if len(to) > 0 && to[0] == 0 {
			deliveries, n = binary.Uvarint(to[1:])
			to = to[1+max(n, 0):]
		}
		for i := range int64(deliveries) { //nolint:gosec // It is at most relay.MaxSplit.
			keys = append(keys, int64(number)<<seqBits|seq+i) //nolint:gosec // Numbers are small.
		}
	}
	return keys
}
