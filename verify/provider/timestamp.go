package provider

import (
	"strconv"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// parseUnix reads seconds since 1970. There are at most 13 digits and nothing
// else: a sign or a space would be a second way to write the same time.
func parseUnix(s string) (t time.Time, ok bool) {
	if len(s) > 13 {
		return time.Time{}, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// checkAge returns an error if t is older than maxAge, or ahead of our clock by
// more than the default tolerance. Both limits are inclusive.
func checkAge(now, t time.Time, maxAge time.Duration, field string) error {
	// Sub saturates, so absurd times stay on their side of the tolerance.
	switch age := now.Sub(t); {
	case age > maxAge:
		return &verify.Error{Reason: verify.ReasonStale, Field: field}
	case age < -verify.DefaultTolerance:
		return &verify.Error{Reason: verify.ReasonFuture, Field: field}
	}
	return nil
}
