// Package smsc is the side of the bridge that other systems bind to, as they would
// to the short message center (SMSC) of an operator: what they submit becomes
// events, and events can be delivered to them.
//
// A [Server] accepts connections, lets accounts bind, and answers each message
// with a message_id once its event is durable. It outlives configs: what becomes
// of messages is said by the [Route] that was activated last. A [Destination]
// delivers events to the sessions that an account has bound, and a
// [ReceiptDestination] tells accounts what became of their messages.
//
// "3.4" in comments refers to SMPP 3.4 issue 1.2, "ESME" is who binds. The package
// is made of smppbridge/pdu, smppbridge/coding, smppbridge/assembly,
// smppbridge/session, smppbridge/receipt and smppbridge/status. Besides these it may
// import relay for the types of events and destinations. It does not import Caddy.
package smsc
