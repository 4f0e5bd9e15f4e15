package session_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

func TestLostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &events{}
		s, p := bound(t, pdu.BindTransmitter, session.Config{Window: 3, Observer: seen})
		results := []<-chan outcome{submit(s), submit(s), submit(s)}
		for range results {
			p.next()
		}
		waiting := submit(s)
		synctest.Wait()
		require.NoError(t, p.conn.Close())
		for _, r := range results {
			requireFailed(t, <-r, true, nil)
		}
		requireFailed(t, <-waiting, false, nil)
		requireFailed(t, <-submit(s), false, nil)
		<-s.Done()
		require.Equal(t, session.StateClosed, s.State())
		require.ErrorContains(t, s.Err(), "the peer closed the connection")
		require.Len(t, seen.of(session.EventLost), 1)
	})
}

// cutConn fails in the middle of a write.
type cutConn struct {
	net.Conn
	// left is how many octets it still writes.
	left int
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.left >= len(b) {
		c.left -= len(b)
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:c.left])
	c.left = 0
	return n, errors.New("cut")
}

// TestPartialWrite cuts the connection after each octet of two messages: one is
// only known not to be sent if none of its octets was.
func TestPartialWrite(t *testing.T) {
	frame, err := message().AppendTo(nil)
	require.NoError(t, err)
	length := len(frame)
	for _, written := range []int{0, 1, length - 1, length, length + 1, 2*length - 1} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			p := newPeer(t, theirs)
			conn := &cutConn{Conn: ours, left: 1 << 20}
			c := &session.Connector{Dial: dialer(conn)}
			connected := make(chan *session.Session)
			go func() {
				s, err := c.Connect(context.Background(), pdu.BindTransmitter)
				require.NoError(t, err)
				connected <- s
			}()
			p.acceptBind()
			s := <-connected
			conn.left = written
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			first := submit(s)
			synctest.Wait()
			second := submit(s)
			requireFailed(t, <-first, written > 0, nil)
			requireFailed(t, <-second, written > length, nil)
			<-s.Done()
			require.ErrorContains(t, s.Err(), "write")
		})
	}
}

// TestUnreadRequests has a peer that reads one message only: what is queued
// behind it was never sent.
func TestUnreadRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{})
		first := submit(s)
		p.next()
		stuck := submit(s)
		synctest.Wait()
		queued := submit(s)
		require.Equal(t, 10*time.Second, elapsed(func() { <-s.Done() }))
		requireFailed(t, <-first, true, nil)
		requireFailed(t, <-stuck, false, nil)
		requireFailed(t, <-queued, false, nil)
	})
}

func TestPeerThatDoesNotReadAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindReceiver, session.Config{WriteTimeout: time.Hour})
		var flood []byte
		for i := range uint32(1000) {
			var err error
			flood, err = (&pdu.EnquireLink{Header: pdu.Header{Sequence: i}}).AppendTo(flood)
			require.NoError(t, err)
		}
		sent := 0
		for err := error(nil); err == nil; {
			var n int
			n, err = p.conn.Write(flood)
			sent += n
		}
		<-s.Done()
		require.ErrorIs(t, s.Err(), session.ErrUnread)
		require.Less(t, sent, 4<<20)
	})
}

func TestEnquireLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindReceiver, session.Config{})
		for range 3 {
			var got pdu.PDU
			require.Equal(t, 30*time.Second, elapsed(func() { got = p.next() }))
			require.Equal(t, pdu.CommandEnquireLink, got.CommandID())
			p.send(&pdu.EnquireLinkResp{Header: pdu.Header{Sequence: got.Head().Sequence}})
		}
		// What the peer sends counts as life as well.
		time.Sleep(20 * time.Second)
		p.send(&pdu.EnquireLink{Header: pdu.Header{Sequence: 0x80000001}})
		require.Equal(t, uint32(0x80000001), p.next().Head().Sequence, "any number is echoed")
		require.Equal(t, 30*time.Second, elapsed(func() { p.next() }))
		require.Equal(t, 10*time.Second, elapsed(func() { require.Empty(t, p.end()) }))
		<-s.Done()
		require.ErrorIs(t, s.Err(), session.ErrDead)
	})
}

// TestHalfOpenPeer has a peer that takes messages and answers nothing.
func TestHalfOpenPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{})
		result := submit(s)
		go p.end()
		require.Equal(t, 40*time.Second, elapsed(func() { requireFailed(t, <-result, true, session.ErrDead) }))
	})
}

