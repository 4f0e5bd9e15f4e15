package webhook

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter is the longest wait that is believed. It is far above any
// sensible schedule, and far from the limits of a [time.Duration].
const maxRetryAfter = 30 * 24 * time.Hour

// parseRetryAfter returns the wait that the value of a Retry-After field asks
// for (RFC 9110, section 10.2.3: seconds, or a date), at most maxRetryAfter. A
// value that is missing, malformed or in the past asks for none.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if isDigits(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	// Sub saturates, so dates of any year are safe.
	return min(max(date.Sub(now), 0), maxRetryAfter)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
