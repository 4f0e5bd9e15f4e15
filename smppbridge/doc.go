// Package smppbridge is the bridge to SMPP, the protocol of short message
// centers (SMSCs): the destination that turns events into short messages, and
// what turns receipts and messages that come back into events.
//
// [Binds] are the sessions to one SMSC. They outlive configs, and several
// destinations can share them. A [Destination] renders an event into a message,
// submits its parts, and says what became of them. What the SMSC sends goes to
// the destination that the message came from, or else to the latest one.
//
// The package is made of smppbridge/pdu, which encodes and decodes what goes over
// the wire, smppbridge/coding, which turns text into messages and back,
// smppbridge/assembly, which joins the parts of long messages durably,
// smppbridge/session, which keeps sessions up, smppbridge/receipt, which reads
// receipts, and smppbridge/status, which knows what answers mean. Besides these it
// may import relay for the types of events and destinations. Nothing here imports
// Caddy.
package smppbridge
