package smsc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/receipt"
)

// asked is which receipts an ESME wants for a message: the registered_delivery
// (3.4 section 5.2.17) without what only phones can tell.
//
// It is a part of each message_id. So it is known of each part of a long message,
// and for messages without receipts nothing is kept, although SMSCs may send some
// for these all the same.
type asked uint8

const (
	// askedIntermediate is added to the bits about the final receipt.
	askedIntermediate asked = 1 << 2
	askedMask               = asked(pdu.RegisteredDeliverySuccess) | askedIntermediate
)

func askedBy(rd pdu.RegisteredDelivery) asked {
	a := asked(rd.Receipt())
	if rd.Intermediate() {
		a |= askedIntermediate
	}
	return a
}

// wants tells whether a receipt with a state is to be sent.
func (a asked) wants(state receipt.State, final bool) bool {
	if !final {
		return a&askedIntermediate != 0
	}
	switch pdu.RegisteredDelivery(a &^ askedIntermediate) {
	case pdu.RegisteredDeliveryFinal:
		return true
	case pdu.RegisteredDeliveryFailure:
		return state != receipt.Delivered
	case pdu.RegisteredDeliverySuccess:
		return state == receipt.Delivered
	default:
		return false
	}
}

const (
	// messageIDLength is that of the id of a message of one part: base32, of which
	// the last digit has what is asked for.
	messageIDLength = 26
	base32Digits    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	// partIDLength is that of the id of a part: a number in hexadecimal digits,
	// whose lowest bits have what is asked for.
	partIDLength = 16
)

// newMessageID returns the id of a message of one part: 125 random bits.
func newMessageID(a asked) string {
	return rand.Text()[:messageIDLength-1] + base32Digits[a:a+1]
}

// newPartNumber returns the number of a part: 61 random bits.
func newPartNumber(a asked) uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return binary.BigEndian.Uint64(b[:])&^uint64(askedMask) | uint64(a)
}

// partID returns the message_id of a part.
func partID(number uint64) string { return fmt.Sprintf("%016x", number) }

// askedFor returns what is asked for with a message, by its id or that of its
// event. It returns false for an id that can't be ours.
func askedFor(id string) (asked, bool) {
	id, _, _ = strings.Cut(id, "-") // With submit_multi, a number follows.
	switch len(id) {
	case messageIDLength:
		if strings.Trim(id, base32Digits) != "" {
			return 0, false
		}
		a := asked(strings.IndexByte(base32Digits, id[messageIDLength-1])) //nolint:gosec // There are 32 digits.
		return a, a <= askedMask
	case partIDLength:
		number, err := strconv.ParseUint(id, 16, 64)
		return asked(number) & askedMask, err == nil //nolint:gosec // The lowest bits are wanted.
	default:
		return 0, false
	}
}
