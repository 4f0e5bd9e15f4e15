package pdu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// DefaultMaxLength is the largest command_length that a [Reader] accepts by
// default, in octets: a message_payload of 64 KiB with all around it.
const DefaultMaxLength = 70_000

// bufferSize is how many octets a Reader holds, per session. It is more than
// most PDUs have, and little enough for thousands of idle sessions.
const bufferSize = 4096

// Reader cuts a stream into frames of one PDU each. It must not be used
// concurrently.
type Reader struct {
	r   *bufio.Reader
	max int
	// held is how many octets of the buffer the last frame takes.
	held int
	err  error
}

// NewReader returns a reader of PDUs with a command_length of up to maxLength
// octets; zero is [DefaultMaxLength].
func NewReader(r io.Reader, maxLength int) *Reader {
	if maxLength <= 0 {
		maxLength = DefaultMaxLength
	}
	return &Reader{r: bufio.NewReaderSize(r, bufferSize), max: maxLength}
}

// Wait returns as soon as some octet of the next PDU is there, so that a session
// can be idle for long, and still limit how long a PDU takes once it has begun.
// It returns [io.EOF] if the stream ends between two PDUs.
func (r *Reader) Wait() error {
	r.release()
	_, err := r.r.Peek(1)
	return err
}

// Buffered returns how many octets can be read without waiting for the peer.
func (r *Reader) Buffered() int {
	return r.r.Buffered() - r.held
}

// ReadFrame returns the octets of the next PDU, header included. They are valid
// until the next call of Wait or ReadFrame.
//
// It returns [io.EOF] if the stream ends between two PDUs, and an [*Error] if
// command_length is less than a header or more than the limit. Then nothing
// tells where the next PDU begins: all later calls fail as well.
func (r *Reader) ReadFrame() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.release()
	length, err := r.length()
	if err != nil {
		return nil, err
	}
	if length > r.r.Size() {
		return r.readLarge(length)
	}
	frame, err := r.r.Peek(length)
	if err != nil {
		return nil, unexpected(err)
	}
	r.held = length
	return frame[:length:length], nil
}

// release gives up the last frame.
func (r *Reader) release() {
	// As much as is held is in the buffer, so this can't fail.
	_, _ = r.r.Discard(r.held)
	r.held = 0
}

// length returns the length of the next PDU, which is within the limits.
func (r *Reader) length() (int, error) {
	head, err := r.r.Peek(4)
	if err != nil {
		if len(head) > 0 {
			err = unexpected(err)
		}
		return 0, err
	}
	length := uint64(binary.BigEndian.Uint32(head))
	switch {
	case length < HeaderLength:
		// What follows is no header, so it has no number to answer with.
		r.err = lengthError(nil, fmt.Sprintf("is %d, and must be at least %d", length, HeaderLength))
	case length > uint64(r.max): //nolint:gosec // It is positive.
		// Only what is there already is looked at: a peer in this state may never send the rest.
		head, _ = r.r.Peek(min(r.r.Buffered(), HeaderLength))
		r.err = lengthError(head, fmt.Sprintf("is %d, and may be at most %d", length, r.max))
	}
	return int(length), r.err //nolint:gosec // At most r.max without an error.
}

// readLarge reads a PDU that does not fit into the buffer. It only allocates
// about twice as much as has come, whatever the peer announces.
func (r *Reader) readLarge(length int) ([]byte, error) {
	var frame []byte
	for len(frame) < length {
		have := len(frame)
		more := min(max(have, r.r.Size()), length-have)
		frame = slices.Grow(frame, more)[:have+more]
		if _, err := io.ReadFull(r.r, frame[have:]); err != nil {
			// Part of the PDU is gone, so there is no way on.
			r.err = unexpected(err)
			return nil, r.err
		}
	}
	return frame, nil
}

// unexpected is the error of a stream that ends inside a PDU.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
