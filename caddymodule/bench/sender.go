//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// load says what a sender is to send. It ends after Duration or Count events,
// whichever is first; 0 means no limit, and one of them is needed.
type load struct {
	Address     string
	Secret      string
	Connections int
	// Rate is in events per second. With 0 the loop is closed: each
	// connection sends its next event as soon as the last is answered.
	Rate     float64
	Duration time.Duration
	Count    uint64
	// First is the sequence number of the first event.
	First uint64
	// Format is what requests are like: of formats.
	Format string
	// Sink is where Kannel calls back to, for the states of CallbackMask.
	Sink         string
	CallbackMask int
}

// The formats of requests: a signed event, a signed request for a short message,
// and the same as Kannel takes it.
const (
	formatEvent   = "event"
	formatMessage = "message"
	formatSendSMS = "sendsms"
)

func (l *load) renderer() (renderer, error) {
	switch l.Format {
	case formatEvent:
		return newEventWriter(l.Address, l.Secret)
	case formatMessage:
		return newMessageWriter(l.Address, l.Secret)
	case formatSendSMS:
		return newSendSMSWriter(l.Address, l.Sink, l.CallbackMask), nil
	default:
		return nil, fmt.Errorf("unknown format %q", l.Format)
	}
}

// sendResult is what a load came to.
type sendResult struct {
	Events uint64 `json:"events"`
	// Codes counts answers by status.
	Codes map[int]uint64 `json:"codes"`
	// Start and End are when the first request was sent and the last
	// answered, in nanoseconds since 1970.
	Start   int64       `json:"start_ns"`
	End     int64       `json:"end_ns"`
	Latency percentiles `json:"latency"` // from sending a request to its answer
}

// answerTimeout bounds the wait for answers after the sending is over.
const answerTimeout = 30 * time.Second

// sender sends events with sequence numbers that follow each other without a
// gap, whichever connection they take.
type sender struct {
	load
	next     atomic.Uint64
	start    time.Time
	deadline time.Time // zero if only Count limits the run
}

// send runs l to its end. Any failure of a connection fails the whole run: a
// benchmark with broken connections measures something else.
func send(l load) (*sendResult, error) {
	if l.Duration <= 0 && l.Count == 0 {
		return nil, errors.New("neither a duration nor a count limits the load")
	}
	s := &sender{load: l}
	s.next.Store(l.First)

	connections := make([]*connection, l.Connections)
	for i := range connections {
		c, err := l.dial()
		if err != nil {
			return nil, err
		}
		defer c.conn.Close() //nolint:errcheck // nothing is buffered in it
		connections[i] = c
	}

	s.start = time.Now()
	if l.Duration > 0 {
		s.deadline = s.start.Add(l.Duration)
		for _, c := range connections {
			if err := c.conn.SetDeadline(s.deadline.Add(answerTimeout)); err != nil {
				return nil, err
			}
		}
	}
	run := s.closedLoop
	if l.Rate > 0 {
		run = s.openLoop
	}
	if err := run(connections); err != nil {
		return nil, err
	}
	return s.result(connections), nil
}

// take returns the next sequence number, or false when the run is over.
func (s *sender) take(now time.Time) (uint64, bool) {
	if !s.deadline.IsZero() && !now.Before(s.deadline) {
		return 0, false
	}
	sequence := s.next.Add(1) - 1
	return sequence, s.Count == 0 || sequence < s.First+s.Count
}

func (s *sender) closedLoop(connections []*connection) error {
	var group errgroup.Group
	for _, c := range connections {
		group.Go(func() error {
			for {
				now := time.Now()
				sequence, ok := s.take(now)
				if !ok {
					return nil
				}
				if err := c.send(sequence, now); err != nil {
					return err
				}
				if err := c.receive(); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// openLoop sends at fixed times on whichever connection is idle, so that a
// slow answer delays no other event. If all connections are busy it falls
// behind, which the number of events shows.
func (s *sender) openLoop(connections []*connection) error {
	var group errgroup.Group
	idle := make(chan *connection, len(connections))
	for _, c := range connections {
		c.waiting = make(chan struct{}, 1)
		idle <- c
		group.Go(func() error {
			for range c.waiting {
				if err := c.receive(); err != nil {
					idle <- nil
					return err
				}
				idle <- c
			}
			return nil
		})
	}
	group.Go(func() error {
		defer func() {
			for _, c := range connections {
				close(c.waiting)
			}
		}()
		for i := 0; ; i++ {
			sleepUntil(s.start.Add(time.Duration(float64(i) / s.Rate * float64(time.Second))))
			c := <-idle
			if c == nil {
				return nil // its receiver has the error
			}
			now := time.Now()
			sequence, ok := s.take(now)
			if !ok {
				return nil
			}
			if err := c.send(sequence, now); err != nil {
				return err
			}
			c.waiting <- struct{}{}
		}
	})
	return group.Wait()
}

// sleepUntil asks the kernel directly, since [time.Sleep] of an idle program
// is only good to a millisecond, which is several events at usual rates.
func sleepUntil(t time.Time) {
	if d := time.Until(t); d > 0 {
		ts := unix.NsecToTimespec(d.Nanoseconds())
		// An early return by a signal sends one event a little early.
		_ = unix.Nanosleep(&ts, nil)
	}
}

func (s *sender) result(connections []*connection) *sendResult {
	r := &sendResult{Codes: map[int]uint64{}, Start: s.start.UnixNano()}
	var all latencies
	for _, c := range connections {
		for status, n := range c.codes {
			if n > 0 {
				r.Codes[status] += n
				r.Events += n
			}
		}
		all = append(all, c.latency...)
		if !c.answered.IsZero() {
			r.End = max(r.End, c.answered.UnixNano())
		}
	}
	r.Latency = all.percentiles()
	return r
}
