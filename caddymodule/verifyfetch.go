package caddymodule

import (
	"github.com/caddy-relay/caddy-relay/relay/webhook"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// newFetchClient returns what schemes get keys and certificates with. Like
// destinations, it calls public addresses only, unless allowPrivate is set.
func newFetchClient(allowPrivate bool) *fetch.Client {
	guard := webhook.Guard{AllowPrivate: allowPrivate}
	return &fetch.Client{HTTP: fetch.NewHTTPClient(guard.Control)}
}
