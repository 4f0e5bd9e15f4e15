// Package relay is the engine of caddy-relay: it takes events, keeps them in
// a durable [Queue], and delivers each to its destinations until it has been
// delivered or become a dead letter.
//
// The package knows nothing of Caddy, HTTP servers, or verification, and must
// not import them. Queue engines live below relay/queue, destinations in
// relay/webhook and elsewhere; both import this package, never the reverse.
package relay
