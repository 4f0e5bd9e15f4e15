// Package session runs SMPP sessions over network connections, as the ESME that
// binds and as the SMSC that is bound to. "3.4" in comments refers to SMPP 3.4
// issue 1.2.
//
// A [Session] sends requests with Do, and hands those of its peer to a
// [Handler], which may answer later and from another goroutine. It looks after
// all that is about the connection and not about messages: framing, the
// window, timeouts, enquire_link, generic_nack and unbind. A [Connector] makes
// one session of an ESME; a [Pool] keeps several of them bound, whatever
// happens, and picks one for each message. A [Server] makes the sessions of an
// SMSC from connections that were accepted.
//
// # What became of a request
//
// Do returns exactly one of three things: the response of the peer, whatever its
// status; an [*Error] that says that nothing was sent, so that it is safe to try
// again; or an [*Error] that says that the request may have been carried out.
// In the last case the response can still come late, and is given to the
// function that was passed to Do.
//
// # What a peer can't do
//
// No peer can make a session hold more than its limits: the length of a PDU, how
// long it takes once it has begun, the number of requests that wait for our
// answers, the octets of answers that it does not read, and the number of late
// responses that are waited for. No answer of a peer can block the goroutine that
// reads, so two peers with full windows never wait for each other.
//
// The package imports only the standard library,
// [github.com/caddy-relay/caddy-relay/smppbridge/pdu], golang.org/x/time/rate, and
// golang.org/x/sys/unix on Linux, where a busy session is woken less often.
// All of its time comes from the time package, so that testing/synctest controls
// it. It never logs; what happens is told to an [Observer], without passwords or
// texts.
package session