func TestInactivity(t *testing.T) {
	for name, tt := range map[string]struct {
		mode  pdu.BindMode
		cfg   session.Config
		after time.Duration
	}{
		"receiver":            {pdu.BindReceiver, session.Config{EnquireInterval: -1}, 5 * time.Minute},
		"transmitter":         {pdu.BindTransmitter, session.Config{EnquireInterval: -1}, 0},
		"transmitter, wanted": {pdu.BindTransmitter, session.Config{EnquireInterval: -1, InactivityTimeout: time.Minute}, time.Minute},
		"off":                 {pdu.BindReceiver, session.Config{EnquireInterval: -1, InactivityTimeout: -1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := bound(t, tt.mode, tt.cfg)
				if tt.after == 0 {
					time.Sleep(24 * time.Hour)
					require.Equal(t, session.StateBound, s.State())
					return
				}
				require.Equal(t, tt.after, elapsed(func() { require.Equal(t, pdu.CommandUnbind, p.next().CommandID()) }))
				require.Equal(t, 5*time.Second, elapsed(func() { <-s.Done() }), "the peer does not answer")
				require.ErrorIs(t, s.Err(), session.ErrInactive)
			})
		})
	}
}

func TestPDUThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindReceiver, session.Config{})
		p.write([]byte{0, 0, 0, 16, 0})
		require.Equal(t, 10*time.Second, elapsed(func() { <-s.Done() }))
		require.ErrorContains(t, s.Err(), "read")
	})
}

// TestSlowPDUs has a peer that needs a while for each PDU, but not too long.
func TestSlowPDUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindReceiver, session.Config{})
		frame, err := (&pdu.EnquireLink{Header: pdu.Header{Sequence: 1}}).AppendTo(nil)
		require.NoError(t, err)
		p.write(frame[:1])
		for range 10 {
			time.Sleep(9 * time.Second)
			// The rest of one, and the beginning of the next.
			p.write(append(append([]byte(nil), frame[1:]...), frame[0]))
			require.Equal(t, pdu.CommandEnquireLinkResp, p.next().CommandID())
		}
		require.Equal(t, session.StateBound, s.State())
	})
}

func TestFramingThatIsLost(t *testing.T) {
	for name, length := range map[string]uint32{"zero": 0, "short": 15, "too long": 70_001, "huge": 0xffffffff} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := bound(t, pdu.BindTransceiver, session.Config{})
				result := submit(s)
				request := p.next()
				garbage := make([]byte, 64)
				binary.BigEndian.PutUint32(garbage, length)
				go func() { _, _ = p.conn.Write(garbage) }()
				nack, ok := p.next().(*pdu.GenericNack)
				require.True(t, ok)
				require.Equal(t, pdu.StatusInvCmdLen, nack.Status)
				// Whatever comes now is not understood any more.
				p.respond(request, pdu.StatusOK, "1")
				require.Equal(t, time.Second, elapsed(func() { require.Empty(t, p.end()) }))
				requireFailed(t, <-result, true, nil)
				<-s.Done()
				require.ErrorContains(t, s.Err(), "command_length")
			})
		})
	}
}

func TestRequestsThatAreNotUnderstood(t *testing.T) {
	for name, tt := range map[string]struct {
		hex    []byte
		id     pdu.CommandID
		status pdu.CommandStatus
	}{
		"unknown command":   {[]byte{0, 0, 0, 16, 0, 0, 0, 0xf7, 0, 0, 0, 0, 0, 0, 0, 77}, pdu.CommandGenericNack, pdu.StatusInvCmdID},
		"truncated message": {[]byte{0, 0, 0, 17, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 77, 0}, pdu.CommandDeliverSMResp, pdu.StatusInvCmdLen},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &events{}
				s, p := bound(t, pdu.BindReceiver, session.Config{Observer: seen})
				p.write(tt.hex)
				got := p.next()
				require.Equal(t, tt.id, got.CommandID())
				require.Equal(t, pdu.Header{Status: tt.status, Sequence: 77}, *got.Head())
				require.Equal(t, session.StateBound, s.State())
				require.Len(t, seen.of(session.EventRefused), 1)
			})
		})
	}
}

// TestUnknownResponse is ignored, as are those to enquire_link.
func TestUnknownResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindReceiver, session.Config{})
		p.write([]byte{0, 0, 0, 16, 0x80, 0, 0, 0xf7, 0, 0, 0, 0, 0, 0, 0, 77})
		p.send(&pdu.EnquireLink{Header: pdu.Header{Sequence: 1}})
		require.Equal(t, pdu.CommandEnquireLinkResp, p.next().CommandID())
		require.Equal(t, session.StateBound, s.State())
	})
}

// TestBrokenResponse still settles its request.
func TestBrokenResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := bound(t, pdu.BindTransmitter, session.Config{})
		result := submit(s)
		sequence := byte(p.next().Head().Sequence)
		// The TLV is longer than the PDU.
		p.write([]byte{0, 0, 0, 22, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, sequence, '7', 0, 0, 0x1e, 0xff, 0xff})
		o := <-result
		requireAnswered(t, o, pdu.StatusOK)
		require.Equal(t, "7", o.response.(*pdu.SubmitSMResp).MessageID)
	})
}
