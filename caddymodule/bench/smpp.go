//go:build linux

package main

import (
	"context"
	"fmt"
)

// messageConnections is how many connections there are for each one of the other
// scenarios. The relay answers once an event is on disk, and Kannel at once: with
// few connections, it is the sender that one of the two waits for.
const messageConnections = 4

const (
	// messageSite accepts what a sender sends, as relaySite does.
	messageSite = `
	route /in {
		verify standard_webhooks SECRET
		relay bench {
			to sms
		}
	}
`
	messageApp = `
		queue sqlite QUEUE
		destination sms smpp SMSC {
			system_id bench
			password bench
			source_addr 12345
			dest_addr {event.json.to}
			text {event.json.text}
			window WINDOW
			receipts {
				to sink
			}
		}
		destination sink webhook http://SINK/receipt {
			allow_private
			sign standard_webhooks SECRET
		}
`
)

// Messages all the way: submitted, and back as receipts. The relay makes one
// webhook of each. Kannel makes two callbacks of each, when the SMSC has the message
// and when it is delivered, or only the latter one.
var (
	smpp      = target{name: "smpp", format: formatMessage, site: messageSite, app: messageApp, sink: "normal", delivers: true, smpp: true}
	kannel    = target{name: "kannel", format: formatSendSMS, callbackMask: kannelEvery, sink: "normal", delivers: true, smpp: true}
	kannelOne = target{name: "kannel, one callback", format: formatSendSMS, callbackMask: kannelFinal, sink: "normal", delivers: true, smpp: true}
)

// requireOnce fails unless each of all the events that were sent to a server, from
// the sequence number first, was submitted once and came back once. The server is
// stopped by now, so that nothing more is on its way.
func (b *bench) requireOnce(ctx context.Context, first uint64, before smscCounts) error {
	after, err := b.smsc.counts(ctx)
	if err != nil {
		return err
	}
	arrived, err := b.sink.counts(ctx)
	if err != nil {
		return err
	}
	sent := b.next - first
	if submits := after.Submits - before.Submits; submits != sent || arrived.Repeats > 0 || arrived.Foreign > 0 {
		return fmt.Errorf("of %d messages, %d were submitted; %d receipts were repeated, and %d failed", sent, submits, arrived.Repeats, arrived.Foreign)
	}
	return nil
}
