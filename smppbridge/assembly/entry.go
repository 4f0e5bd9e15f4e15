package assembly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/coding"
)

// version is the first byte of an entry. The second tells its kind.
const (
	version   = 1
	entryPart = 'p' // a part
	entryDone = 'd' // the tags of parts that are in an event, or need not be
	entryMark = 'm' // from where the list has to be read
)

const (
	headLength = 2
	// fixedLength is how much of a part comes before its addresses.
	fixedLength = headLength + 8 + 8 + 7 + 8
	// maxTags is how many an entry can name.
	maxTags = (relay.MaxLinkLength - headLength) / 8
)

var errEntry = errors.New("malformed entry of a list of parts")

// received is a part, and when it came from whom.
type received struct {
	time                time.Time
	source, destination string
	part                coding.Part
}

// encode returns the version, the kind, the time in milliseconds, the tag, what
// the header says, the data_coding, the ports, both addresses behind their lengths,
// and the octets. All numbers but the lengths are big-endian.
func (r *received) encode() []byte {
	h, c := &r.part.Header, &r.part.Header.Concat
	ports := byte(0)
	if h.HasPorts {
		ports = 1
	}
	b := make([]byte, 0, fixedLength+2+len(r.source)+len(r.destination)+len(r.part.Data))
	b = append(b, version, entryPart)
	b = appendTime(b, r.time)
	b = binary.BigEndian.AppendUint64(b, r.part.Tag)
	b = append(b, byte(c.Transport), c.Total, c.Number, r.part.DataCoding, byte(h.Locking), byte(h.Single), ports)
	for _, n := range [...]uint16{c.Reference, uint16(h.Octets), h.SourcePort, h.DestinationPort} { //nolint:gosec // A header has at most 256 octets.
		b = binary.BigEndian.AppendUint16(b, n)
	}
	for _, address := range [...]string{r.source, r.destination} {
		b = append(binary.AppendUvarint(b, uint64(len(address))), address...)
	}
	return append(b, r.part.Data...)
}

// decodePart is the opposite of encode. It copies the octets.
func decodePart(b []byte) (*received, error) {
	if len(b) < fixedLength || b[0] != version || b[1] != entryPart {
		return nil, errEntry
	}
	r := &received{time: timeOf(b[2:])}
	r.part.Tag = binary.BigEndian.Uint64(b[10:])
	numbers := b[25:]
	r.part.DataCoding = b[21]
	r.part.Header = coding.Header{
		Concat:  coding.NewConcat(coding.Transport(b[18]), binary.BigEndian.Uint16(numbers), b[19], b[20]),
		Locking: coding.Language(b[22]), Single: coding.Language(b[23]), HasPorts: b[24] == 1,
		Octets:     int(binary.BigEndian.Uint16(numbers[2:])),
		SourcePort: binary.BigEndian.Uint16(numbers[4:]), DestinationPort: binary.BigEndian.Uint16(numbers[6:]),
	}
	b = b[fixedLength:]
	for _, address := range [...]*string{&r.source, &r.destination} {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b[n:])) {
			return nil, errEntry
		}
		end := n + int(length) //nolint:gosec // Checked above.
		*address, b = string(b[n:end]), b[end:]
	}
	r.part.Data = bytes.Clone(b)
	if r.part.Header.Concat.Total <= 1 {
		return nil, errEntry
	}
	return r, nil
}

// encodeDone returns the entries that name parts as done.
func encodeDone(parts []coding.Part) (values [][]byte) {
	for len(parts) > 0 {
		n := min(len(parts), maxTags)
		b := append(make([]byte, 0, headLength+8*n), version, entryDone)
		for i := range parts[:n] {
			b = binary.BigEndian.AppendUint64(b, parts[i].Tag)
		}
		values, parts = append(values, b), parts[n:]
	}
	return values
}

// decodeDone returns the tags.
func decodeDone(b []byte) ([]uint64, error) {
	if len(b) < headLength || b[0] != version || b[1] != entryDone || (len(b)-headLength)%8 != 0 {
		return nil, errEntry
	}
	tags := make([]uint64, 0, (len(b)-headLength)/8)
	for b = b[headLength:]; len(b) > 0; b = b[8:] {
		tags = append(tags, binary.BigEndian.Uint64(b))
	}
	return tags, nil
}

// encodeMark says that everything that was kept before a time is done, and when
// that was found.
func encodeMark(doneBefore, now time.Time) []byte {
	b := append(make([]byte, 0, headLength+16), version, entryMark)
	return appendTime(appendTime(b, doneBefore), now)
}

func decodeMark(b []byte) (doneBefore, now time.Time, err error) {
	if len(b) != headLength+16 || b[0] != version || b[1] != entryMark {
		return time.Time{}, time.Time{}, errEntry
	}
	return timeOf(b[headLength:]), timeOf(b[headLength+8:]), nil
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli())) //nolint:gosec // It is read back as it was.
}

func timeOf(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) //nolint:gosec // As it was written.
}
