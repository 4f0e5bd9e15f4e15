package relay

import (
	"bytes"
	"iter"
	"strings"
	"time"
)

// Event is what came in from a source. It is immutable once accepted: many
// deliveries share one Event without locking.
type Event struct {
	// ID is the sender's identifier of the event, unique within Source for
	// the deduplication window. At most [MaxIDLength] bytes.
	ID string
	// Source is the name of the way in.
	Source string
	// Type is the kind of event in the sender's words; may be empty.
	Type string
	// Key groups events that belong together; may be empty.
	Key string
	// Time is when the event was received, with millisecond precision.
	Time time.Time
	// Header holds the request's header fields without those that carry
	// credentials.
	Header Header
	// Query is the raw query of the request URL, without the question mark.
	Query string
	// Body is the request body, byte for byte.
	Body []byte
}

// eventOverhead is about what an event and its delivery take in memory besides
// the parts that differ in size.
const eventOverhead = 768

// Size returns about how many bytes the event takes in memory.
func (e *Event) Size() int64 {
	return int64(len(e.Body)+len(e.Header)+len(e.Query)+len(e.ID)+len(e.Type)+len(e.Key)) + eventOverhead
}

// Header is an ordered block of header fields in wire format, one
// "Name: value\n" line per field. The compact form is what queues store, and
// needs no parsing where no field is asked for.
type Header []byte

// Add returns h with a field appended. Line breaks, which net/http refuses in
// field values, are replaced by spaces so that they can't forge a field.
func (h Header) Add(name, value string) Header {
	if strings.ContainsAny(value, "\r\n") {
		value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	h = append(h, name...)
	h = append(h, ": "...)
	h = append(h, value...)
	return append(h, '\n')
}

// Get returns the first value of the named field, or "". Names are compared
// without regard to case.
func (h Header) Get(name string) string {
	for line := range bytes.Lines(h) {
		// Every delivery comes by here, so only the result is allocated: the
		// length rules out nearly all fields before a string is made.
		n, v, ok := cutField(line)
		if ok && len(n) == len(name) && strings.EqualFold(string(n), name) {
			return string(v)
		}
	}
	return ""
}

// All iterates over the fields in the order they were added.
func (h Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range bytes.Lines(h) {
			name, value, ok := cutField(line)
			if ok && !yield(string(name), string(value)) {
				return
			}
		}
	}
}

// cutField splits a line of a header.
func cutField(line []byte) (name, value []byte, ok bool) {
	return bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
}
