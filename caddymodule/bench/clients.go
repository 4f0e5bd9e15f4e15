//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// clients bind to an SMSC and stay idle.
type clients struct {
	address  string
	systemID string
	password string
	binds    int
}

// runClients binds until ctx is done. It listens on the control address as soon
// as all sessions are bound, and fails if one of them ends.
func runClients(ctx context.Context, args []string, stderr io.Writer) error {
	var c clients
	flags := newFlags("bench clients", stderr)
	flags.StringVar(&c.address, "address", "127.0.0.1:2775", "the SMSC to bind to")
	flags.StringVar(&c.systemID, "system-id", account, "the account")
	flags.StringVar(&c.password, "password", account, "its password")
	flags.IntVar(&c.binds, "binds", 1000, "number of sessions")
	control := flags.String("control", "127.0.0.1:9001", "where to listen once all are bound")
	if err := flags.Parse(args); err != nil {
		return err
	}
	lost := make(chan error, 1)
	for i := range c.binds {
		s, err := c.connect(ctx)
		if err != nil {
			return fmt.Errorf("%d of %d sessions are bound: %w", i, c.binds, err)
		}
		defer s.Close() //nolint:errcheck // nothing is left to be done
		go func() {
			<-s.Done()
			select {
			case lost <- s.Err():
			default: // One is enough.
			}
		}()
	}
	ready, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	defer ready.Close() //nolint:errcheck // nothing is buffered in it
	select {
	case <-ctx.Done():
		return nil
	case err := <-lost:
		return errors.Join(errors.New("a session has ended"), err)
	}
}

func (c *clients) connect(ctx context.Context) (*session.Session, error) {
	connector := session.Connector{
		Address: c.address,
		Bind:    pdu.Bind{SystemID: c.systemID, Password: c.password},
	}
	return connector.Connect(ctx, pdu.BindTransceiver)
}
