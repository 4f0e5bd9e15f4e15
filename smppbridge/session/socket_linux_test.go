package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// sockets returns a socket and the other end of its connection.
func sockets(t *testing.T) (*socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ours, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	theirs, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s, ok := newSocket(ours).(*socket)
	require.True(t, ok)
	t.Cleanup(func() {
		_ = s.Close()
		_ = theirs.Close()
	})
	return s, theirs
}

func TestSocketTransfersEverything(t *testing.T) {
	s, peer := sockets(t)
	sent := make([]byte, 8<<20) // far more than fits into the buffers of a connection
	_, _ = rand.Read(sent)      // never fails
	var both sync.WaitGroup
	for _, direction := range [][2]net.Conn{{s, peer}, {peer, s}} {
		both.Go(func() {
			n, err := direction[0].Write(sent)
			require.NoError(t, err)
			require.Equal(t, len(sent), n)
		})
		both.Go(func() {
			got := make([]byte, len(sent))
			_, err := io.ReadFull(direction[1], got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(sent, got))
		})
	}
	both.Wait()
	n, err := s.Write(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestSocketEnds(t *testing.T) {
	t.Run("orderly", func(t *testing.T) {
		s, peer := sockets(t)
		_, err := peer.Write([]byte("last"))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		got, err := io.ReadAll(s)
		require.NoError(t, err)
		require.Equal(t, "last", string(got))
	})
	t.Run("reset", func(t *testing.T) {
		s, peer := sockets(t)
		tcp, ok := peer.(*net.TCPConn)
		require.True(t, ok)
		require.NoError(t, tcp.SetLinger(0))
		require.NoError(t, tcp.Close())
		_, err := s.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.ErrorContains(t, err, "read tcp "+s.LocalAddr().String())
		_, err = s.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
	})
	t.Run("closed by us", func(t *testing.T) {
		s, _ := sockets(t)
		failed := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			failed <- err
		}()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-failed, net.ErrClosed)
		_, err := s.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// TestSocketDeadlines has a peer that neither writes nor reads.
func TestSocketDeadlines(t *testing.T) {
	s, _ := sockets(t)
	require.NoError(t, s.SetDeadline(time.Now().Add(10*time.Millisecond)))
	_, err := s.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	n, err := s.Write(make([]byte, 64<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, n, 64<<20)
	require.NoError(t, s.SetDeadline(time.Time{}))
}

// readable tells whether the kernel would wake who waits to read.
func (s *socket) readable(t *testing.T) bool {
	t.Helper()
	var n int
	var err error
	require.NoError(t, s.raw.Control(func(fd uintptr) {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) //nolint:gosec // A descriptor fits.
	}))
	require.NoError(t, err)
	return n > 0
}

// TestSocketLowWater: nobody is woken for less than the mark, but by a lower one,
// by more, or by the end.
func TestSocketLowWater(t *testing.T) {
	for name, wake := range map[string]func(s *socket, peer net.Conn) bool{
		"lower mark": func(s *socket, _ net.Conn) bool { return s.setLowWater(1) },
		"more": func(_ *socket, peer net.Conn) bool {
			_, err := peer.Write(make([]byte, 1000))
			return err == nil
		},
		"end": func(_ *socket, peer net.Conn) bool { return peer.Close() == nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, peer := sockets(t)
			require.True(t, s.setLowWater(1000))
			read := make(chan int, 1)
			write := func() {
				_, err := peer.Write([]byte("few"))
				require.NoError(t, err)
			}
			write()
			require.False(t, s.readable(t))
			require.Equal(t, len("few"), s.unread())
			require.True(t, wake(s, peer))
			require.True(t, s.readable(t))

			// The same holds for who waits already.
			s, peer = sockets(t)
			require.True(t, s.setLowWater(1000))
			go func() {
				n, _ := s.Read(make([]byte, 2000))
				read <- n
			}()
			write()
			require.True(t, wake(s, peer))
			require.NotZero(t, <-read)
		})
	}
	s, _ := sockets(t)
	require.NoError(t, s.Close())
	require.False(t, s.setLowWater(1))
	require.Zero(t, s.unread())
}

// trickle is an SMSC that answers one message at a time. Of some, it answers one
// only when the next one has come, so that all others of the window remain due.
func trickle(conn net.Conn, window int) {
	frames := pdu.NewReader(conn, 0)
	var due [][]byte
	for n := 0; ; n++ {
		frame, err := frames.ReadFrame()
		if err != nil {
			return
		}
		answer := append([]byte{0, 0, 0, 17, 0x80}, frame[5:16]...)
		due = append(due, append(answer, 0))
		ready := len(due)
		if n%2000 >= 1000 && n%2000 < 1100 {
			ready = max(ready-window+1, 0)
		}
		for _, answer := range due[:ready] {
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
		due = due[ready:]
	}
}

// TestPeerThatTrickles: whatever the pace of answers, none is left lying.
func TestPeerThatTrickles(t *testing.T) {
	const window = 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // It has served.
	go func() {
		if conn, err := l.Accept(); err == nil {
			trickle(conn, window)
		}
	}()
	p, err := NewPool(PoolConfig{Connector: Connector{Address: l.Addr().String(), Config: Config{Window: window}}})
	require.NoError(t, err)
	var submitting sync.WaitGroup
	for range 2 * window {
		submitting.Go(func() {
			for range 500 {
				_, err := p.Submit(context.Background(), &pdu.SubmitSM{ShortMessage: []byte("text")}, Submission{})
				require.NoError(t, err)
			}
		})
	}
	submitting.Wait()
	require.NoError(t, p.Stop(context.Background()))
}
