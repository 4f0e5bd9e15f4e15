//go:build linux

package main

import (
	"fmt"
	"net"
	"time"
)

// connection is a kept-alive connection with at most one request in flight.
type connection struct {
	conn    net.Conn
	writer  renderer
	buf     []byte
	sent    time.Time
	waiting chan struct{} // open loop only: a value for each request to be answered

	codes    [600]uint64
	latency  latencies
	answered time.Time // when the last answer came
}

func (l *load) dial() (*connection, error) {
	w, err := l.renderer()
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", l.Address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, writer: w, buf: make([]byte, bufferSize)}, nil
}

func (c *connection) send(sequence uint64, now time.Time) error {
	c.sent = now
	_, err := c.conn.Write(c.writer.render(sequence, now))
	return err
}

// receive reads the answer to the request in flight.
func (c *connection) receive() error {
	filled := 0
	for {
		n, err := c.conn.Read(c.buf[filled:])
		if err != nil {
			return err
		}
		filled += n
		status, length, err := splitResponse(c.buf[:filled])
		switch {
		case err != nil:
			return err
		case length == 0 && filled == len(c.buf):
			return errTooLong
		case length == 0:
			continue
		case length < filled:
			return fmt.Errorf("%w: %d bytes after the response", errMalformed, filled-length)
		}
		c.codes[status]++
		c.answered = time.Now()
		c.latency = c.latency.add(c.answered.Sub(c.sent))
		return nil
	}
}
