//go:build linux

package main

import "net"

// freeAddress returns an address on the loopback interface that nothing
// listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
