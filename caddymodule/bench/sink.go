//go:build linux

package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// mode is what a sink does with a request.
type mode int32

const (
	modeNormal mode = iota // answer 200
	modeFail               // answer 503
	modeHang               // read it and never answer
	modeRefuse             // reset the connection
)

// modes are the names that the control port knows them by.
var modes = map[string]mode{"normal": modeNormal, "fail": modeFail, "hang": modeHang, "refuse": modeRefuse}

var (
	answerOK   = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	answerFail = []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
)

// maxSequence bounds the memory for telling repeats: one bit for each event.
const maxSequence = 1 << 32

// sink is the receiver at the end of the way. It counts the events it has
// answered with success.
type sink struct {
	mode atomic.Int32

	mu      sync.Mutex
	seen    []uint64 // a bit for each sequence number
	counts  counts
	latency latencies
}

// counts of events since the last reset.
type counts struct {
	// Distinct events have arrived, and Repeats came on top of them.
	Distinct uint64 `json:"distinct"`
	Repeats  uint64 `json:"repeats"`
	// Foreign requests hold no event, or one of a message that failed.
	Foreign uint64 `json:"foreign"`
	// Sample is the first of these, to tell what is wrong.
	Sample string `json:"sample,omitempty"`
	// First and Last are when the first and the latest distinct event
	// arrived, in nanoseconds since 1970; 0 before that.
	First int64 `json:"first_ns"`
	Last  int64 `json:"last_ns"`
}

// serve accepts connections until l is closed.
func (s *sink) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go s.handle(conn)
	}
}

// handle answers the requests of a connection in turn until either side ends it.
func (s *sink) handle(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nothing is buffered in it
	buf := make([]byte, bufferSize)
	filled := 0
	for {
		r, length, err := splitRequest(buf[:filled])
		if err != nil || (length == 0 && filled == len(buf)) {
			return
		}
		if length == 0 {
			n, err := conn.Read(buf[filled:])
			if err != nil {
				return
			}
			filled += n
			continue
		}
		if !s.answer(conn, r) {
			return
		}
		filled = copy(buf, buf[length:filled])
	}
}

// answer reports whether the connection goes on.
func (s *sink) answer(conn net.Conn, r request) bool {
	switch mode(s.mode.Load()) {
	case modeNormal:
		s.record(r, time.Now())
		_, err := conn.Write(answerOK)
		return err == nil
	case modeFail:
		_, err := conn.Write(answerFail)
		return err == nil
	case modeHang:
		return true
	default:
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // closing then sends RST
		}
		return false
	}
}

func (s *sink) record(r request, now time.Time) {
	sequence, sent, ok := parseBody(r.body)
	if !ok {
		sequence, ok = parseReceipt(r.body)
	}
	if !ok {
		var state uint64
		sequence, state, ok = parseCallback(r.target)
		if ok && (state == kannelSubmitted || state == kannelBuffered) {
			return // The last state is still to come.
		}
		ok = ok && state == kannelDelivered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || sequence >= maxSequence {
		if s.counts.Foreign == 0 {
			s.counts.Sample = string(r.target) + " " + string(r.body)
		}
		s.counts.Foreign++
		return
	}
	word, bit := sequence/64, uint64(1)<<(sequence%64)
	if missing := int(word) + 1 - len(s.seen); missing > 0 { //nolint:gosec // bounded by maxSequence
		s.seen = append(s.seen, make([]uint64, missing)...)
	}
	if s.seen[word]&bit != 0 {
		s.counts.Repeats++
		return
	}
	s.seen[word] |= bit
	s.counts.Distinct++
	s.counts.Last = now.UnixNano()
	if s.counts.First == 0 {
		s.counts.First = s.counts.Last
	}
	if sent > 0 {
		s.latency = s.latency.add(time.Duration(s.counts.Last - sent))
	}
}
