package caddymodule

import (
	"context"
	"fmt"
	"syscall"

	"github.com/caddy-relay/caddy-relay/relay/webhook"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// newFetchClient returns what schemes get keys and certificates with. Like
// destinations, it calls public addresses only, unless allowPrivate is set.
func newFetchClient(allowPrivate bool) *fetch.Client {
	guard := webhook.Guard{AllowPrivate: allowPrivate}
	return &fetch.Client{HTTP: fetch.NewHTTPClient(func(ctx context.Context, network, address string, conn syscall.RawConn) error {
		if err := guard.Control(ctx, network, address, conn); err != nil {
			// The guard's own advice is for destinations.
			return fmt.Errorf("%s is no public address; allow_private allows private ones, where a scheme has that option", address)
		}
		return nil
	})}
}
