package session

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a TCP connection that does not tell Go's scheduler of its system
// calls. None of them ever waits, since the poller does, so the scheduler need not
// look after a thread that might. For the first call after each pause it would
// even wake a thread of its own to do that, at a third of the cost of a session
// that is busy.
//
// One goroutine can read while another one writes.
type socket struct {
	net.Conn
	raw     syscall.RawConn
	in, out transfer
}

// transfer is one direction of a socket.
type transfer struct {
	// op is the name of the system call, and trap its number.
	op   string
	trap uintptr
	// whole tells to go on until all is done.
	whole bool
	// try is the transfer's own method, which would be allocated for each call.
	try func(fd uintptr) bool
	buf []byte
	n   int
	err syscall.Errno
}

// newSocket returns a connection that is better to use, if there is one.
func newSocket(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	s := &socket{
		Conn: conn, raw: raw,
		in:  transfer{op: "read", trap: syscall.SYS_READ},
		out: transfer{op: "write", trap: syscall.SYS_WRITE, whole: true},
	}
	s.in.try, s.out.try = s.in.attempt, s.out.attempt
	return s
}

// Read implements [io.Reader].
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := s.transfer(&s.in, p, s.raw.Read)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write implements [io.Writer].
func (s *socket) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return s.transfer(&s.out, p, s.raw.Write)
}

// transfer transfers p, waiting for the poller as run does.
func (s *socket) transfer(t *transfer, p []byte, run func(func(fd uintptr) bool) error) (int, error) {
	t.buf, t.n, t.err = p, 0, 0
	err := run(t.try)
	t.buf = nil
	if err == nil && t.err != 0 {
		err = &net.OpError{
			Op: t.op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(),
			Err: os.NewSyscallError(t.op, t.err),
		}
	}
	return t.n, err
}

// attempt transfers what is possible now, and tells whether that is all there is to
// do.
func (t *transfer) attempt(fd uintptr) bool {
	for {
		rest := t.buf[t.n:]
		n, _, err := syscall.RawSyscall(t.trap, fd, uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest))) //nolint:gosec // What is left is never empty.
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != 0:
			t.err = err
			return true
		}
		t.n += int(n) //nolint:gosec // At most len(rest).
		if !t.whole || t.n == len(t.buf) {
			return true
		}
	}
}

// setLowWater implements [markedConn] (SO_RCVLOWAT of socket(7)).
func (s *socket) setLowWater(octets int) bool {
	if !wakesAtMark() {
		return false
	}
	var err error
	failed := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, octets) //nolint:gosec // A descriptor fits.
	})
	return failed == nil && err == nil
}

// unread implements [markedConn].
func (s *socket) unread() int {
	n := 0
	_ = s.raw.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) //nolint:gosec // A descriptor fits.
	})
	return n
}

// wakesAtMark tells whether the kernel wakes those who wait if the mark is set to
// what is there already, as Linux does from 4.18 on.
var wakesAtMark = sync.OnceValue(func() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 4 || major == 4 && minor >= 18)
})

// Interface guard
var _ markedConn = (*socket)(nil)
