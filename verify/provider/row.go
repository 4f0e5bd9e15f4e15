package provider

import (
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// These make the rows of the tables short.

// headers selects a header field; of several names, the first that is there.
func headers(names ...string) verify.Selector { return verify.Selector{Headers: names} }

// behind selects what stands behind a prefix in a header field.
func behind(name, prefix string) verify.Selector {
	return verify.Selector{Headers: []string{name}, Prefix: prefix}
}

// listed selects the members with a prefix of the list in a header field.
func listed(name, split, prefix string) verify.Selector {
	return verify.Selector{Headers: []string{name}, Split: split, Prefix: prefix}
}

func member(pointer string) verify.Selector { return verify.Selector{JSON: pointer} }

// unix is where a time in seconds is, which may be five minutes off.
func unix(s verify.Selector) *verify.TimestampConfig {
	return &verify.TimestampConfig{Selector: s}
}

// unixWithin is unix for senders that say another tolerance.
func unixWithin(tolerance time.Duration, s verify.Selector) *verify.TimestampConfig {
	return &verify.TimestampConfig{Selector: s, Tolerance: tolerance}
}

// Timestamps in other formats.
func unixMilli(s verify.Selector) *verify.TimestampConfig {
	return &verify.TimestampConfig{Selector: s, Format: verify.UnixMilli}
}

func rfc3339(s verify.Selector) *verify.TimestampConfig {
	return &verify.TimestampConfig{Selector: s, Format: verify.RFC3339}
}

// always is for handshakes that need no settings.
func always(h handshake) func(*Settings) (handshake, error) {
	return func(*Settings) (handshake, error) { return h, nil }
}
