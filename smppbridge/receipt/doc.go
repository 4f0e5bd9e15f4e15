// Package receipt understands SMPP delivery receipts and finds the messages that
// they are about.
//
// A [Parser] reads a receipt from deliver_sm or data_sm: from its TLVs, and from
// text, which every SMSC writes in its own way. A [Matcher] finds the message
// among those that were submitted, although an SMSC may write its id in another
// way than in the response, and learns which way that is. [Early] keeps receipts
// that come before the response does, and [Parts] makes one state of those of the
// parts of a long message.
//
// Everything here is in memory and reads no clock. What has to outlive a restart
// is the caller's: the messages, to be found by [StoreKey] and [Matcher.Keys];
// receipts that nothing is known about; and [Parts], which is made for that. The
// package imports only the standard library,
// [github.com/caddy-relay/caddy-relay/smppbridge/pdu] and
// [github.com/caddy-relay/caddy-relay/smppbridge/coding].
package receipt
