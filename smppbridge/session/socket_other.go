//go:build !linux

package session

import "net"

// newSocket returns the connection as it is.
func newSocket(conn net.Conn) net.Conn { return conn }
