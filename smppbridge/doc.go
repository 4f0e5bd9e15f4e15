// Package smppbridge is the bridge to SMPP, the protocol of short message
// centers. It is made of [github.com/caddy-relay/caddy-relay/smppbridge/pdu],
// which encodes and decodes what goes over the wire, and
// [github.com/caddy-relay/caddy-relay/smppbridge/coding], which turns text into
// messages and back. Nothing here imports Caddy.
package smppbridge
