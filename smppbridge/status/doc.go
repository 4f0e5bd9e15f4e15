// Package status says what to do about the command_status of a response to a
// message: whether to try again, when, how often, and what to change first.
//
// The specification only says what a status means. What senders do about it is
// custom, and SMSCs use some codes in ways of their own, so [Overrides] give
// each code another [Class] for one SMSC. The package imports only the standard
// library and [github.com/caddy-relay/caddy-relay/smppbridge/pdu].
package status
